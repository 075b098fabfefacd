// Forgetting: texts, numbers and whole messages leave when their time is over, a few at a time, so that the writer never
// waits long.
import type { Config } from '#shared/config/schema.ts';
import { firstIdAt } from '#shared/messages/id.ts';
import { maskNumber } from '#shared/sms/number.ts';
import { type Row, runIn, type Sql } from '../database/database.ts';
import type { Seal } from '../seal.ts';

const AT_ONCE = 200;
/** The setting that holds the id of the last message whose number was cut. */
const CUT_UP_TO = 'numbers-cut-up-to';
/** And of the last message from a handset. */
const SENDERS_UP_TO = 'senders-cut-up-to';
const REMEMBER =
  'insert into setting (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value';

type Id = Row & { id: string };
type Step = (sql: Sql, now: number) => Promise<number>;

/** Steps, each a transaction's worth; each says how many rows it took, which is less than AT_ONCE when it is done. */
export function retentionSteps(retention: Config['retention'], seal: Seal): Step[] {
  const texts: Step = async (sql, now) => {
    const before = firstIdAt(now - (retention.texts ?? 0));
    const rows = await sql.rows<Id>('select id from kept_text where id < $1 order by id limit $2', before, AT_ONCE);
    await runIn(sql, 'delete from kept_text where id in', idsOf(rows));
    return rows.length;
  };
  const incoming: Step = (sql, now) =>
    sql.run(
      `update incoming set sealed = '' where id in
       (select id from incoming where at < $1 and sealed <> '' order by at limit $2)`,
      now - retention.incoming,
      AT_ONCE,
    );
  const oldIncoming: Step = (sql, now) =>
    sql.run(
      'delete from incoming where id in (select id from incoming where at < $1 order by at limit $2)',
      now - retention.messages,
      AT_ONCE,
    );
  const numbers: Step = async (sql, now) => {
    const [done] = await sql.rows('select value from setting where name = $1', CUT_UP_TO);
    const rows = await sql.rows<Id & { number: string; final: number }>(
      'select id, number, final from message where id > $1 and id < $2 order by id limit $3',
      done?.value ?? '',
      firstIdAt(now - retention.numbers),
      AT_ONCE,
    );
    // One that is still open, such as a scheduled one, holds back those behind it: it needs its number.
    const open = rows.findIndex(({ final }) => !final);
    const mine = open < 0 ? rows : rows.slice(0, open);
    for (const { id, number } of mine) {
      const text = "update message set number = $1, given = '', number_hash = $2, dlr_url = '' where id = $3";
      await sql.run(text, maskNumber(number), seal.hash(number), id);
    }
    const last = mine.at(-1);
    if (last) await sql.run(REMEMBER, CUT_UP_TO, last.id);
    return mine.length;
  };
  const senders: Step = async (sql, now) => {
    const [done] = await sql.rows('select value from setting where name = $1', SENDERS_UP_TO);
    const rows = await sql.rows<Row & { id: number; sender: string }>(
      'select id, sender from incoming where id > $1 and at < $2 order by id limit $3',
      Number(done?.value ?? 0),
      now - retention.numbers,
      AT_ONCE,
    );
    for (const { id, sender } of rows)
      await sql.run('update incoming set sender = $1 where id = $2', maskNumber(sender), id);
    const last = rows.at(-1);
    if (last) await sql.run(REMEMBER, SENDERS_UP_TO, String(last.id));
    return rows.length;
  };
  const messages: Step = async (sql, now) => {
    const text = 'select id from message where id < $1 and final = 1 order by id limit $2';
    const ids = idsOf(await sql.rows<Id>(text, firstIdAt(now - retention.messages), AT_ONCE));
    for (const table of ['attempt', 'outbox']) await runIn(sql, `delete from ${table} where message_id in`, ids);
    for (const table of ['kept_text', 'resent', 'fallback']) await runIn(sql, `delete from ${table} where id in`, ids);
    await runIn(sql, 'delete from message where id in', ids);
    return ids.length;
  };
  const audit: Step = async (sql, now) => {
    if (retention.audit === undefined) return 0;
    const text = 'select distinct entry as id from audit where entry < $1 order by entry limit $2';
    const ids = idsOf(await sql.rows<Id>(text, firstIdAt(now - retention.audit), AT_ONCE));
    await runIn(sql, 'delete from audit where entry in', ids);
    return ids.length;
  };
  return [texts, incoming, oldIncoming, numbers, senders, messages, audit];
}

/** Whether a step that took so many rows may have more to do. */
export const mayHaveMore = (taken: number): boolean => taken >= AT_ONCE;

const idsOf = (rows: readonly Id[]) => rows.map(({ id }) => id);
