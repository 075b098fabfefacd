// Fallback: a message for which no delivery receipt comes in time goes to the router once more, for another bearer. The
// router asks for it (report `fallback`) when it first hands the message over; the envelope waits here, encrypted.
import type { ReportOf } from '#shared/messages/report.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { type Row, rowsIn, runIn, type Sql } from '../database/database.ts';
import type { AttemptRow, MessageRow } from '../record/rows.ts';
import type { Sheet } from '../record/sheet.ts';
import type { Seal } from '../seal.ts';

const AT_ONCE = 200;
/** No validity is longer. */
const LONGEST_MS = 60 * 24 * 3_600_000;
/** Hand-overs by the other bearer are counted from here: retries and moves of the first way never come so far. */
export const FALLBACK_HANDOVER = 10_000;

const isOfFallback = ({ handover }: Pick<AttemptRow, 'handover'>) => handover >= FALLBACK_HANDOVER;
const about = (id: string) => `fallback ${id}`;

type Waiting = Row & { id: string; sealed: string };

/**
 * What of this is still to come, in memory: so that a failure of the first way is not taken for the end. Only messages that
 * asked for a fallback are in it, until their validity is over.
 */
export class Fallbacks {
  readonly #seal: Seal;
  readonly #open = new Map<string, number>();

  constructor(seal: Seal) {
    this.#seal = seal;
  }

  get isEmpty(): boolean {
    return this.#open.size === 0;
  }

  /** The router has handed the message over for the first time. */
  asked(sheet: Sheet, { id, due, message }: ReportOf<'fallback'>): void {
    const sealed = this.#seal.close(JSON.stringify(message), about(id));
    sheet.insert('fallback (id, due_at, state, sealed)', 'on conflict (id) do nothing', id, due, 0, sealed);
    this.#open.set(id, message.expiry);
  }

  /** Whether another bearer is still to say how it ended with this message. */
  awaits(sheet: Sheet, id: string): boolean {
    return this.#open.has(id) && !sheet.attempts(id).some(isOfFallback);
  }

  /** The first way has failed: nothing more is waited for. */
  hurry(sheet: Sheet, id: string, now: number): void {
    const head = 'fallback (id, state, due_at, sealed)';
    sheet.insert(head, 'on conflict (id) do update set due_at = excluded.due_at', id, 2, now, '');
  }

  over(id: string): void {
    this.#open.delete(id);
  }

  /** Those whose validity is over have no fallback to wait for. */
  forget(now: number): void {
    for (const [id, expiry] of this.#open) if (expiry < now) this.#open.delete(id);
  }

  /** After a start: what the ledger before this one was told of. */
  async read(sql: Sql, now: number): Promise<void> {
    const rows = await sql.rows<Row & { id: string; expiry: number }>(
      `select m.id, m.expiry from fallback f join message m on m.id = f.id
       where f.state < 2 and f.due_at > $1 and m.final = 0 and m.expiry > $2`,
      now - LONGEST_MS,
      now,
    );
    for (const { id, expiry } of rows) this.#open.set(id, expiry);
  }
}

/** Whether a message's time may have come. */
export const isFallbackDue = async (sql: Sql, now: number): Promise<boolean> =>
  (await sql.rows('select 1 as n from fallback where state = 0 and due_at <= $1 limit 1', now)).length > 0;

/**
 * Messages whose time has come by `mark`, up to which all receipts are read, as the router gets them. Runs in a
 * transaction; when that is on disk they may go out, and when the broker has them, `fallbackReleased` forgets their texts.
 */
export async function releaseFallbacks(
  sql: Sql,
  seal: Seal,
  fallbacks: Fallbacks,
  mark: number,
  now: number,
): Promise<Sms[]> {
  const rows = await sql.rows<Waiting>(
    'select id, sealed from fallback where state = 0 and due_at <= $1 order by due_at limit $2',
    Math.min(mark, now),
    AT_ONCE,
  );
  const messages = await rowsIn<MessageRow>(
    sql,
    'select * from message where id in',
    rows.map(({ id }) => id),
  );
  const ended = new Set(messages.filter(({ final }) => final === 1).map(({ id }) => id));
  const due = rows.map(({ id, sealed }) => opened(seal, id, sealed));
  const fit = due.filter(({ id, expiry }) => !ended.has(id) && expiry > now);
  const fitting = new Set(fit.map(({ id }) => id));
  const over = rows.map(({ id }) => id).filter((id) => !fitting.has(id));
  await runIn(sql, "update fallback set state = 2, sealed = '' where id in", over);
  await runIn(sql, 'update fallback set state = 1 where id in', [...fitting]);
  for (const id of over) fallbacks.over(id);
  return fit;
}

/** What a ledger that ended left between the two: the router and the worker recognise it when it comes again. */
export async function leftOverFallbacks(sql: Sql, seal: Seal): Promise<Sms[]> {
  const text = "select id, sealed from fallback where state = 1 and sealed <> '' limit $1";
  return (await sql.rows<Waiting>(text, AT_ONCE)).map(({ id, sealed }) => opened(seal, id, sealed));
}

export const fallbackReleased = (sql: Sql, messages: readonly Sms[]) =>
  runIn(
    sql,
    "update fallback set sealed = '' where id in",
    messages.map(({ id }) => id),
  );

function opened(seal: Seal, id: string, sealed: string): Sms {
  return { ...(JSON.parse(seal.open(sealed, about(id))) as Sms), handover: FALLBACK_HANDOVER };
}
