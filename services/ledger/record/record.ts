// What one envelope changes: the message's row, its attempts, its state, and what is owed to the client. Order is not
// promised: a report makes a stub, the message fills it in and issues what is owed by then. Everything here can be
// repeated without effect, since the bus delivers at least once. Works in memory, on the sheet of a transaction.
import type { Callback } from '#shared/messages/callback.ts';
import type { Envelope } from '#shared/messages/envelope.ts';
import type { ReportOf } from '#shared/messages/report.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { closeContent } from '../answers/again.ts';
import { addEntry } from '../answers/audit.ts';
import type { Outbox } from '../callbacks/outbox.ts';
import { endText, refusalText } from '../callbacks/owed.ts';
import type { Fallbacks } from '../clock/fallback.ts';
import { isProbe, probeSent } from '../clock/probe.ts';
import type { Seal } from '../seal.ts';
import { type Form, idKey } from './match.ts';
import { openReceipts } from './receipts.ts';
import type { AttemptRow, MessageRow } from './rows.ts';
import type { Kept, Sheet } from './sheet.ts';
import { hasOpenHandover, openState } from './state.ts';

export type RecorderOptions = {
  fallbacks: Fallbacks;
  outbox: Outbox;
  seal: Seal;
  /** Texts are kept, encrypted. */
  keepTexts: boolean;
  /** How long after expiry or hand-over a receipt may come, in ms. */
  receiptsWithin: number;
  /** How a provider writes its ids in receipts, where the configuration says it. */
  formOf(provider: string): Form | undefined;
  /** Hears of each message's final state. */
  onFinal(state: string, message: MessageRow): void;
  /** A receipt came `ms` after its hand-over. */
  onReceipt(provider: string, ms: number): void;
  /** A message from a handset is stored. */
  onIncoming(provider: string): void;
  /** Every report that was on its way at this time, epoch ms, is written. */
  onMark(at: number): void;
};

export type Recorder = {
  /** Returns callbacks that may go out now: the first of their message, already in the outbox. */
  record(sheet: Sheet, envelope: Envelope, now: number): Callback[];
  /** A receipt that matched nothing before. */
  again(sheet: Sheet, kept: Kept, now: number): Callback[];
  /** No report came in time: a final state, and what the client is told. `allAsked`: each receipt was asked for. */
  judge(sheet: Sheet, message: MessageRow, allAsked: boolean, now: number): Callback[];
  /** Ends a message that was not handed over. */
  cancel(sheet: Sheet, message: MessageRow, now: number): Callback[];
};

