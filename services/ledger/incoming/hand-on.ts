// Messages from handsets on their way on: parts are put together, the row that fits is found, and what it asks for is
// owed by the outbox like every callback. Works on what record.ts has stored; each step is one transaction.
import { type IncomingRow, targetOf } from '#shared/config/incoming.ts';
import type { Config } from '#shared/config/schema.ts';
import {
  ANSWER_ONLY,
  type Callback,
  type IncomingMessage,
  MAIL_SCHEME,
  POST_SCHEME,
  SMPP_SCHEME,
  WEBHOOK_SCHEME,
} from '#shared/messages/callback.ts';
import { newId } from '#shared/messages/id.ts';
import { isHandset } from '#shared/sms/number.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import type { Outbox } from '../callbacks/outbox.ts';
import { type Row, rowsIn, runIn, type Sql } from '../database/database.ts';
import { Sheet } from '../record/sheet.ts';
import type { Seal } from '../seal.ts';
import { missingOf, type Part, sortParts } from './parts.ts';
import { type Arrived, rowFor, stopIn } from './rows.ts';
import { type Change, changeSuppressed, logSuppressed } from './suppressed.ts';

const AT_ONCE = 200;
/** A part that a provider sends once more after this is taken for a new one. */
const REPEATS_MS = 24 * 3_600_000;

export type Means = { incoming: Config['incoming']; seal: Seal; outbox: Outbox };
export type HandedOn = { callbacks: Callback[]; after: (() => void)[]; suppressed: boolean; more: boolean };

type Stored = Row & {
  id: number;
  provider: string;
  provider_id: string | null;
  at: number;
  sender: string;
  number: string;
  encoding: string;
  concat: string;
  sealed: string;
  open: number;
  parts_key: string;
  mark: string;
};
type StoredPart = Part & { row: Stored };

/** What was stored since the last time: handed on, or left to wait for other parts. Runs in a transaction. */
export async function handOn(sql: Sql, means: Means, now: number): Promise<HandedOn> {
  const fresh = await sql.rows<Stored>('select * from incoming where open = 1 order by id limit $1', AT_ONCE);
  const keys = [...new Set(fresh.map((row) => row.parts_key).filter((key) => key !== ''))];
  const related = await rowsIn<Stored>(
    sql,
    'select * from incoming where at > $1 and parts_key in',
    keys,
    now - REPEATS_MS,
  );
  const work = new Work(sql, means, now);
  for (const row of fresh.filter(({ parts_key }) => parts_key === '')) await work.message([row]);
  const freshIds = new Set(fresh.map(({ id }) => id));
  for (const [, rows] of Map.groupBy(related, ({ parts_key }) => parts_key)) {
    const open = rows.filter(({ id, open }) => open === 2 || freshIds.has(id)).map(partOf);
    const done = rows.filter(({ open }) => open === 0).map(partOf);
    const { whole, broken, repeats, waiting } = sortParts(open, done);
    for (const parts of whole) await work.message(parts.map(({ row }) => row));
    for (const parts of broken) await work.broken(parts);
    work.done(repeats.map(({ row }) => row));
    work.after.push(() => metrics.incoming.inc({ outcome: 'repeat' }, repeats.length));
    work.wait(waiting.filter(({ waits }) => !waits));
  }
  return work.end(fresh.length === AT_ONCE);
}

/** Long messages whose first part came before `before` (epoch ms): what there is of them. Runs in a transaction. */
export async function handOnBroken(sql: Sql, means: Means, before: number, now: number): Promise<HandedOn> {
  const late = await sql.rows<Row & { parts_key: string }>(
    'select parts_key from incoming where open = 2 group by parts_key having min(at) <= $1 limit $2',
    before,
    AT_ONCE,
  );
  const keys = late.map(({ parts_key }) => parts_key);
  const rows = await rowsIn<Stored>(sql, 'select * from incoming where open = 2 and parts_key in', keys);
  const work = new Work(sql, means, now);
  for (const [, parts] of Map.groupBy(rows.map(partOf), ({ row }) => row.parts_key))
    await work.broken(parts.toSorted((a, b) => a.part - b.part));
  return work.end(late.length === AT_ONCE);
}

/** Parts that wait for others. */
export const partsWaiting = async (sql: Sql): Promise<number> =>
  Number((await sql.rows('select count(*) as n from incoming where open = 2'))[0]!.n);

/** What one transaction does. */
class Work {
  readonly after: (() => void)[] = [];
  readonly #sql: Sql;
  readonly #means: Means;
  readonly #now: number;
  readonly #sheet = new Sheet();
  readonly #callbacks: Callback[] = [];
  readonly #ids = { done: [] as number[], wait: [] as number[] };
  #suppressed = false;

  constructor(sql: Sql, means: Means, now: number) {
    this.#sql = sql;
    this.#means = means;
    this.#now = now;
  }

  done(rows: readonly Stored[]): void {
    this.#ids.done.push(...rows.map(({ id }) => id));
  }

