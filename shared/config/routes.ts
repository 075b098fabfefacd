// The configuration of routing: the section `routes`, and what a provider's row says about the messages that it takes.
import { z } from 'zod';
import { isCountry } from '../sms/country.ts';
import { LANES } from '../topology.ts';
import { pattern } from './mail.ts';
import type { Config, Route } from './schema.ts';
import { duration } from './units.ts';

const MOST_IN_LIST = 1_000;
const MOST_SENDER = 20;
const MOST_NAME = 256;
const COUNTRY = "a country's two capital letters, such as DE or GB";
const WEIGHT = 'a weight is a whole number from 1 to 1000: leave out who shall get nothing';
export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const DAY = `(${DAYS.join('|')})`;

/** One value, or a list of which any may hold. */
const anyOf = <T extends z.ZodType>(item: T, what: string) =>
  z.union([item, z.array(item).min(1).max(MOST_IN_LIST)], `${what}, or a list of them`);

const prefix = z.string().regex(/^\d{1,15}$/, 'leading digits of the number in E.164, without a plus');
const sender = z.string().min(1).max(MOST_SENDER);
const words = z.string().min(1).max(MOST_NAME);
const clock = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/, 'a time of the day, such as "08:00"');
/** Money for one segment or one message: all in one currency, which is nowhere named. */
const money = z.number().min(0).max(1_000_000);

const timeWindow = z
  .strictObject({
    /** Days on which the window opens, such as `[mon-fri, sun]`; every day when absent. */
    days: z
      .array(z.string().regex(new RegExp(`^${DAY}(-${DAY})?$`), 'a day or days in a row, such as sat or mon-fri'))
      .min(1)
      .max(7)
      .optional(),
    /** Open from this minute until before that one. A `to` before `from` is on the next day. */
    from: clock.optional(),
    to: clock.optional(),
    zone: z.string().refine(isZone, 'this is not a time zone of the IANA database, such as Europe/Berlin'),
  })
  .refine(({ from = '00:00', to = '24:00' }) => from !== to, 'from and to are the same: leave both out for whole days');

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

const condition = <N extends z.ZodType<string>, W extends z.ZodType<string>>(name: N, network: W) =>
  z.strictObject({
    client: anyOf(name, "a client's name"),
    lane: anyOf(z.enum(LANES), LANES.join(' or ')),
    door: anyOf(z.enum(['http', 'smtp', 'smpp']), 'http, smtp or smpp'),
    prefix: anyOf(prefix, 'leading digits of the number in E.164 in quotes, without a plus'),
    /** Sender that the client gave, or its own. */
    sender: anyOf(sender, 'a sender in quotes'),
    /** The person for whom the client sends, where it says so (`x-user`, `x-realm`); realms in small or capital letters. */
    user: anyOf(words, "a user's name"),
    realm: anyOf(words, "a realm's name"),
    /** What the client marked the message with (`x-tag`). */
    tag: anyOf(words, 'a tag'),
    /** Where the request came from. */
    address: anyOf(network, 'an address or a network, such as 192.168.0.0/16'),
    time: timeWindow,
    /** ISO 3166 code of the recipient's country. */
    country: anyOf(z.string().refine(isCountry, COUNTRY), COUNTRY),
    /** RE2, found anywhere in the text; letters as written, or any with `(?i)` in front. */
    text: pattern,
  });

const weights = <N extends z.ZodType<string>>(name: N) =>
  z
    .record(name, z.int(WEIGHT).min(1, WEIGHT).max(1_000, WEIGHT))
    .refine((group) => Object.keys(group).length > 0, 'a group without a provider');

export const routesSection = <N extends z.ZodType<string>, W extends z.ZodType<string>>(name: N, network: W) =>
  z
    .array(
      z.strictObject({
        /** All that are given must hold; without any it takes every message. */
        when: condition(name, network).partial().default({}),
        /** Providers in the order in which they are tried; a group shares its place by weight. */
        to: z
          .array(
            z.union(
              [name, weights(name)],
              "a provider's name, or several with weights from 1 to 1000, such as { main: 3, spare: 1 }",
            ),
          )
          .min(1)
          .max(100),
        /** In a group: the same number stays with the same provider for this long. */
        pin: duration.refine((ms) => ms >= 60_000, 'at least 1min').optional(),
        /** Highest cost of one message: a provider's cost times the segments. */
        maxCost: money.optional(),
        /**
         * Without a delivery receipt within this time of the first hand-over, or when a provider says sooner that it failed,
         * the message goes out once more, by the providers of `fallback`; never after its validity. Providers of `to` are
         * asked for receipts.
         */
        fallbackAfter: duration.refine((ms) => ms >= 10_000, 'at least 10s').optional(),
        /** Providers of another bearer, in the order in which they are tried. */
        fallback: z.array(name).min(1).max(10).optional(),
      }),
    )
    .max(1_000)
    .default([]);

