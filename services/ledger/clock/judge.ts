// The end of messages of which nothing more is heard: one final state each, and receipts that matched nothing tried again
// or removed. Judged on a watermark: a mark travels through the ledger's queue like any report, and what was on its way
// before the last mark that came back is known. So an outage of the ledger makes nothing late.
import type { Callback } from '#shared/messages/callback.ts';
import type { Sql } from '../database/database.ts';
import { keptOf, readSheet } from '../record/read.ts';
import type { Recorder } from '../record/record.ts';
import type { MessageRow, UnmatchedRow } from '../record/rows.ts';

/** A report may be that long on its way to the queue: its sender could not reach the broker. */
export const GRACE_MS = 30_000;
const AT_ONCE = 500;

export type JudgeOptions = {
  recorder: Recorder;
  receiptsWithin: number;
  /** A receipt is asked for with every message to this provider, not only when the client wants to hear of it. */
  asksAlways(provider: string): boolean;
};

/** What ended, and whether there may be more. */
export type Judged = { callbacks: Callback[]; more: boolean; after: (() => void)[] };

/** `mark` is the watermark, epoch ms. Runs in a transaction. */
export async function judgeDue(sql: Sql, mark: number, now: number, options: JudgeOptions): Promise<Judged> {
  const text = 'select id from message where judge_at <= $1 and final = 0 order by judge_at limit $2';
  const due = await sql.rows<Pick<MessageRow, 'id'>>(text, mark - GRACE_MS, AT_ONCE);
  const ids = due.map(({ id }) => id);
  const sheet = await readSheet(sql, [], { ids });
  const callbacks = ids.flatMap((id) => {
    const message = sheet.message(id)!;
    return options.recorder.judge(sheet, message, options.asksAlways(message.provider), now);
  });
  await sheet.write(sql);
  return { callbacks, more: due.length === AT_ONCE, after: sheet.after };
}

/** Receipts that matched nothing are tried again while messages may still come to them, then they go. */
export async function tryAgain(sql: Sql, mark: number, now: number, options: JudgeOptions): Promise<Judged> {
  await sql.run('delete from unmatched_receipt where at < $1', mark - GRACE_MS - options.receiptsWithin);
  const text = 'select * from unmatched_receipt where try_at <= $1 order by try_at limit $2';
  const rows = await sql.rows<UnmatchedRow & Record<string, never>>(text, now, AT_ONCE);
  const again = rows.map(keptOf);
  const sheet = await readSheet(sql, [], { again });
  const callbacks = again.flatMap((kept) => options.recorder.again(sheet, kept, now));
  await sheet.write(sql);
  return { callbacks, more: rows.length === AT_ONCE, after: sheet.after };
}
