// Searches among messages. What no index finds is looked through, the newest first, a slice at a time, so that what is to
// be written never waits long; and for a bounded time, after which whoever asks goes on from where it ended.
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
const SLICE_END = 'select id from message where id < $1 and id >= $2 order by id desc limit 1 offset $3';

export async function search(sql: Sql, seal: Seal, sought: Sought, forMs = FOR_MS, slice = SLICE): Promise<Found> {
  const { since, before = LAST_ID, limit } = sought;
  const { where, values } = conditionsOf(sought, seal);
  const lowest = firstIdAt(since);
  const until = performance.now() + forMs;
  const rows: MessageRow[] = [];
  for (let top = before; ; await turn()) {
    const [end] = await sql.rows<{ id: string }>(SLICE_END, top, lowest, slice - 1);
    const text = `select * from message where id < $1 and id >= $2 and ${where} order by id desc limit $3`;
    rows.push(...(await sql.rows<MessageRow>(text, top, end?.id ?? lowest, limit - rows.length, ...values)));
    if (rows.length === limit) return { rows, next: rows.at(-1)!.id };
    if (!end) return { rows };
    if (performance.now() > until) return { rows, next: end.id, lookedBackTo: timeOfId(end.id) };
    top = end.id;
  }
}

/** The parameters begin at $4. */
function conditionsOf({ client, state, provider, to, digits }: Sought, seal: Seal) {
  const conditions = ['known = 1'];
  const values: Value[] = [];
  const add = (condition: string, ...sought: (string | undefined)[]) => {
    if (sought[0] === undefined) return;
    conditions.push(condition.replaceAll('?', () => `$${3 + values.push(sought.shift()!)}`));
  };
  add('client = ?', client);
  add('state = ?', state);
  add('provider = ?', provider);
  add('(number = ? or number_hash = ?)', to, to && seal.hash(to));
  add('(number like ? or number_hash = ?)', digits && `%${digits}`, digits && seal.hash(digits));
  return { where: conditions.join(' and '), values };
}
