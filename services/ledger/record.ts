// Writes one envelope into the database: the message's row, its attempts, its state, and what is owed to the client.
// Order is not promised: a report makes a stub, the message fills it in and issues what is owed by then. Everything here
// can be repeated without effect, since the bus delivers at least once. Runs inside the caller's transaction.
import type { Callback } from '#shared/messages/callback.ts';
import type { Envelope } from '#shared/messages/envelope.ts';
import { type FinalState, type ReportOf, report as reportSchema } from '#shared/messages/report.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { kannelType } from '#shared/sms/receipt.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import { traceReceipt } from '#shared/telemetry/spans.ts';
import type { Database, Row } from './database.ts';
import { idForms } from './match.ts';
import { type Outbox, type OutboxOptions, openOutbox } from './outbox.ts';
import { endText, type Owed, refusalText } from './owed.ts';
import type { Seal } from './seal.ts';

export type Recorder = Pick<Outbox, 'due' | 'published' | 'dropped'> & {
  /** Returns callbacks that may go out now: the first of their message, already in the outbox. */
  record(envelope: Envelope, now: number): Callback[];
};

/** `onFinal` hears of each message's final state. */
export type RecorderOptions = OutboxOptions & { seal: Seal; onFinal(state: string): void };

export function openRecorder(db: Database, { onFinal, seal, ...options }: RecorderOptions): Recorder {
  const outbox = openOutbox(db, options);
  const sql = {
    stub: db.statement('insert into message (id, state_at) values ($1, $2) on conflict (id) do nothing'),
    accept:
      db.statement(`insert into message (id, known, client, door, lane, number, given, sender, segments, accepted_at, expiry, traceparent, dlr_mask, dlr_url, state_at)
      values ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) on conflict (id) do nothing`),
    fillStub:
      db.statement(`update message set known = 1, client = $1, door = $2, lane = $3, number = $4, given = $5, sender = $6,
      segments = $7, accepted_at = $8, expiry = $9, traceparent = $10, dlr_mask = $11, dlr_url = $12 where id = $13 and known = 0`),
    message: db.statement('select * from message where id = $1'),
    state: db.statement(
      'update message set state = $1, state_at = $2, final = $3, provider = $4, reason = $5 where id = $6 and final = 0',
    ),
    attempt:
      db.statement(`insert into attempt (message_id, handover, part, at, provider, provider_id, outcome, reason, receipt_asked)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (message_id, handover, part) do nothing`),
    attempts: db.statement('select * from attempt where message_id = $1 order by handover, part'),
    byProviderId: db.statement(
      'select * from attempt where provider = $1 and provider_id = $2 order by id desc limit 20',
    ),
    receipt: db.statement(`update attempt set receipt_state = $1, receipt_at = $2, receipt_stat = $3, receipt_error = $4
      where id = $5 and (receipt_state is null or (receipt_state = 'buffered' and (receipt_state <> $6 or receipt_at < $7)))`),
    keep: db.statement('insert into unmatched_receipt (provider, provider_id, at, body) values ($1, $2, $3, $4)'),
    keptCount: db.statement('select count(*) as n from unmatched_receipt'),
    kept: db.statement('select id, body from unmatched_receipt where provider = $1 and provider_id = $2 order by id'),
    incoming: db.statement(`insert into incoming (provider, provider_id, at, sender, number, encoding, concat, sealed)
      values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (provider, provider_id) do nothing`),
    drop: db.statement('delete from unmatched_receipt where id = $1'),
  };

  // Looking for a receipt that came first, in all its forms, is only worth it when there are such receipts.
  let kept = Number(sql.keptCount.get()!.n);

  function record(envelope: Envelope, now: number): Callback[] {
    if (envelope.type === 'sms') return accepted(envelope, now);
    if (envelope.type !== 'report') return [];
    switch (envelope.kind) {
      case 'submitted':
        return submitted(envelope, now);
      case 'given-back':
        return givenBack(envelope);
      case 'final':
        return ended(envelope, now);
      case 'receipt':
        return received(envelope, now);
      case 'incoming':
        return incoming(envelope);
      case 'told':
        return outbox.told(envelope, now);
      case 'lease':
        return [];
    }
  }

  function accepted(sms: Sms, now: number): Callback[] {
    const { id, client, door, lane, to, given, from, segments, at, expiry, traceparent, dlrMask, dlrUrl } = sms;
    const known = [client, door, lane, to, given, from, segments, at, expiry, traceparent, dlrMask ?? 0, dlrUrl ?? ''];
    if (sql.accept.run(id, ...known, at).changes > 0) return [];
    if (sql.fillStub.run(...known, id).changes === 0) return [];
    // Reports were faster: issue what they would have.
    const message = sql.message.get(id)!;
    const taken = sql.attempts.all(id).filter(({ outcome }) => outcome === 'submitted');
    const parts = taken.map((row) => ({ provider: `${row.provider}`, providerId: `${row.provider_id}` }));
    const follows = parts[0] ? owedByAnswer(message, { ...parts[0], at: Number(taken[0]!.at) }, now) : [];
    for (const part of parts) follows.push(...receivedBefore(part, now));
    return follows.concat(owedByEnd(message, now));
  }

  function submitted(report: ReportOf<'submitted'>, now: number): Callback[] {
    const { id, handover, at, provider, parts } = report;
    sql.stub.run(id, at);
    let fresh = false;
    for (const [i, part] of parts.entries()) {
      const { changes } = sql.attempt.run(
        id,
        handover,
        i + 1,
        at,
        provider,
        part.providerId,
        'submitted',
        '',
        part.receipt ? 1 : 0,
      );
      fresh ||= changes > 0;
    }
    if (!fresh) return [];
    const message = sql.message.get(id)!;
    const waits = parts.some((part) => part.receipt);
    if (!message.final) setState(message, waits ? 'submitted' : 'sent', !waits, at, provider, '');
    if (!message.known) return [];
    // One ACK for a message, however many hand-overs succeeded.
    const { providerId } = parts[0]!;
    const follows = message.state === 'accepted' ? owedByAnswer(message, { provider, providerId, at }, now) : [];
    for (const part of parts) follows.push(...receivedBefore({ provider, providerId: part.providerId }, now));
    return follows;
  }

  /** Receipts that came before the message and the answer to its submit. */
  function receivedBefore({ provider, providerId }: Pick<Owed, 'provider' | 'providerId'>, now: number): Callback[] {
    const follows: Callback[] = [];
    for (const form of kept > 0 ? idForms(providerId) : []) {
      for (const { id, body } of sql.kept.all(provider, form)) {
        sql.drop.run(id as number);
        kept--;
        follows.push(...received(reportSchema.parse(JSON.parse(body as string)) as ReportOf<'receipt'>, now));
      }
    }
    return follows;
  }

  function givenBack({ id, handover, at, provider, outcome, reason }: ReportOf<'given-back'>): Callback[] {
    sql.stub.run(id, at);
    sql.attempt.run(id, handover, 0, at, provider, null, outcome, reason, 0);
    return [];
  }

  function ended(report: ReportOf<'final'>, now: number): Callback[] {
    const { id, handover, at, provider, state, reason, code } = report;
    sql.stub.run(id, at);
    const words = code === undefined ? reason : refusalText(code, reason);
    if (provider) sql.attempt.run(id, handover, 0, at, provider, null, state, words, 0);
    const message = sql.message.get(id)!;
    if (message.final || !setState(message, state, true, at, provider ?? '', words)) return [];
    return owedByEnd(sql.message.get(id)!, now);
  }

  function received(receipt: ReportOf<'receipt'>, now: number): Callback[] {
    const attempt = attemptOf(receipt);
    if (!attempt) {
      kept++;
      metrics.unmatched.inc({ provider: receipt.provider });
      sql.keep.run(
        receipt.provider,
        receipt.providerId,
        receipt.at,
        JSON.stringify({ ...receipt, raw: withoutText(receipt.raw) }),
      );
      return [];
    }
    const { changes } = sql.receipt.run(
      receipt.state,
      receipt.at,
      receipt.stat,
      receipt.error ?? null,
      attempt.id as number,
      receipt.state,
      receipt.at,
    );
    const message = sql.message.get(attempt.message_id as string)!;
    if (changes === 0) return [];
    traceReceipt({ id: String(message.id), traceparent: String(message.traceparent) }, receipt);
    metrics.receiptDelay.observe({ provider: receipt.provider }, Math.max(0, receipt.at - Number(attempt.at)) / 1_000);
    if (message.final) return [];
    const owed: Owed = {
      type: kannelType(receipt.state),
      at: receipt.at,
      text: receipt.raw,
      provider: receipt.provider,
      // In the form of the submit_sm_resp, by which the client knows it from the first callback.
      providerId: attempt.provider_id as string,
      ...(receipt.error === undefined ? {} : { error: receipt.error }),
    };
    if (receipt.state === 'buffered') return outbox.owe(message, owed, now);
    const state = stateByReceipts(sql.attempts.all(message.id as string), attempt.handover as number);
    if (!state) return [];
    const reason = state === 'delivered' ? '' : `receipt: ${receipt.stat}${receipt.error ? ` ${receipt.error}` : ''}`;
    setState(message, state, true, receipt.at, receipt.provider, reason);
    if (state === 'delivered') observeDelivered(message, receipt.at);
    return outbox.owe(message, owed, now);
  }

  function incoming({ provider, providerId, at, from, to, text, encoding, concat }: ReportOf<'incoming'>): Callback[] {
    const sealed = seal.close(text, provider);
    const parts = concat ? JSON.stringify(concat) : '';
    sql.incoming.run(provider, providerId ?? null, at, from, to, encoding ?? '', parts, sealed);
    return [];
  }

  /** The newest attempt with this provider's id, in the exact form first, whose recipient agrees. */
  function attemptOf(receipt: ReportOf<'receipt'>): Row | undefined {
    for (const form of idForms(receipt.providerId)) {
      for (const attempt of sql.byProviderId.all(receipt.provider, form)) {
        if (agrees(sql.message.get(attempt.message_id as string), receipt.to)) return attempt;
      }
    }
    return undefined;
  }

  function setState(
    message: Row,
    state: string,
    final: boolean,
    at: number,
    provider: string,
    reason: string,
  ): boolean {
    const { changes } = sql.state.run(state, at, final ? 1 : 0, provider, reason, message.id!);
    if (changes > 0 && final) onFinal(state);
    return changes > 0;
  }

  // ── what is owed ──
  /** The provider took it. */
  function owedByAnswer(message: Row, answer: Pick<Owed, 'provider' | 'providerId' | 'at'>, now: number): Callback[] {
    return outbox.owe(message, { ...answer, type: 8, text: 'ACK/' }, now);
  }

  /** A message that ended without a receipt. */
  function owedByEnd(message: Row, now: number): Callback[] {
    const { state, state_at: at, provider, reason } = message;
    if (!message.final || state === 'sent' || state === 'delivered') return [];
    const text = endText(String(state), String(reason));
    return outbox.owe(message, { type: 16, at: Number(at), text, provider: String(provider), providerId: '' }, now);
  }

  return { record, due: outbox.due, published: outbox.published, dropped: outbox.dropped };
}