export function openRecorder(options: RecorderOptions): Recorder {
  const { outbox, seal, receiptsWithin, fallbacks } = options;
  const setState = openState(options);
  const receipts = openReceipts(options, setState);

  function record(sheet: Sheet, envelope: Envelope, now: number): Callback[] {
    if (envelope.type === 'sms') return accepted(sheet, envelope, now);
    if (envelope.type !== 'report') return [];
    switch (envelope.kind) {
      case 'submitted':
        return submitted(sheet, envelope, now);
      case 'given-back':
        return givenBack(sheet, envelope);
      case 'final':
        return ended(sheet, envelope, now);
      case 'receipt':
        return receipts.received(sheet, envelope, now);
      case 'fallback':
        options.fallbacks.asked(sheet, envelope);
        return [];
      case 'incoming':
        return incoming(sheet, envelope);
      case 'told':
        return outbox.told(sheet, envelope, now);
      case 'audit':
        addEntry(sheet, envelope);
        return [];
      case 'lease':
        return [];
      case 'mark':
        sheet.after.push(() => options.onMark(envelope.at));
        return [];
    }
  }

  // ── messages ──

  function accepted(sheet: Sheet, sms: Sms, now: number): Callback[] {
    const { id, at, expiry, notBefore } = sms;
    const message = sheet.stub(id, at);
    if (message.known) return [];
    sheet.change(Object.assign(message, knownOf(sms)));
    if (isProbe(message)) sheet.after.push(() => probeSent(sms.provider ?? '', at));
    if (options.keepTexts) sheet.insert('kept_text (id, sealed)', NOTHING, id, closeContent(sms, seal));
    if (!message.final) message.judge_at = Math.max(expiry, message.state_at) + receiptsWithin;
    if (notBefore !== undefined && message.state === 'accepted') {
      message.state = 'scheduled';
      const sealed = seal.close(JSON.stringify(sms), id);
      sheet.insert('scheduled (id, release_at, lane, sealed)', NOTHING, id, notBefore, sms.lane, sealed);
    }
    // Reports may have been faster: issue what they would have.
    const hadEnded = message.final === 1;
    const taken = sheet.attempts(id).filter(({ outcome }) => outcome === 'submitted');
    const follows: Callback[] = [];
    if (taken[0]) follows.push(...owedByAnswer(sheet, message, taken[0], now));
    for (const attempt of taken) follows.push(...receipts.before(sheet, attempt, now));
    return hadEnded ? follows.concat(owedByEnd(sheet, message, now)) : follows;
  }

  /** A report's message, which may never come itself: then it ends like any other. */
  function stub(sheet: Sheet, id: string, at: number): MessageRow {
    const message = sheet.stub(id, at);
    if (!message.known && !message.final) message.judge_at ??= at + receiptsWithin;
    return message;
  }

  function submitted(sheet: Sheet, report: ReportOf<'submitted'>, now: number): Callback[] {
    const { id, handover, at, provider, parts } = report;
    const message = stub(sheet, id, at);
    const rows = parts.map((part, i): AttemptRow => {
      const ids = { provider_id: part.providerId, id_key: idKey(part.providerId) };
      const asked = part.receipt ? 1 : 0;
      return attempt(
        { id, handover, at, provider },
        { part: i + 1, ...ids, outcome: 'submitted', reason: report.why ?? '', receipt_asked: asked },
      );
    });
    if (rows.filter((row) => sheet.addAttempt(row)).length === 0) return [];
    const first = message.state === 'accepted' || message.state === 'scheduled';
    if (!message.final) {
      const waits = parts.some((part) => part.receipt);
      setState(sheet, message, waits ? 'submitted' : 'sent', !waits, { at, provider, reason: '' });
      if (waits) message.judge_at = Math.max(message.expiry, at) + receiptsWithin;
    }
    if (!message.known) return [];
    // One ACK for a message, however many hand-overs succeeded.
    const follows = first ? owedByAnswer(sheet, message, rows[0]!, now) : [];
    for (const row of rows) follows.push(...receipts.before(sheet, row, now));
    return follows;
  }

  function givenBack(
    sheet: Sheet,
    { id, handover, at, provider, outcome, reason }: ReportOf<'given-back'>,
  ): Callback[] {
    stub(sheet, id, at);
    sheet.addAttempt(attempt({ id, handover, at, provider }, { outcome, reason }));
    return [];
  }

  function ended(sheet: Sheet, report: ReportOf<'final'>, now: number): Callback[] {
    const { id, handover, at, provider = '', state, reason, code } = report;
    const message = stub(sheet, id, at);
    const words = code === undefined ? reason : refusalText(code, reason);
    const open = hasOpenHandover(sheet.attempts(id));
    if (provider || open) sheet.addAttempt(attempt({ id, handover, at, provider }, { outcome: state, reason: words }));
    // A provider that took it earlier has the last word.
    if (message.final || open) return [];
    if (state !== 'expired' && fallbacks.awaits(sheet, id)) {
      fallbacks.hurry(sheet, id, now);
      return [];
    }
    setState(sheet, message, state, true, { at, provider, reason: words });
    return owedByEnd(sheet, message, now);
  }

  function incoming(sheet: Sheet, report: ReportOf<'incoming'>): Callback[] {
    const { provider, providerId, at, from, to, text, encoding, concat } = report;
    // A long message of one part is whole.
    const { total = 1, reference } = concat ?? {};
    const key = total > 1 ? seal.hash(JSON.stringify([provider, from, to, reference, total])) : '';
    sheet.insert(
      'incoming (provider, provider_id, at, sender, number, encoding, concat, sealed, open, parts_key, mark)',
      'on conflict (provider, provider_id) do nothing',
      ...[provider, providerId ?? null, at, from, to, encoding ?? '', concat ? JSON.stringify(concat) : ''],
      ...[seal.close(text, provider), 1, key, key === '' ? '' : seal.hash(text)],
    );
    sheet.after.push(() => options.onIncoming(provider));
    return [];
  }

  // ── ends without a report ──

  function judge(sheet: Sheet, message: MessageRow, allAsked: boolean, now: number): Callback[] {
    const { provider, state, dlr_mask: mask } = message;
    const { reason, final } = verdict(state, (mask & 1) !== 0 || allAsked);
    setState(sheet, message, final, true, { at: now, provider, reason });
    if (final === 'sent') return [];
    if (state !== 'submitted') return owedByEnd(sheet, message, now);
    const taken = sheet.attempts(message.id).findLast(({ outcome, part }) => outcome === 'submitted' && part === 1);
    const providerId = taken?.provider_id ?? '';
    const text = `id:${providerId} sub:001 dlvrd:000 stat:UNKNOWN err:000 text:`;
    return outbox.owe(sheet, message, { type: 2, at: now, text, provider, providerId }, now);
  }

  function cancel(sheet: Sheet, message: MessageRow, now: number): Callback[] {
    setState(sheet, message, 'cancelled', true, { at: now, provider: '', reason: 'cancelled before its release' });
    return owedByEnd(sheet, message, now);
  }

  // ── what is owed ──
  /** The provider took it. */
  function owedByAnswer(sheet: Sheet, message: MessageRow, row: AttemptRow, now: number): Callback[] {
    const { at, provider, provider_id: id } = row;
    return outbox.owe(sheet, message, { at, provider, providerId: id ?? '', type: 8, text: 'ACK/' }, now);
  }

  /** A message that ended without a receipt. */
  function owedByEnd(sheet: Sheet, message: MessageRow, now: number): Callback[] {
    const { state, state_at: at, provider, reason } = message;
    if (state === 'sent' || state === 'delivered') return [];
    return outbox.owe(sheet, message, { type: 16, at, text: endText(state, reason), provider, providerId: '' }, now);
  }

  return {
    record,
    judge,
    cancel,
    again: receipts.again,
  };
}

