// Writes one envelope into the database: the message's row, its attempts, its state, and what is owed to the client.
// Order is not promised: a report makes a stub, the message fills it in and issues what is owed by then. Everything here
// can be repeated without effect, since the bus delivers at least once. Runs inside the caller's transaction.
import { type Callback, callback as callbackSchema } from '#shared/messages/callback.ts';
import { type Envelope, VERSION } from '#shared/messages/envelope.ts';
import { type FinalState, type ReportOf, report as reportSchema } from '#shared/messages/report.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { kannelType } from '#shared/sms/receipt.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import type { Database, Row } from './database.ts';
import { idForms } from './match.ts';
import { type Owed, refusalText, typeOwed } from './owed.ts';

export type Recorder = {
  /** Returns callbacks that may go out now: the first of their message, already in the outbox. */
  record(envelope: Envelope, now: number): Callback[];
  /** Callbacks that are due again: a second or later try, or left over from before a restart. */
  due(now: number, limit: number): Callback[];
  published(callbacks: readonly Callback[]): void;
};

/** Kannel's receipts name the account of the provider (%o). */
export function openRecorder(
  db: Database,
  accountOf: (provider: string) => string,
  onFinal: (state: string) => void,
): Recorder {
  const sql = {
    stub: db.statement('insert into message (id, state_at) values ($1, $2) on conflict (id) do nothing'),
    accept:
      db.statement(`insert into message (id, known, client, door, lane, number, given, sender, segments, accepted_at, expiry, traceparent, dlr_mask, dlr_url, state_at)
      values ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
      on conflict (id) do update set known = 1, client = excluded.client, door = excluded.door, lane = excluded.lane, number = excluded.number,
      given = excluded.given, sender = excluded.sender, segments = excluded.segments, accepted_at = excluded.accepted_at, expiry = excluded.expiry,
      traceparent = excluded.traceparent, dlr_mask = excluded.dlr_mask, dlr_url = excluded.dlr_url where message.known = 0`),
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
      where id = $5 and (receipt_state is null or receipt_state = 'buffered')`),
    keep: db.statement('insert into unmatched_receipt (provider, provider_id, at, body) values ($1, $2, $3, $4)'),
    keptCount: db.statement('select count(*) as n from unmatched_receipt'),
    kept: db.statement('select id, body from unmatched_receipt where provider = $1 and provider_id = $2 order by id'),
    drop: db.statement('delete from unmatched_receipt where id = $1'),
    owe: db.statement('insert into outbox (message_id, due_at, first_at, body) values ($1, $2, $3, $4)'),
    before: db.statement('select 1 from outbox where message_id = $1 and id < $2 limit 1'),
    row: db.statement('select * from outbox where id = $1'),
    done: db.statement('delete from outbox where id = $1'),
    again: db.statement('update outbox set tries = tries + 1, published = 0, due_at = $1 where id = $2'),
    first: db.statement('select * from outbox where message_id = $1 order by id limit 1'),
    sent: db.statement('update outbox set published = 1 where id = $1'),
    due: db.statement(`select * from outbox o where published = 0 and due_at <= $1
      and not exists (select 1 from outbox e where e.message_id = o.message_id and e.id < o.id) order by due_at limit $2`),
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
      case 'told':
        return told(envelope, now);
      case 'lease':
        return [];
    }
  }

  function accepted(sms: Sms, now: number): Callback[] {
    const { id, client, door, lane, to, given, from, segments, at, expiry, traceparent, dlrMask, dlrUrl } = sms;
    const before = sql.message.get(id);
    if (before?.known === 1) return [];
    sql.accept.run(
      id,
      client,
      door,
      lane,
      to,
      given,
      from,
      segments,
      at,
      expiry,
      traceparent,
      dlrMask ?? 0,
      dlrUrl ?? '',
      before ? (before.state_at as number) : at,
    );
    if (!before || !dlrUrl) return [];
    // Reports were faster: issue what they would have.
    const message = sql.message.get(id)!;
    return sql.attempts
      .all(id)
      .flatMap((attempt) => owedByAttempt(message, attempt, now))
      .concat(owedByEnd(message, now));
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
    const follows = owe(message, { type: 8, text: 'ACK/', provider, providerId: parts[0]?.providerId ?? '' }, now);
    if (kept > 0) for (const part of parts) follows.push(...receivedBefore(provider, part.providerId, now));
    return follows;
  }

  function receivedBefore(provider: string, providerId: string, now: number): Callback[] {
    const follows: Callback[] = [];
    for (const form of idForms(providerId)) {
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
    if (provider)
      sql.attempt.run(
        id,
        handover,
        0,
        at,
        provider,
        null,
        state,
        code === undefined ? reason : refusalText(code, reason),
        0,
      );
    const message = sql.message.get(id)!;
    if (
      message.final ||
      !setState(message, state, true, at, provider ?? '', code === undefined ? reason : refusalText(code, reason))
    )
      return [];
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
    );
    if (changes === 0) return [];
    const message = sql.message.get(attempt.message_id as string)!;
    const owed: Owed = {
      type: kannelType(receipt.state),
      text: receipt.raw,
      provider: receipt.provider,
      providerId: receipt.providerId,
    };
    if (receipt.state === 'buffered') return owe(message, owed, now);
    const state = stateByReceipts(sql.attempts.all(message.id as string), attempt.handover as number);
    if (!state || message.final) return [];
    const reason = state === 'delivered' ? '' : `receipt: ${receipt.stat}${receipt.error ? ` ${receipt.error}` : ''}`;
    setState(message, state, true, receipt.at, receipt.provider, reason);
    return owe(message, owed, now);
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

  function told({ callback, ok, at }: ReportOf<'told'>, now: number): Callback[] {
    const row = sql.row.get(callback);
    if (!row) return [];
    const next = nextTry(row, at);
    if (!ok && next !== undefined) {
      sql.again.run(next, callback);
      return [];
    }
    sql.done.run(callback);
    const first = sql.first.get(row.message_id as string);
    return first && !first.published && (first.due_at as number) <= now ? [callbackOf(first)] : [];
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
  function owedByAttempt(message: Row, attempt: Row, now: number): Callback[] {
    if (attempt.outcome !== 'submitted') return [];
    const at = { provider: attempt.provider as string, providerId: attempt.provider_id as string };
    const follows = attempt.part === 1 ? owe(message, { type: 8, text: 'ACK/', ...at }, now) : [];
    const { receipt_state: state, receipt_stat: stat, receipt_error: error } = attempt;
    if (!state) return follows;
    const text = `id:${at.providerId} stat:${stat} err:${error ?? '000'}`;
    return [...follows, ...owe(message, { type: kannelType(state as never), text, ...at }, now)];
  }

  /** A message that ended without a receipt. */
  function owedByEnd(message: Row, now: number): Callback[] {
    const { state, provider, reason } = message;
    if (!message.final || state === 'sent' || state === 'delivered' || String(reason).startsWith('receipt:')) return [];
    return owe(message, { type: 16, text: `NACK/${reason}`, provider: String(provider), providerId: '' }, now);
  }

  function owe(message: Row, owed: Owed, now: number): Callback[] {
    const type = typeOwed(owed.type, Number(message.dlr_mask));
    if (!message.known || !message.dlr_url || type === undefined) return [];
    const body = {
      id: message.id,
      client: message.client,
      at: now,
      traceparent: message.traceparent,
      url: message.dlr_url,
      dlrType: type,
      values: {
        to: message.number,
        from: message.sender,
        given: message.given,
        provider: owed.provider,
        providerId: owed.providerId,
        text: owed.text,
        account: owed.type === 8 || owed.type === 16 ? '' : accountOf(owed.provider),
        meta: '',
      },
    };
    const { id } = sql.owe.run(message.id!, now, now, JSON.stringify(body));
    if (sql.before.get(message.id!, id)) return [];
    return [callbackOf({ id, tries: 0, body: JSON.stringify(body) })];
  }

  return {
    record,
    due: (now, limit) => sql.due.all(now, limit).map(callbackOf),
    published: (callbacks) => {
      for (const { callback } of callbacks) sql.sent.run(callback);
    },
  };
}

function callbackOf(row: Row): Callback {
  const head = { v: VERSION.callback, type: 'callback', callback: row.id, tries: row.tries };
  return callbackSchema.parse({ ...JSON.parse(row.body as string), ...head });
}

const RETRY_MS = [5_000, 15_000, 60_000, 300_000, 900_000, 1_800_000, 3_600_000];
const GIVE_UP_MS = 24 * 3_600_000;

/** When a callback that failed is tried again: up to 24 h after it was first due. */
function nextTry(row: Row, at: number): number | undefined {
  const next = at + RETRY_MS[Math.min(Number(row.tries), RETRY_MS.length - 1)]!;
  return next - Number(row.first_at) > GIVE_UP_MS ? undefined : next;
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

/** The handset in a receipt is the message's recipient, however many leading digits the SMSC adds or cuts. */
function agrees(message: Row | undefined, to: string | undefined): boolean {
  if (!message?.known || !to) return true;
  const number = String(message.number);
  return number.endsWith(to.slice(-7)) || to.endsWith(number.slice(-7));
}

/** A receipt's `text:` holds the beginning of the SMS: it is not stored. */
const withoutText = (raw: string) => raw.replace(/text:.*$/is, 'text:');
