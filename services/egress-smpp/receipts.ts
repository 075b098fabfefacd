// deliver_sm from a provider that is a delivery receipt or an intermediate notification.
import type { PDU } from 'smpp';
import { VERSION } from '#shared/messages/envelope.ts';
import type { ReportOf } from '#shared/messages/report.ts';
import { decodeGsm7 } from '#shared/sms/gsm7.ts';
import { parseReceipt } from '#shared/sms/receipt.ts';

/** esm_class bits 5-2 (SMPP 3.4, 5.2.12): 0001 delivery receipt, 1000 intermediate notification. */
const RECEIPT_BITS = 0x3c;
const RECEIPT = 0x04;
const INTERMEDIATE = 0x20;

/** The report of a deliver_sm, or undefined when it is no receipt. */
export function receiptOf(pdu: PDU, provider: string, at: number): ReportOf<'receipt'> | undefined {
  const kind = Number(pdu.esm_class ?? 0) & RECEIPT_BITS;
  const tlv = {
    ...(typeof pdu.receipted_message_id === 'string' ? { receiptedMessageId: pdu.receipted_message_id } : {}),
    ...(typeof pdu.message_state === 'number' ? { messageState: pdu.message_state } : {}),
    ...(Buffer.isBuffer(pdu.network_error_code) ? { networkErrorCode: pdu.network_error_code } : {}),
  };
  // Some SMSCs leave esm_class at 0 and tell by TLV only.
  if (kind !== RECEIPT && kind !== INTERMEDIATE && tlv.receiptedMessageId === undefined) return undefined;
  const raw = textOf(pdu);
  const receipt = parseReceipt(raw, tlv);
  if (!receipt) return undefined;
  return {
    v: VERSION.report,
    type: 'report',
    kind: 'receipt',
    at,
    provider,
    providerId: receipt.providerId,
    state: receipt.state,
    stat: receipt.stat,
    ...(receipt.error ? { error: receipt.error } : {}),
    to: String(pdu.source_addr ?? '').replace(/\D/g, ''),
    raw: raw.slice(0, 1_024),
  };
}

/** Receipt texts are ASCII in practice; data_coding decides where it matters. */
function textOf(pdu: PDU): string {
  const short = pdu.short_message as Buffer | undefined;
  const octets = short && short.length > 0 ? short : (pdu.message_payload as Buffer | undefined);
  if (!Buffer.isBuffer(octets)) return '';
  // Half a character at the end is left out: of an odd number of octets none could be swapped.
  if (pdu.data_coding === 8)
    return Buffer.from(octets.subarray(0, octets.length & ~1))
      .swap16()
      .toString('utf16le');
  return pdu.data_coding === 0 ? decodeGsm7(octets) : octets.toString('latin1');
}
