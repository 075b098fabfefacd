// Searches among messages. An index knows numbers by their last four digits, and by their hash once they are cut. What
// no index finds is looked through, the newest first, a slice at a time, so that what is to be written never waits long;
// and for a bounded time, after which whoever asks goes on from where it ended.
import { setImmediate as turn } from 'node:timers/promises';
import { firstIdAt, timeOfId } from '#shared/messages/id.ts';
import type { Sql, Value } from '../database/database.ts';
import type { MessageRow } from '../record/rows.ts';
import type { Seal } from '../seal.ts';

export type Sought = {
  client?: string | undefined;
  state?: string | undefined;
  provider?: string | undefined;
  /** E.164 digits, or the last ones of them. */
  to?: string | undefined;
  digits?: string | undefined;
  /** Epoch ms. */
  since: number;
  /** Older than this message. */
  before?: string | undefined;
  limit: number;
};
/** `next` is the `before` of the next page, absent on the last. `lookedBackTo` (epoch ms): there was no time for more. */
export type Found = { rows: MessageRow[]; next?: string; lookedBackTo?: number };

/** Messages in a slice: some 10 ms when nothing matches. */
const SLICE = 20_000;
const FOR_MS = 150;
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
/** As in migration 012, to the letter: else no database uses that index. */
const NUMBER_END = 'substr(number, length(number) - 3)';
const END_DIGITS = 4;

export async function search(sql: Sql, seal: Seal, sought: Sought, forMs = FOR_MS, slice = SLICE): Promise<Found> {
  const { since, limit } = sought;
  const lowest = firstIdAt(since);
  const until = performance.now() + forMs;
  const rows: MessageRow[] = [];
  for (const { among, key, where, values } of passesOf(sought, seal)) {
    const within = `from message where id < $1 and id >= $2 and ${among}`;
    const endText = `select id ${within} order by id desc limit 1 offset $3`;
    const text = `select * ${within} and ${where} order by id desc limit $3`;
    for (let top = sought.before ?? LAST_ID; ; await turn()) {
      const [end] = await sql.rows<{ id: string }>(endText, top, lowest, slice - 1, ...key);
      const wanted = limit - rows.length;
      rows.push(...(await sql.rows<MessageRow>(text, top, end?.id ?? lowest, wanted, ...key, ...values)));
      if (rows.length === limit) return { rows, next: rows.at(-1)!.id };
      if (!end) break;
      if (performance.now() > until) return { rows, next: end.id, lookedBackTo: timeOfId(end.id) };
      top = end.id;
    }
  }
  return { rows };
}

/** Of the messages `among` which an index finds those with `key`, its value as $4, those `where` the rest holds. */
type Pass = { among: string; key: Value[]; where: string; values: Value[] };

/** One after the other they find the newest first: numbers are cut in the order of ids. */
function passesOf(sought: Sought, seal: Seal): Pass[] {
  const number = sought.to ?? sought.digits;
  if (number === undefined || number.length < END_DIGITS)
    return [{ among: 'true', key: [], ...conditionsOf(sought, 4) }];
  const cut = { ...sought, to: undefined, digits: undefined };
  return [
    { among: `${NUMBER_END} = $4`, key: [number.slice(-END_DIGITS)], ...conditionsOf(sought, 5) },
    { among: 'number_hash = $4', key: [seal.hash(number)], ...conditionsOf(cut, 5) },
  ];
}

/** The parameters begin at `first`. */
function conditionsOf({ client, state, provider, to, digits }: Sought, first: number) {
  const conditions = ['known = 1'];
  const values: Value[] = [];
  const add = (condition: string, value: string | undefined) => {
    if (value === undefined) return;
    conditions.push(`${condition} $${first + values.length}`);
    values.push(value);
  };
  add('client =', client);
  add('state =', state);
  add('provider =', provider);
  add('number =', to);
  add('number like', digits && `%${digits}`);
  return { where: conditions.join(' and '), values };
}