/** The state that the receipts of one hand-over give: failed parts first, delivered when all that were asked for came. */
function stateByReceipts(attempts: Row[], handover: number): FinalState | undefined {
  const asked = attempts.filter(
    (attempt) => attempt.handover === handover && (attempt.receipt_asked || attempt.receipt_state),
  );
  const states = asked.map((attempt) => attempt.receipt_state as string | null);
  const bad = states.find((state) => state !== null && state !== 'delivered' && state !== 'buffered');
  if (bad) return bad as FinalState;
  return states.every((state) => state === 'delivered') ? 'delivered' : undefined;
}

/**
 * The handset in a receipt is the message's recipient, however many leading digits the SMSC adds or cuts. Nothing agrees
 * with a message that is not known yet: its receipt is kept until then.
 */
function agrees(message: Row | undefined, to: string | undefined): boolean {
  if (!message?.known) return false;
  if (!to) return true;
  const number = String(message.number);
  return number.endsWith(to.slice(-7)) || to.endsWith(number.slice(-7));
}

const observeDelivered = ({ lane, accepted_at: accepted }: Row, at: number) =>
  metrics.deliveredSeconds.observe({ lane: String(lane) }, Math.max(0, at - Number(accepted)) / 1_000);

/** A receipt's `text:` holds the beginning of the SMS: it is not stored. */
export const withoutText = (raw: string) => raw.replace(/text:.*$/is, 'text:');