/** What a provider of any bearer says about the messages that it takes. */
export const providerRouting = <N extends z.ZodType<string>>(name: N) => {
  const group = z.strictObject({
    clients: z.array(name).min(1).max(MOST_IN_LIST).optional(),
    prefixes: z.array(prefix).min(1).max(MOST_IN_LIST).optional(),
  });
  return {
    /** Takes what no route matches. */
    default: z.boolean().optional(),
    /** Only these. */
    allow: group.optional(),
    /** Not these. Beside it, `allow.prefixes` names exceptions; beside `allow.clients` it has no say about clients. */
    deny: group.optional(),
    /** For these it comes ahead of the other providers of a route. */
    prefer: group.optional(),
    /** Senders as this provider gets them, by the sender that the client gave; `*` for all others. */
    senders: z.record(sender, sender).optional(),
    /** For one segment, in the same currency everywhere. */
    cost: money.optional(),
    /** Most segments of one message. */
    maxSegments: z.int().min(1).max(255).optional(),
  };
};

/** The ranks of a route: each a provider with its weight, or several. */
export const ranksOf = ({ to }: Pick<Route, 'to'>): [provider: string, weight: number][][] =>
  to.map((rank) => (typeof rank === 'string' ? [[rank, 1]] : Object.entries(rank)));

type Fault = { path: (string | number)[]; message: string };

/** What is wrong between the routes, the providers and the clients, with its place. */
export const routesFault = (config: Config): Fault | undefined => faults(config).next().value ?? undefined;

function* faults({ clients, providers, routes }: Config): Generator<Fault, undefined> {
  const noClient = (client: string, path: Fault['path']): Fault[] =>
    Object.hasOwn(clients, client) ? [] : [{ path, message: `there is no client ${client}` }];
  for (const [i, { when, to, maxCost, fallbackAfter, fallback }] of routes.entries()) {
    if ((fallbackAfter === undefined) !== (fallback === undefined))
      yield { path: ['routes', i], message: 'fallbackAfter and fallback belong together' };
    for (const [j, provider] of (fallback ?? []).entries()) {
      const path = ['routes', i, 'fallback', j];
      if (!Object.hasOwn(providers, provider)) yield { path, message: `there is no provider ${provider}` };
      else if (ranksOf({ to }).some((rank) => rank.some(([one]) => one === provider)))
        yield { path, message: `the route leads to ${provider} already: a fallback is another way` };
    }
    const at = ['routes', i, 'when', 'client'];
    if (typeof when.client === 'string') yield* noClient(when.client, at);
    else for (const [j, client] of (when.client ?? []).entries()) yield* noClient(client, [...at, j]);
    for (const [j, rank] of to.entries()) {
      for (const provider of typeof rank === 'string' ? [rank] : Object.keys(rank)) {
        const path = ['routes', i, 'to', j, ...(typeof rank === 'string' ? [] : [provider])];
        if (!Object.hasOwn(providers, provider)) yield { path, message: `there is no provider ${provider}` };
        else if (maxCost !== undefined && providers[provider]!.cost === undefined)
          yield { path, message: `the route has a maxCost, so provider ${provider} needs a cost (0 is one)` };
      }
    }
  }
  let chosen: string | undefined;
  for (const [name, row] of Object.entries(providers)) {
    for (const key of ['allow', 'deny', 'prefer'] as const) {
      for (const [j, client] of (row[key]?.clients ?? []).entries())
        yield* noClient(client, ['providers', name, key, 'clients', j]);
    }
    if (!row.default) continue;
    if (chosen) yield { path: ['providers', name, 'default'], message: `${chosen} is the default provider already` };
    chosen = name;
  }
}
