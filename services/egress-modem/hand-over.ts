// One hand-over on a modem: the parts of a message one after another, and one outcome out of their answers.
import type { ProviderOf } from '#shared/config/schema.ts';
import type { Show } from '#shared/egress/dialogue.ts';
import type { Sms } from '#shared/messages/sms.ts';
import type { Outcome } from '#shared/outcome.ts';
import { type At, AtFault } from './at.ts';
import { INVALID_PDU, verdictOf } from './faults.ts';
import { type Segment, segmentsOf, submitPdu } from './pdu/submit.ts';
import type { References } from './references.ts';

/** Bits of dlr-mask that ask for a final report: delivered, failed. */
const FINAL_REPORT = 3;

/** A message as its short messages, and those that the modem has taken. */
export type Outgoing = { message: Sms; segments: Segment[]; taken: { providerId: string; receipt: boolean }[] };

/** Throws a RangeError when a modem cannot send it. */
export const prepare = (message: Sms): Outgoing => ({ message, segments: segmentsOf(message), taken: [] });

export type HandOver = {
  provider: Pick<ProviderOf<'modem'>, 'smsc' | 'receipts'>;
  references: References;
  /** Whether the modem is known to refuse a validity period. */
  memory: { noValidity: boolean };
  /** Whether the modem gives status reports. */
  reports: boolean;
  show?: Show | undefined;
};

/** Goes on behind what is taken already. Never rejects. Like Kannel it asks for a receipt of the first part only. */
export async function handOver(at: At, outgoing: Outgoing, options: HandOver): Promise<Outcome> {
  const { message, segments, taken } = outgoing;
  if (message.notBefore !== undefined && message.notBefore > Date.now())
    return { kind: 'refused', reason: 'a modem cannot keep a message for later', scope: 'provider' };
  const always = options.provider.receipts === 'always';
  const wanted = options.reports && (always || ((message.dlrMask ?? 0) & FINAL_REPORT) !== 0);
  for (let i = taken.length; i < segments.length; i++) {
    const receipt = wanted && (i === 0 || always);
    try {
      const reference = await submit(at, segments[i]!, receipt, message, options);
      const providerId = options.references.add(reference ?? 0, message.to, Date.now());
      taken.push({ providerId, receipt });
    } catch (error) {
      if (!(error instanceof AtFault)) return { kind: 'retry', reason: String(error) };
      const outcome = verdictOf(error);
      // Some of it is on its way: another provider would repeat that.
      return outcome.kind === 'unavailable' && i > 0 ? { kind: 'unknown', reason: outcome.reason } : outcome;
    }
  }
  return { kind: 'done', parts: taken };
}

async function submit(
  at: At,
  segment: Segment,
  statusReport: boolean,
  message: Sms,
  { provider, memory, show }: HandOver,
): Promise<number | undefined> {
  const { smsc } = provider;
  const asked = message.validityAsked || provider.receipts === 'always';
  const validityMs = asked && !memory.noValidity ? message.expiry - Date.now() : undefined;
  try {
    return await shown(at, submitPdu(segment, { smsc, statusReport, validityMs }), show);
  } catch (error) {
    if (!(error instanceof AtFault) || error.code !== INVALID_PDU || validityMs === undefined) throw error;
    const reference = await shown(at, submitPdu(segment, { smsc, statusReport }), show);
    // It was the validity period.
    memory.noValidity = true;
    return reference;
  }
}

async function shown(at: At, pdu: Parameters<At['submit']>[0], show: Show | undefined): Promise<number | undefined> {
  show?.('hermod', `AT+CMGS=${pdu.length}`, `${pdu.hex} Ctrl-Z`);
  try {
    const reference = await at.submit(pdu);
    show?.('provider', ...(reference === undefined ? [] : [`+CMGS: ${reference}`]), 'OK');
    return reference;
  } catch (error) {
    show?.('provider', (error as Error).message);
    throw error;
  }
}
