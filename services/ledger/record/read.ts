// Reads what a transaction will work on: one statement for each table and up to 64 keys.
import type { Envelope } from '#shared/messages/envelope.ts';
import { type Report, type ReportOf, report as reportSchema } from '#shared/messages/report.ts';
import { type Row, rowsIn, type Sql } from '../database/database.ts';
import { idKey, keysOf, maybeCut } from './match.ts';
import type { AttemptRow, MessageRow, OutboxRow, UnmatchedRow } from './rows.ts';
import { type Kept, Sheet } from './sheet.ts';

type ProviderId = { provider: string; providerId: string };
type Receipt = ReportOf<'receipt'>;

const MOST_CUT = 50;

/** What these envelopes concern, messages with these `ids`, and receipts that were kept and are tried again. */
export async function readSheet(
  sql: Sql,
  envelopes: readonly Envelope[],
  { ids = [], again = [] }: { ids?: readonly string[]; again?: readonly Kept[] } = {},
): Promise<Sheet> {
  const sheet = new Sheet();
  const reports = envelopes.filter((envelope) => envelope.type === 'report');
  const receipts = reports.filter((report) => report.kind === 'receipt');
  for (const kept of again) sheet.putKept(kept);
  const told = await messagesOf(sql, reports);
  const about = [...envelopes.map(idOf), ...ids].filter((id) => id !== undefined);
  await readMessages(sql, sheet, [...about, ...told.untold]);
  await readAttempts(sql, sheet, sheet.messageIds());
  await readKept(sql, sheet, reports);
  await readCandidates(sql, sheet, receipts.concat(sheet.allKept().map(({ receipt }) => receipt)));
  for (const { receipt } of again) await readCut(sql, sheet, receipt);
  const more = sheet.missingIds();
  await readMessages(sql, sheet, more);
  await readAttempts(sql, sheet, more);
  const tellable = sheet.messageIds().filter((id) => sheet.message(id)!.dlr_url !== '');
  // Messages from handsets have a callback and no row here.
  const handedOn = ids.filter((id) => !sheet.message(id));
  const owed = await rowsIn<OutboxRow>(sql, 'select * from outbox where message_id in', [
    ...new Set([...tellable, ...told.all, ...handedOn]),
  ]);
  for (const row of owed) sheet.putOwed(row);
  return sheet;
}

/** The message that an envelope is about, where it names one. */
function idOf(envelope: Envelope): string | undefined {
  if (envelope.type === 'sms') return envelope.id;
  return envelope.type === 'report' && 'id' in envelope ? (envelope.id as string) : undefined;
}

/** Messages of the callbacks that were tried, and of those that failed: only these may change. */
async function messagesOf(sql: Sql, reports: readonly Report[]): Promise<{ all: string[]; untold: string[] }> {
  const told = new Map<number, boolean>();
  for (const report of reports)
    if (report.kind === 'told') told.set(report.callback, report.ok && told.get(report.callback) !== false);
  const rows = await rowsIn<Pick<OutboxRow, 'id' | 'message_id'>>(
    sql,
    'select id, message_id from outbox where id in',
    [...told.keys()],
  );
  const idsOf = (those: typeof rows) => those.map((row) => row.message_id);
  return { all: idsOf(rows), untold: idsOf(rows.filter(({ id }) => !told.get(id))) };
}

async function readMessages(sql: Sql, sheet: Sheet, ids: readonly string[]): Promise<void> {
  for (const row of await rowsIn<MessageRow>(sql, 'select * from message where id in', [...new Set(ids)]))
    sheet.putMessage(row);
}

async function readAttempts(sql: Sql, sheet: Sheet, messageIds: readonly string[]): Promise<void> {
  for (const row of await rowsIn<AttemptRow>(sql, 'select * from attempt where message_id in', messageIds))
    sheet.readAttempt(row);
}

/** Receipts that came before the answer to their submit, or before their message. */
async function readKept(sql: Sql, sheet: Sheet, reports: readonly Report[]): Promise<void> {
  const answered: ProviderId[] = reports
    .filter((report) => report.kind === 'submitted')
    .flatMap(({ provider, parts }) => parts.map(({ providerId }) => ({ provider, providerId })));
  for (const id of sheet.messageIds().filter((id) => !sheet.message(id)!.known)) {
    for (const { provider, provider_id: providerId } of sheet.attempts(id))
      if (providerId !== null) answered.push({ provider, providerId });
  }
  if (answered.length === 0 || (await sql.rows('select 1 as n from unmatched_receipt limit 1')).length === 0) return;
  for (const [provider, keys] of keysByProvider(answered)) {
    const text = 'select * from unmatched_receipt where provider = $1 and id_key in';
    for (const row of await rowsIn<UnmatchedRow & Row>(sql, text, keys, provider)) sheet.putKept(keptOf(row));
  }
}

async function readCandidates(sql: Sql, sheet: Sheet, receipts: readonly Receipt[]): Promise<void> {
  for (const [provider, keys] of keysByProvider(receipts)) {
    const text = 'select * from attempt where provider = $1 and id_key in';
    for (const row of await rowsIn<AttemptRow>(sql, text, keys, provider)) sheet.readAttempt(row);
  }
}

async function readCut(sql: Sql, sheet: Sheet, { provider, providerId, to }: Receipt): Promise<void> {
  const key = idKey(providerId);
  if (!maybeCut(key, to)) return;
  const text = 'select * from attempt where provider = $1 and id_key > $2 and id_key < $3 order by id_key limit $4';
  for (const row of await sql.rows<AttemptRow>(text, provider, key, `${key}~`, MOST_CUT)) sheet.putCut(key, row);
}

/** All keys under which these ids may stand, by provider. */
function keysByProvider(ids: readonly ProviderId[]): Map<string, string[]> {
  const groups = new Map<string, Set<string>>();
  for (const { provider, providerId } of ids) {
    const keys = groups.get(provider) ?? new Set<string>();
    groups.set(provider, keys);
    for (const { key } of keysOf(idKey(providerId))) keys.add(key);
  }
  return new Map([...groups].map(([provider, keys]) => [provider, [...keys]]));
}

export const keptOf = (row: UnmatchedRow): Kept => ({
  row,
  receipt: reportSchema.parse(JSON.parse(row.body)) as Receipt,
});