  wait(parts: readonly StoredPart[]): void {
    this.#ids.wait.push(...parts.map(({ id }) => id));
  }

  /** A long message without some of its parts. */
  async broken(parts: readonly StoredPart[]): Promise<void> {
    this.after.push(() => metrics.incomingBroken.inc());
    const missing = missingOf(parts);
    await this.message(
      parts.map(({ row }) => row),
      { missing, parts: parts[0]!.total },
    );
  }

  /** A whole message from the rows of its parts, in their order; or a broken one. */
  async message(rows: readonly Stored[], gaps: Pick<IncomingMessage, 'missing' | 'parts'> = {}): Promise<void> {
    this.done(rows);
    const { incoming } = this.#means;
    const message = this.#joined(rows, gaps.missing ?? []);
    const row = rowFor(incoming.rows, message);
    const stop = stopIn(incoming, message);
    if (stop) await this.#suppress(message, stop);
    const target = row && targetOf(row);
    const answers = row?.answer !== undefined && !stop;
    this.after.push(() => metrics.incoming.inc({ outcome: target ?? (answers ? 'answer' : 'kept') }));
    if (!row || (!target && !answers)) return;
    this.#callbacks.push(...this.#owed(row, message, rows[0]!, { ...gaps, ...(stop ? { stop: stop.active } : {}) }));
  }

  #joined(rows: readonly Stored[], missing: readonly number[]): Arrived {
    const [first] = rows;
    const { seal } = this.#means;
    const texts = new Map(rows.map((row) => [partNumber(row), row.sealed && seal.open(row.sealed, row.provider)]));
    const binary = rows.every(({ encoding }) => encoding === 'binary');
    const total = rows.length + missing.length;
    if (!binary) for (const part of missing) texts.set(part, `[${part}/${total} missing]`);
    const text = [...texts].toSorted(([a], [b]) => a - b).map(([, text]) => text);
    const { provider, sender: from, number: to } = first!;
    const encoding = rows.find(({ encoding }) => encoding !== first!.encoding)?.encoding ?? first!.encoding;
    return { provider, from, to, text: text.join(''), encoding: binary || encoding !== 'binary' ? encoding : '' };
  }

  async #suppress(message: Arrived, { active, clients }: { active: boolean; clients: string[] }): Promise<void> {
    const number = message.from.replace(/^\+/, '');
    if (!isHandset(number)) return;
    for (const client of clients) {
      const change: Change = { client, number, active, source: 'word' };
      if (!(await changeSuppressed(this.#sql, this.#means.seal, change, this.#now))) continue;
      this.#suppressed = true;
      this.after.push(() => logSuppressed(change));
    }
  }

  #owed(
    row: IncomingRow,
    { from, to, text, encoding, provider }: Arrived,
    { provider_id, at }: Stored,
    more: Partial<IncomingMessage>,
  ): Callback[] {
    const { answer, sender, client } = row;
    const given = isHandset(from) ? `+${from}` : from;
    const content = {
      text,
      ...(encoding === '' ? {} : { encoding: encoding as NonNullable<IncomingMessage['encoding']> }),
      ...(answer === undefined || more.stop !== undefined ? {} : { answer }),
      ...(sender === undefined ? {} : { sender }),
      ...more,
    };
    const values = {
      to: from,
      given,
      from: to,
      provider,
      providerId: provider_id ?? '',
      text: '',
      account: '',
      meta: '',
    };
    const id = newId(at);
    return this.#means.outbox.handOn(
      this.#sheet,
      { id, client, at, url: urlOf(row), dlrType: 0, values },
      content,
      this.#now,
    );
  }

  async end(more: boolean): Promise<HandedOn> {
    await this.#sheet.write(this.#sql);
    // The text of a message that is one of several parts, or that went to nobody, stays as long as `retention` says.
    await runIn(this.#sql, 'update incoming set open = 0 where id in', this.#ids.done);
    await runIn(this.#sql, 'update incoming set open = 2 where id in', this.#ids.wait);
    return { callbacks: this.#callbacks, after: this.after, suppressed: this.#suppressed, more };
  }
}

function partOf(row: Stored): StoredPart {
  const { part = 1, total = 1 } = row.concat === '' ? {} : (JSON.parse(row.concat) as { part: number; total: number });
  return { id: row.id, part, total, mark: row.mark, at: row.at, waits: row.open === 2, row };
}

const partNumber = (row: Stored) => partOf(row).part;

function urlOf(row: IncomingRow): string {
  switch (targetOf(row)) {
    case 'get':
      return row.get!;
    case 'post':
      return POST_SCHEME + row.post;
    case 'webhook':
      return WEBHOOK_SCHEME + row.webhook;
    case 'mailbox':
      return `${MAIL_SCHEME}${row.mailbox}`;
    case 'smpp':
      return SMPP_SCHEME;
    case undefined:
      return ANSWER_ONLY;
  }
}
