// All that is known of one message, for a person: attempts, callbacks that wait, and what it was sent again as.
import { maskNumber } from '#shared/sms/number.ts';
import type { Row, Sql } from '../database/database.ts';
import type { AttemptRow, MessageRow, OutboxRow } from '../record/rows.ts';
import type { Seal } from '../seal.ts';
import { contentOf, whyNot } from './again.ts';

const SQL = {
  message: 'select * from message where id = $1 and known = 1',
  attempts: 'select * from attempt where message_id = $1 order by handover, part',
  outbox: 'select * from outbox where message_id = $1 order by id limit 100',
  original: 'select original from resent where id = $1',
  copies: 'select id, at from resent where original = $1 order by at limit 100',
};

/** `notAgain` says why it cannot be sent again. Numbers are masked, and texts left out. */
export async function storyOf(sql: Sql, seal: Seal, id: string) {
  const [row] = await sql.rows<MessageRow>(SQL.message, id);
  if (!row) return null;
  const attempts = await sql.rows<AttemptRow>(SQL.attempts, id);
  const owed = await sql.rows<OutboxRow & Row>(SQL.outbox, id);
  const [from] = await sql.rows(SQL.original, id);
  const content = await contentOf(sql, seal, id);
  const notAgain = whyNot(row) ?? (content ? undefined : 'its text is not kept (retention.texts)');
  return {
    ...messageOf(row),
    attempts: attempts.map((attempt) => ({ ...attemptOf(attempt), ...whyOf(attempt) })),
    callbacksWaiting: owed.length,
    callbacks: owed.map(({ first_at, due_at, tries }) => ({ owedAt: first_at, dueAt: due_at, tries })),
    tells: row.dlr_url !== '',
    textKept: content !== undefined,
    ...(notAgain ? { notAgain } : {}),
    ...(from ? { original: from.original } : {}),
    copies: await sql.rows(SQL.copies, id),
  };
}

/** Numbers leave the ledger masked. */
export const messageOf = (row: MessageRow) => ({
  id: row.id,
  client: row.client,
  door: row.door,
  lane: row.lane,
  to: row.number.includes('.') ? row.number : maskNumber(row.number),
  from: row.sender,
  segments: row.segments,
  acceptedAt: row.accepted_at,
  expiry: row.expiry,
  state: row.state,
  stateAt: row.state_at,
  final: row.final === 1,
  provider: row.provider,
  reason: row.reason,
  untold: row.untold,
});

export const attemptOf = (row: AttemptRow) => ({
  handover: row.handover,
  part: row.part,
  at: row.at,
  provider: row.provider,
  providerId: row.provider_id,
  outcome: row.outcome,
  reason: row.outcome === 'submitted' ? '' : row.reason,
  receipt: row.receipt_state,
  receiptAt: row.receipt_at,
  receiptStat: row.receipt_stat,
  receiptError: row.receipt_error,
});

/** Of a hand-over that was taken, `reason` is the router's: for a person, and not for the client. */
const whyOf = ({ outcome, reason }: AttemptRow) => (outcome === 'submitted' && reason ? { why: reason } : {});
