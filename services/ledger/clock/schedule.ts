// Messages that are not to go out before a time: the envelope waits in the database, encrypted, and goes to the router
// when it is due. Until then it can be cancelled.
import type { Callback } from '#shared/messages/callback.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { type Row, runIn, type Sql } from '../database/database.ts';
import { readSheet } from '../record/read.ts';
import type { Recorder } from '../record/record.ts';
import type { Seal } from '../seal.ts';

export const AT_ONCE = 1_000;

type Waiting = Row & { id: string; sealed: string };

/**
 * Messages whose time has come, marked so that no one cancels them any more. Runs in a transaction; when that is on disk
 * they may go to the router, and when the broker has them, `released` forgets their texts. What a ledger that ended left
 * in between comes again: the router and the worker recognise it.
 */
export async function release(sql: Sql, seal: Seal, now: number): Promise<Sms[]> {
  const text = 'select id, sealed from scheduled where releasing = 0 and release_at <= $1 order by release_at limit $2';
  const rows = await sql.rows<Waiting>(text, now, AT_ONCE);
  const ids = rows.map(({ id }) => id);
  await runIn(sql, 'update scheduled set releasing = 1 where id in', ids);
  await runIn(
    sql,
    "update message set state = 'accepted', state_at = $1 where state = 'scheduled' and id in",
    ids,
    now,
  );
  return rows.map((row) => opened(row, seal));
}

/** The ledger was not there between `release` and `released`. */
export async function leftOver(sql: Sql, seal: Seal): Promise<Sms[]> {
  const rows = await sql.rows<Waiting>('select id, sealed from scheduled where releasing = 1 limit $1', AT_ONCE);
  return rows.map((row) => opened(row, seal));
}

export const released = (sql: Sql, messages: readonly Sms[]) =>
  runIn(
    sql,
    'delete from scheduled where id in',
    messages.map(({ id }) => id),
  );

/** The envelope as the router gets it: held no longer. */
function opened({ id, sealed }: Waiting, seal: Seal): Sms {
  const { notBefore, ...sms } = JSON.parse(seal.open(sealed, id)) as Sms;
  return notBefore === undefined ? sms : { ...sms, releasedAt: notBefore };
}

export type Cancelled = { state: 'cancelled' | 'too late' | 'unknown' };

/** Ends a scheduled message. `client` limits it to that client's own. Runs in a transaction. */
export async function cancel(
  sql: Sql,
  recorder: Recorder,
  { id, client }: { id: string; client?: string | undefined },
  now: number,
): Promise<Cancelled & { callbacks: Callback[]; after: (() => void)[] }> {
  const sheet = await readSheet(sql, [], { ids: [id] });
  const message = sheet.message(id);
  const none = { callbacks: [], after: [] };
  if (!message?.known || (client !== undefined && message.client !== client)) return { state: 'unknown', ...none };
  if (message.state === 'cancelled') return { state: 'cancelled', ...none };
  if ((await sql.run('delete from scheduled where id = $1 and releasing = 0', id)) === 0)
    return { state: 'too late', ...none };
  const callbacks = recorder.cancel(sheet, message, now);
  await sheet.write(sql);
  return { state: 'cancelled', callbacks, after: sheet.after };
}
