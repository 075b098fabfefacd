// A message sent again by a person: a new one with its own id, from what retention keeps of the old one.
import { newId } from '#shared/messages/id.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { traceparentOf } from '#shared/telemetry/trace.ts';
import type { Row, Sql } from '../database/database.ts';
import type { MessageRow } from '../record/rows.ts';
import type { Seal } from '../seal.ts';

/** What makes up the SMS itself. Numbers are kept elsewhere, and forgotten at another time. */
const CONTENT = [
  ...['text', 'encoding', 'udh', 'messageClass', 'splitChars', 'mwi', 'compress', 'altDcs', 'protocolId'],
  ...['replyPath', 'serviceType', 'priority', 'smsc', 'account', 'metaData', 'user', 'realm', 'tags', 'address'],
] as const;
type Content = Partial<Sms> & Pick<Sms, 'text'>;

/** Delivered and failed: the provider is asked for receipts, so that whoever sent it again sees how it ended. */
const ASKS_RECEIPTS = 3;
/** One that was sent again and is not known yet counts as on its way for this long. */
const ON_ITS_WAY_MS = 60_000;

const SQL = {
  message: 'select * from message where id = $1 and known = 1',
  kept: 'select sealed from kept_text where id = $1',
  open: `select r.id from resent r left join message m on m.id = r.id
    where r.original = $1 and (m.final = 0 or (m.final is null and r.at > $2)) limit 1`,
  note: 'insert into resent (id, original, at) values ($1, $2, $3)',
  forget: 'delete from resent where id = $1',
};

const about = (id: string) => `content ${id}`;

export const closeContent = (sms: Sms, seal: Seal): string =>
  seal.close(JSON.stringify(Object.fromEntries(CONTENT.map((name) => [name, sms[name]]))), about(sms.id));

/** Undefined when it is not kept, or was sealed in a way that this version does not open. */
export async function contentOf(sql: Sql, seal: Seal, id: string): Promise<Content | undefined> {
  const [row] = await sql.rows<Row & { sealed: string }>(SQL.kept, id);
  if (!row) return undefined;
  try {
    return JSON.parse(seal.open(row.sealed, about(id)));
  } catch {
    return undefined;
  }
}

export type Again = { sms: Sms } | { refused: string };

/**
 * The new message, which is noted as coming from the old one; whoever calls publishes it, and `takeBack`s the note if
 * that fails. Its client is told nothing of it: it knows the old one only, and was told how that ended.
 */
export async function sendAgain(sql: Sql, seal: Seal, id: string, now: number): Promise<Again> {
  const [row] = await sql.rows<MessageRow>(SQL.message, id);
  if (!row) return { refused: 'no message has this id' };
  const refused = whyNot(row);
  if (refused) return { refused };
  const content = await contentOf(sql, seal, id);
  if (!content) return { refused: 'its text is not kept (retention.texts)' };
  const [open] = await sql.rows(SQL.open, id, now - ON_ITS_WAY_MS);
  if (open) return { refused: `it was sent again as ${open.id}, which is still on its way` };
  const sms: Sms = {
    ...content,
    ...{ v: 1, type: 'sms', id: newId(now), handover: 0, attempts: 0, at: now },
    expiry: now + Math.max(0, row.expiry - row.accepted_at),
    traceparent: traceparentOf(undefined),
    client: row.client,
    door: row.door,
    lane: row.lane as Sms['lane'],
    to: row.number,
    given: row.given,
    from: row.sender,
    segments: row.segments,
    dlrMask: ASKS_RECEIPTS,
  };
  await sql.run(SQL.note, sms.id, id, now);
  return { sms };
}

export const takeBack = (sql: Sql, { id }: Sms) => sql.run(SQL.forget, id);

/** Why a message cannot be sent again, as far as its row alone tells. */
export function whyNot({ final, number }: Pick<MessageRow, 'final' | 'number'>): string | undefined {
  if (!final) return 'it is still on its way';
  return number.includes('.') ? 'its number is forgotten (retention.numbers)' : undefined;
}
