// What one transaction works on: the rows that its envelopes concern are read first, changed in memory by the code that
// knows the rules, and written at the end. So a batch costs a few statements, however many envelopes it has.
import type { Envelope } from '#shared/messages/envelope.ts';
import { type ReportOf, report as reportSchema } from '#shared/messages/report.ts';
import type { Row, Sql, Value } from './database.ts';
import { insertRows, rowsIn, runIn } from './database.ts';
import { type Candidate, idKey, keysOf, maybeCut } from './match.ts';
import {
  ATTEMPT,
  type AttemptRow,
  MESSAGE,
  type MessageRow,
  newMessage,
  OUTBOX,
  type OutboxRow,
  type UnmatchedRow,
} from './rows.ts';

type Receipt = ReportOf<'receipt'>;
export type Kept = { row: UnmatchedRow; receipt: Receipt };

const MOST_CUT = 50;
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
    this.#keepAttempt(attempt);
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

  #keepAttempt(attempt: AttemptRow): AttemptRow {
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
    this.#remember(kept);
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

  #remember(kept: Kept): void {
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

  // ── from the database and back ──

  /** Reads what these envelopes concern, messages with these `ids`, and receipts that were kept and are tried again. */
  static async read(
    sql: Sql,
    envelopes: readonly Envelope[],
    { ids = [], again = [] }: { ids?: readonly string[]; again?: readonly Kept[] } = {},
  ): Promise<Sheet> {
    const sheet = new Sheet();
    const reports = envelopes.filter((envelope) => envelope.type === 'report');
    for (const kept of again) sheet.#remember(kept);
    await sheet.#readOwed(sql, reports);
    const about = envelopes.map(idOf).filter((id) => id !== undefined);
    await sheet.#readMessages(sql, about.concat(ids));
    await sheet.#readAttempts(sql, [...sheet.#messages.keys()]);
    await sheet.#readKept(sql, reports);
    const receipts = reports.filter((report) => report.kind === 'receipt');
    const kept = [...sheet.#kept.values()].flatMap((those) => [...those].map(({ receipt }) => receipt));
    await sheet.#readCandidates(sql, receipts.concat(kept));
    for (const { receipt } of again) await sheet.#readCut(sql, receipt);
    const more = [...sheet.#attempts.keys()].filter((id) => !sheet.#messages.has(id));
    await sheet.#readMessages(sql, more);
    await sheet.#readAttempts(sql, more);
    await sheet.#readOutbox(sql);
    return sheet;
  }

  async #readMessages(sql: Sql, ids: readonly string[]): Promise<void> {
    for (const row of await rowsIn<MessageRow>(sql, 'select * from message where id in', [...new Set(ids)]))
      this.#messages.set(row.id, row);
  }

  async #readAttempts(sql: Sql, messageIds: readonly string[]): Promise<void> {
    const known = messageIds.filter((id) => this.#messages.has(id));
    for (const row of await rowsIn<AttemptRow>(sql, 'select * from attempt where message_id in', known))
      this.#keepAttempt(row);
  }

  async #readOwed(sql: Sql, reports: readonly Envelope[]): Promise<void> {
    const told = reports.flatMap((report) =>
      report.type === 'report' && report.kind === 'told' ? [report.callback] : [],
    );
    if (told.length === 0) return;
    const rows = await rowsIn<OutboxRow>(sql, 'select * from outbox where id in', [...new Set(told)]);
    await this.#readMessages(
      sql,
      rows.map((row) => row.message_id),
    );
  }

  /** Receipts that came before the answer to their submit, or before their message. */
  async #readKept(sql: Sql, reports: readonly Envelope[]): Promise<void> {
    const answered = reports.flatMap((report) =>
      report.type === 'report' && report.kind === 'submitted'
        ? report.parts.map(({ providerId }) => ({ provider: report.provider, providerId }))
        : [],
    );
    const stubs = [...this.#messages.values()].filter(({ known }) => !known);
    for (const attempt of stubs.flatMap(({ id }) => this.attempts(id)))
      if (attempt.provider_id !== null) answered.push({ provider: attempt.provider, providerId: attempt.provider_id });
    if (answered.length === 0 || (await sql.rows('select 1 as n from unmatched_receipt limit 1')).length === 0) return;
    const keys = grouped(answered.map(({ provider, providerId }) => ({ provider, key: idKey(providerId) })));
    for (const [provider, those] of keys) {
      const text = 'select * from unmatched_receipt where provider = $1 and id_key in';
      for (const row of await rowsIn<UnmatchedRow & Row>(sql, text, those, provider)) this.#remember(keptOf(row));
    }
  }

  async #readCandidates(sql: Sql, receipts: readonly Receipt[]): Promise<void> {
    const keys = grouped(receipts.map(({ provider, providerId }) => ({ provider, key: idKey(providerId) })));
    for (const [provider, those] of keys) {
      const text = 'select * from attempt where provider = $1 and id_key in';
      for (const row of await rowsIn<AttemptRow>(sql, text, those, provider)) this.#keepAttempt(row);
    }
  }

  async #readCut(sql: Sql, { provider, providerId, to }: Receipt): Promise<void> {
    const key = idKey(providerId);
    if (!maybeCut(key, to)) return;
    const text = 'select * from attempt where provider = $1 and id_key > $2 and id_key < $3 order by id_key limit $4';
    for (const row of await sql.rows<AttemptRow>(text, provider, key, `${key}~`, MOST_CUT))
      this.#index(`${provider}\ncut ${key}`, this.#keepAttempt(row));
  }

  async #readOutbox(sql: Sql): Promise<void> {
    const ids = [...this.#messages.keys()];
    for (const row of await rowsIn<OutboxRow>(sql, 'select * from outbox where message_id in', ids)) {
      this.#messageOf.set(row.id, row.message_id);
      this.#outbox.set(row.message_id, [...this.outbox(row.message_id), row]);
    }
    for (const rows of this.#outbox.values()) rows.sort((a, b) => a.id - b.id);
  }

  async write(sql: Sql): Promise<void> {
    const { messages, attempts, outbox, kept } = this.#dirty;
    await insertRows(sql, MESSAGE.head, MESSAGE.tail, [...messages].map(MESSAGE.values));
    await insertRows(sql, ATTEMPT.head, ATTEMPT.tail, [...attempts].map(ATTEMPT.values));
    await insertRows(sql, OUTBOX.head, OUTBOX.tail, [...outbox].map(OUTBOX.values));
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
}

export const keptOf = (row: UnmatchedRow): Kept => ({
  row,
  receipt: reportSchema.parse(JSON.parse(row.body)) as Receipt,
});

/** The message that an envelope is about, where it names one. */
function idOf(envelope: Envelope): string | undefined {
  if (envelope.type === 'sms') return envelope.id;
  return envelope.type === 'report' && 'id' in envelope ? (envelope.id as string) : undefined;
}

/** All keys under which these ids may stand, by provider. */
function grouped(ids: readonly { provider: string; key: string }[]): Map<string, string[]> {
  const groups = new Map<string, Set<string>>();
  for (const { provider, key } of ids) {
    const keys = groups.get(provider) ?? new Set<string>();
    groups.set(provider, keys);
    for (const { key: other } of keysOf(key)) keys.add(other);
  }
  return new Map([...groups].map(([provider, keys]) => [provider, [...keys]]));
}