const NOTHING = 'on conflict (id) do nothing';

const knownOf = (sms: Sms) => ({
  known: 1,
  client: sms.client,
  door: sms.door,
  lane: sms.lane,
  number: sms.to,
  given: sms.given,
  sender: sms.from,
  segments: sms.segments,
  accepted_at: sms.at,
  expiry: sms.expiry,
  traceparent: sms.traceparent,
  dlr_mask: sms.dlrMask ?? 0,
  dlr_url: sms.dlrUrl ?? '',
});

/** A row for a part of a hand-over, or for a hand-over that was given back. */
const attempt = (
  { id, handover, at, provider }: { id: string; handover: number; at: number; provider: string },
  more: Partial<AttemptRow> & Pick<AttemptRow, 'outcome'>,
): AttemptRow => ({
  message_id: id,
  handover,
  part: 0,
  at,
  provider,
  provider_id: null,
  id_key: null,
  reason: '',
  receipt_asked: 0,
  receipt_state: null,
  receipt_at: null,
  receipt_stat: null,
  receipt_error: null,
  ...more,
});

/** Who asked for failures only has heard of none. */
function verdict(state: string, wasAsked: boolean): { final: 'sent' | 'unknown'; reason: string } {
  if (state !== 'submitted') return { final: 'unknown', reason: 'nothing was heard of it in time' };
  if (!wasAsked) return { final: 'sent', reason: '' };
  return { final: 'unknown', reason: 'no receipt came in time' };
}
