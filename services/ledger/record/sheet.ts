// What one transaction works on: the rows that its envelopes concern are read first (read.ts), changed in memory by the
// code that knows the rules, and written at the end. So a batch costs a few statements, however many envelopes it has.
import type { ReportOf } from '#shared/messages/report.ts';
import { insertRows, runIn, type Sql, type Value } from '../database/database.ts';
import { type Candidate, idKey, keysOf } from './match.ts';
import {
  ATTEMPT,
  ATTEMPT_RECEIPT,
  type AttemptRow,
  MESSAGE,
  MESSAGE_STATE,
  MESSAGE_STEP,
  type MessageRow,
  newMessage,
  OUTBOX,
  type OutboxRow,
  type UnmatchedRow,
  type Upsert,
} from './rows.ts';

type Receipt = ReportOf<'receipt'>;
export type Kept = { row: UnmatchedRow; receipt: Receipt };

const partKey = ({ message_id, handover, part }: Pick<AttemptRow, 'message_id' | 'handover' | 'part'>) =>
  `${message_id}/${handover}/${part}`;

export class Sheet {
  /** Run when the transaction is on disk: what the world may know then. */
  readonly after: (() => void)[] = [];
  readonly #messages = new Map<string, MessageRow>();
  readonly #attempts = new Map<string, Map<string, AttemptRow>>();
  readonly #byKey = new Map<string, Set<AttemptRow>>();
  readonly #outbox = new Map<string, OutboxRow[]>();
  readonly #messageOf = new Map<number, string>();
  readonly #kept = new Map<string, Set<Kept>>();
  readonly #dirty = {
    messages: new Set<MessageRow>(),
    attempts: new Set<AttemptRow>(),
    outbox: new Set<OutboxRow>(),
    kept: new Set<Kept>(),
  };
  /** Rows that were read, and what decides how they are written again. */
  readonly #read = {
    messages: new Map<MessageRow, Pick<MessageRow, 'known' | 'judge_at'>>(),
    attempts: new Set<AttemptRow>(),
  };
  readonly #gone = { outbox: [] as number[], kept: [] as number[] };
  readonly #inserts = new Map<string, { tail: string; rows: Value[][] }>();

  // ── messages and attempts ──

  message(id: string): MessageRow | undefined {
    return this.#messages.get(id);
  }

  /** The message, or a stub of it. */
  stub(id: string, at: number): MessageRow {
    const found = this.#messages.get(id);
    if (found) return found;
    const fresh = newMessage(id, at);
    this.#messages.set(id, fresh);
    return this.change(fresh);
  }

  change(message: MessageRow): MessageRow {
    this.#dirty.messages.add(message);
    return message;
  }

  /** In the order of hand-overs and parts. */
  attempts(messageId: string): AttemptRow[] {
    return [...(this.#attempts.get(messageId)?.values() ?? [])].sort(
      (a, b) => a.handover - b.handover || a.part - b.part,
    );
  }

  /** False when it is there already. */
  addAttempt(attempt: AttemptRow): boolean {
    if (this.#attempts.get(attempt.message_id)?.has(partKey(attempt))) return false;
    this.putAttempt(attempt);
    this.changeAttempt(attempt);
    return true;
  }

  changeAttempt(attempt: AttemptRow): void {
    this.#dirty.attempts.add(attempt);
  }

  /** Attempts to which a receipt with this id may belong. */
  candidates(provider: string, id: string): Candidate[] {
    const key = idKey(id);
    const found = new Set<AttemptRow>();
    for (const { key: other } of keysOf(key))
      for (const attempt of this.#byKey.get(`${provider}\n${other}`) ?? []) found.add(attempt);
    for (const attempt of this.#byKey.get(`${provider}\ncut ${key}`) ?? []) found.add(attempt);
    return [...found].map((attempt) => ({ attempt, message: this.#messages.get(attempt.message_id) }));
  }

  /** The row that is here already, or this one. */
  putAttempt(attempt: AttemptRow): AttemptRow {
    const mine = this.#attempts.get(attempt.message_id) ?? new Map<string, AttemptRow>();
    this.#attempts.set(attempt.message_id, mine);
    const known = mine.get(partKey(attempt));
    if (known) return known;
    mine.set(partKey(attempt), attempt);
    if (attempt.id_key !== null) this.#index(`${attempt.provider}\n${attempt.id_key}`, attempt);
    return attempt;
  }

  #index(key: string, attempt: AttemptRow): void {
    const those = this.#byKey.get(key);
    if (those) those.add(attempt);
    else this.#byKey.set(key, new Set([attempt]));
  }

  // ── receipts that match nothing yet ──

  keep(row: UnmatchedRow, receipt: Receipt): void {
    const kept = { row, receipt };
    this.putKept(kept);
    this.#dirty.kept.add(kept);
  }

  /** Those that may belong to an attempt with this id; they are no longer kept, unless someone keeps them again. */
  takeKept(provider: string, id: string): Receipt[] {
    const taken: Receipt[] = [];
    for (const { key } of keysOf(idKey(id))) {
      for (const kept of this.#kept.get(`${provider}\n${key}`) ?? []) {
        this.drop(kept);
        taken.push(kept.receipt);
      }
    }
    return taken;
  }

  drop(kept: Kept): void {
    this.#kept.get(`${kept.row.provider}\n${kept.row.id_key}`)?.delete(kept);
    this.#dirty.kept.delete(kept);
    if (kept.row.id !== undefined) this.#gone.kept.push(kept.row.id);
  }

  putKept(kept: Kept): void {
    const key = `${kept.row.provider}\n${kept.row.id_key}`;
    const those = this.#kept.get(key);
    if (those) those.add(kept);
    else this.#kept.set(key, new Set([kept]));
  }

  // ── the outbox ──

  /** What is owed for a message, in its order. */
  outbox(messageId: string): OutboxRow[] {
    return this.#outbox.get(messageId) ?? [];
  }

  owed(id: number): OutboxRow | undefined {
    return this.outbox(this.#messageOf.get(id) ?? '').find((row) => row.id === id);
  }

  owe(row: OutboxRow): void {
    const mine = this.#outbox.get(row.message_id);
    if (mine) mine.push(row);
    else this.#outbox.set(row.message_id, [row]);
    this.changeOwed(row);
  }

  changeOwed(row: OutboxRow): void {
    this.#dirty.outbox.add(row);
  }

  done(row: OutboxRow): void {
    const mine = this.outbox(row.message_id);
    mine.splice(mine.indexOf(row), 1);
    this.#dirty.outbox.delete(row);
    this.#gone.outbox.push(row.id);
  }

  // ── anything else that is only ever added ──

  insert(head: string, tail: string, ...values: Value[]): void {
    const those = this.#inserts.get(head);
    if (those) those.rows.push(values);
    else this.#inserts.set(head, { tail, rows: [values] });
  }

  // ── rows as they were read ──

  putMessage(row: MessageRow): void {
    this.#messages.set(row.id, row);
    this.#read.messages.set(row, { known: row.known, judge_at: row.judge_at });
  }

  readAttempt(row: AttemptRow): void {
    this.#read.attempts.add(this.putAttempt(row));
  }

  messageIds(): string[] {
    return [...this.#messages.keys()];
  }

  /** Messages of attempts that are here while they are not. */
  missingIds(): string[] {
    return [...this.#attempts.keys()].filter((id) => !this.#messages.has(id));
  }

  /** An attempt whose id begins as that of a receipt, whose key this is. */
  putCut(key: string, row: AttemptRow): void {
    this.readAttempt(row);
    this.#index(`${row.provider}\ncut ${key}`, this.putAttempt(row));
  }

  allKept(): Kept[] {
    return [...this.#kept.values()].flatMap((those) => [...those]);
  }

  putOwed(row: OutboxRow): void {
    this.#messageOf.set(row.id, row.message_id);
    this.#outbox.set(
      row.message_id,
      [...this.outbox(row.message_id), row].sort((a, b) => a.id - b.id),
    );
  }

  // ── back to the database ──

  async write(sql: Sql): Promise<void> {
    const { messages, attempts, outbox, kept } = this.#dirty;
    await upsertRows(sql, messages, (row) => this.#messageUpsert(row));
    await upsertRows(sql, attempts, (row) => (this.#read.attempts.has(row) ? ATTEMPT_RECEIPT : ATTEMPT));
    await upsertRows(sql, outbox, () => OUTBOX);
    await runIn(sql, 'delete from outbox where id in', this.#gone.outbox);
    await runIn(sql, 'delete from unmatched_receipt where id in', this.#gone.kept);
    const unmatched = [...kept].map(({ row }) => [
      row.provider,
      row.provider_id,
      row.id_key,
      row.at,
      row.try_at,
      row.tries,
      row.body,
    ]);
    await insertRows(sql, 'unmatched_receipt (provider, provider_id, id_key, at, try_at, tries, body)', '', unmatched);
    for (const [head, { tail, rows }] of this.#inserts) await insertRows(sql, head, tail, rows);
  }

  #messageUpsert(row: MessageRow): Upsert {
    const before = this.#read.messages.get(row);
    if (!before?.known) return MESSAGE;
    return before.judge_at === row.judge_at ? MESSAGE_STEP : MESSAGE_STATE;
  }
}

async function upsertRows<R extends object>(sql: Sql, rows: ReadonlySet<R>, by: (row: R) => Upsert): Promise<void> {
  for (const [{ head, tail, values }, those] of Map.groupBy(rows, by))
    await insertRows(sql, head, tail, those.map(values));
}
