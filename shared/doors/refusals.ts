// What a door refused or found odd, for `hermod refusals`: the last 200 of each door, in memory, without any text.
import type { Bus } from '../bus/bus.ts';

const MOST_KEPT = 200;
const MOST_FIELDS = 24;

export type Refusal = {
  /** Epoch ms. */
  at: number;
  address: string;
  /** Known only when it was verified. */
  client?: string;
  /** The client that it says it is, which nothing proves. Never another name: that may be a password in the wrong field. */
  claimed?: string;
  /** From a closed set of words. */
  reason: string;
  /** More about the reason, in words of this program. */
  detail?: string;
  /** Names of the fields that the request had; never their values. */
  fields?: string[];
};

/** A door's answer to `hermod refusals`. */
export type RefusalsOf = { door: string; refusals: Refusal[] };

const kept = new Map<string, Refusal[]>();

/** Field names come from outside: what does not look like a name, such as a PIN behind a stray `&`, is not shown. */
const safe = (name: string) => (/^[A-Za-z][A-Za-z0-9_.-]{0,39}$/.test(name) ? name : '?');

export function rememberRefusal(door: string, refusal: Refusal): void {
  const list = kept.get(door) ?? [];
  if (!kept.has(door)) kept.set(door, list);
  const { fields } = refusal;
  list.push(fields ? { ...refusal, fields: fields.slice(0, MOST_FIELDS).map(safe) } : refusal);
  if (list.length > MOST_KEPT) list.shift();
}

/** Answers `hermod refusals` for this door of this process. */
export const serveRefusals = (bus: Bus, door: string): Promise<void> =>
  bus.listen((item, reply) => {
    if (item.kind === 'ask' && item.what === 'refusals') {
      reply({ door, refusals: kept.get(door) ?? [] } satisfies RefusalsOf);
    }
  });

/** Asks all doors of all replicas; what does not answer within `forMs` is not in it. */
export const askRefusals = (bus: Bus, forMs = 1_000): Promise<RefusalsOf[]> =>
  bus.askAll({ kind: 'ask', what: 'refusals' }, forMs) as Promise<RefusalsOf[]>;
