// Delivery receipts: matched to the part of a hand-over that they speak of, or kept until they can be. Works in memory, on
// the sheet of a transaction.
import type { Callback } from '#shared/messages/callback.ts';
import type { ReportOf } from '#shared/messages/report.ts';
import { kannelType } from '#shared/sms/receipt.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import { traceReceipt } from '#shared/telemetry/spans.ts';
import type { Owed } from '../callbacks/owed.ts';
import { isProbe, probeDelivered } from '../clock/probe.ts';
import { choose, idKey, Learned } from './match.ts';
import type { RecorderOptions } from './record.ts';
import type { AttemptRow, MessageRow, UnmatchedRow } from './rows.ts';
import type { Kept, Sheet } from './sheet.ts';
import { type SetState, stateByReceipts } from './state.ts';

/** A receipt that matches nothing is tried again after this, and then at twice the age. */
const AGAIN_MS = 5_000;
/** Clocks and queues: a receipt within this of the last moment is in time. */
const SLACK_MS = 3_600_000;

export type Receipts = {
  received(sheet: Sheet, receipt: ReportOf<'receipt'>, now: number): Callback[];
  /** Receipts that came before the message of this attempt, or before the answer to its submit. */
  before(sheet: Sheet, attempt: AttemptRow, now: number): Callback[];
  /** One that matched nothing before. */
  again(sheet: Sheet, kept: Kept, now: number): Callback[];
};

export function openReceipts(options: RecorderOptions, setState: SetState): Receipts {
  const { outbox, receiptsWithin, fallbacks } = options;
  const learned = new Learned();

  function received(sheet: Sheet, receipt: ReportOf<'receipt'>, now: number, before?: UnmatchedRow): Callback[] {
    const { provider, providerId, at, to } = receipt;
    const found = choose({ id: providerId, at, to }, sheet.candidates(provider, providerId), {
      form: options.formOf(provider) ?? learned.form(provider),
      within: receiptsWithin + SLACK_MS,
      again: before !== undefined,
    });
    if (!found) {
      keep(sheet, receipt, now, before);
      return [];
    }
    if (to) sheet.after.push(() => learned.saw(provider, found));
    return matched(sheet, receipt, found.attempt, now);
  }

  function keep(sheet: Sheet, receipt: ReportOf<'receipt'>, now: number, before?: UnmatchedRow): void {
    const { provider, providerId, at, raw } = receipt;
    if (!before) sheet.after.push(() => metrics.unmatched.inc({ provider }));
    const id_key = idKey(providerId);
    const try_at = now + Math.max(AGAIN_MS, now - at);
    const body = JSON.stringify({ ...receipt, raw: withoutText(raw) });
    const row = { provider, provider_id: providerId, id_key, at, try_at, tries: (before?.tries ?? -1) + 1, body };
    sheet.keep(row, receipt);
  }

  function matched(sheet: Sheet, receipt: ReportOf<'receipt'>, part: AttemptRow, now: number): Callback[] {
    const { state, at, stat, error, provider, raw } = receipt;
    const { receipt_state: before, receipt_at } = part;
    const newer = before === null || (before === 'buffered' && (state !== 'buffered' || receipt_at! < at));
    if (!newer) return [];
    Object.assign(part, { receipt_state: state, receipt_at: at, receipt_stat: stat, receipt_error: error ?? null });
    sheet.changeAttempt(part);
    const message = sheet.message(part.message_id)!;
    sheet.after.push(() => {
      traceReceipt(message, receipt);
      metrics.receiptDelay.observe({ provider }, Math.max(0, at - part.at) / 1_000);
      if (state !== 'buffered') options.onReceipt(provider, at - part.at);
    });
    if (message.final) return [];
    const owed: Owed = {
      type: kannelType(state),
      at,
      text: raw,
      provider,
      // In the form of the submit_sm_resp, by which the client knows it from the first callback.
      providerId: part.provider_id!,
      ...(error === undefined ? {} : { error }),
    };
    if (state === 'buffered') return outbox.owe(sheet, message, owed, now);
    const final = stateByReceipts(sheet.attempts(message.id));
    if (!final) return [];
    if (final !== 'delivered' && fallbacks.awaits(sheet, message.id)) {
      fallbacks.hurry(sheet, message.id, now);
      return [];
    }
    const reason = final === 'delivered' ? '' : `receipt: ${stat}${error ? ` ${error}` : ''}`;
    setState(sheet, message, final, true, { at, provider, reason });
    if (final === 'delivered')
      sheet.after.push(() => (isProbe(message) ? probeDelivered(message, at) : observeDelivered(message, at)));
    return outbox.owe(sheet, message, owed, now);
  }

  return {
    received,
    before: (sheet, { provider, provider_id }, now) =>
      sheet.takeKept(provider, provider_id ?? '').flatMap((receipt) => received(sheet, receipt, now)),
    again(sheet, kept, now) {
      sheet.drop(kept);
      return received(sheet, kept.receipt, now, kept.row);
    },
  };
}

const observeDelivered = ({ lane, accepted_at: accepted }: MessageRow, at: number) =>
  metrics.deliveredSeconds.observe({ lane }, Math.max(0, at - accepted) / 1_000);

/** A receipt's `text:` holds the beginning of the SMS: it is not stored. */
export const withoutText = (raw: string) => raw.replace(/text:.*$/is, 'text:');
