// The conditions of a route, compiled once: each says whether it holds for a message, and in words why not.
import type { Route } from '#shared/config/schema.ts';
import { networksOf } from '#shared/doors/networks.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { countryOf } from '#shared/sms/country.ts';
import { openWindow, wallTime, windowWords } from './clock.ts';

/** What conditions look at. `from` is the sender that the client gave, whatever was written into the message since. */
export type Facts = { message: Sms; from: string; now: number; country?: string | null };

export type Condition = {
  holds(facts: Facts): boolean;
  /** Why it does not hold, without the message's text or number. */
  words(facts: Facts): string;
};

/** All conditions that the route names; those that cost least come first. */
export function conditionsOf({ when }: Pick<Route, 'when'>): Condition[] {
  const { prefix, time, text } = when;
  const all: (Condition | undefined)[] = [
    oneOf('client', when.client, ({ message }) => message.client),
    oneOf('lane', when.lane, ({ message }) => message.lane),
    oneOf('door', when.door, ({ message }) => message.door),
    prefix === undefined ? undefined : prefixed([prefix].flat()),
    oneOf('sender', when.sender, ({ from }) => from),
    oneOf('user', when.user, ({ message }) => message.user, 'the client named no user (x-user)'),
    realm(when.realm),
    tagged(when.tag),
    within(when.address),
    duringTime(time),
    oneOf('country', when.country, countryIn, "the number's country is not known"),
    text && { holds: ({ message }) => text.test(message.text), words: () => `the text has no match for ${text}` },
  ];
  return all.filter((condition) => condition !== undefined);
}

/** Whether a number begins with one of these. */
export function prefixed(prefixes: readonly string[]): Condition {
  const begins = new Set(prefixes);
  const lengths = [...new Set(prefixes.map((prefix) => prefix.length))];
  return {
    holds: ({ message: { to } }) => lengths.some((length) => begins.has(to.slice(0, length))),
    words: () => `the number does not begin with ${listed(prefixes)}`,
  };
}

/** `unsaid` is for a value that the message does not have: such a condition never holds. */
export function oneOf(
  what: string,
  wanted: string | readonly string[] | undefined,
  read: (facts: Facts) => string | undefined,
  unsaid = `no ${what}`,
): Condition | undefined {
  if (wanted === undefined) return undefined;
  const set = new Set([wanted].flat());
  return {
    holds: (facts) => {
      const value = read(facts);
      return value !== undefined && set.has(value);
    },
    words: (facts) => {
      const value = read(facts);
      return value === undefined ? `${unsaid}, wanted ${listed(wanted)}` : `${what} is ${value}, not ${listed(wanted)}`;
    },
  };
}

/** Like domain names, realms are the same in small and capital letters. */
function realm(wanted: Route['when']['realm']): Condition | undefined {
  const small = wanted === undefined ? undefined : [wanted].flat().map((one) => one.toLowerCase());
  return oneOf('realm', small, ({ message }) => message.realm?.toLowerCase(), 'the client named no realm (x-realm)');
}

function tagged(wanted: Route['when']['tag']): Condition | undefined {
  if (wanted === undefined) return undefined;
  const set = new Set([wanted].flat());
  return {
    holds: ({ message }) => message.tags?.some((tag) => set.has(tag)) ?? false,
    words: ({ message: { tags } }) =>
      tags ? `tags are ${tags.join(', ')}, not ${listed(wanted)}` : `no tag (x-tag), wanted ${listed(wanted)}`,
  };
}

function within(wanted: Route['when']['address']): Condition | undefined {
  if (wanted === undefined) return undefined;
  const network = networksOf([wanted].flat());
  return {
    holds: ({ message: { address } }) => address !== undefined && network(address),
    words: ({ message: { address = 'not known' } }) => `address is ${address}, not in ${listed(wanted)}`,
  };
}

function duringTime(wanted: Route['when']['time']): Condition | undefined {
  if (wanted === undefined) return undefined;
  const open = openWindow(wanted);
  return {
    holds: ({ now }) => open(now),
    words: ({ now }) => `it is ${wallTime(wanted.zone, now)}, not ${windowWords(wanted)}`,
  };
}

/** Reckoned at most once for a message, and only when a route asks. */
function countryIn(facts: Facts): string | undefined {
  if (facts.country === undefined) facts.country = countryOf(facts.message.to) ?? null;
  return facts.country ?? undefined;
}

export const listed = (values: string | readonly string[]) => [values].flat().join(' or ');
