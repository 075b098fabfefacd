// A callback as the deliver_sm that tells it: the receipt in the usual form of Appendix B of SMPP 3.4, and as TLVs.
import type { PduFields } from 'smpp';
import { type Callback, SMPP_SCHEME } from '#shared/messages/callback.ts';
import { addressFields, addressOf, recipientForm } from '#shared/sms/address.ts';
import { parseReceipt, type ReceiptState } from '#shared/sms/receipt.ts';
import { acceptedAt, type IdForm, toClient } from './ids.ts';

/** message_state (SMPP 3.4, 5.2.28) and its word. */
const STATES: Record<ReceiptState, { value: number; stat: string }> = {
  buffered: { value: 1, stat: 'ENROUTE' },
  delivered: { value: 2, stat: 'DELIVRD' },
  expired: { value: 3, stat: 'EXPIRED' },
  failed: { value: 5, stat: 'UNDELIV' },
  unknown: { value: 7, stat: 'UNKNOWN' },
  rejected: { value: 8, stat: 'REJECTD' },
};

const DELIVERED = 1;
const BUFFERED = 4;
const REFUSED = 16;
const ESM_RECEIPT = 0x04;
const ESM_INTERMEDIATE = 0x20;

/** The fields of the deliver_sm. From the recipient to the sender, as if the handset answered. */
export function receiptFields({ id, at, url, dlrType, values }: Callback, form: IdForm): PduFields {
  const { state, error } = toldBy(dlrType, values.text);
  const { value, stat } = STATES[state];
  const known = toClient(url.slice(SMPP_SCHEME.length), form);
  const source = addressOf(recipientForm(values), 'destination');
  const destination = addressOf(values.from, 'source');
  const delivered = state === 'delivered' ? '001' : '000';
  const text = `id:${known} sub:001 dlvrd:${delivered} submit date:${minute(acceptedAt(id))} done date:${minute(at)} stat:${stat} err:${error} text:`;
  return {
    ...addressFields(source, destination),
    esm_class: state === 'buffered' ? ESM_INTERMEDIATE : ESM_RECEIPT,
    data_coding: 0,
    short_message: Buffer.from(text, 'latin1'),
    receipted_message_id: known,
    message_state: value,
  };
}

/** What a callback of Kannel's type says: `NACK/…` for a message that ended without a receipt, else the receipt. */
function toldBy(dlrType: number, text: string): { state: ReceiptState; error: string } {
  if (dlrType === REFUSED) {
    const status = /^NACK\/0x([0-9a-f]{8})\//.exec(text)?.[1];
    const state = text.startsWith('NACK/validity expired') ? 'expired' : 'rejected';
    return { state, error: digits(status === undefined ? undefined : Number.parseInt(status, 16)) };
  }
  const receipt = parseReceipt(text, {});
  const usual = dlrType === DELIVERED ? 'delivered' : dlrType === BUFFERED ? 'buffered' : 'failed';
  return { state: receipt?.state ?? usual, error: digits(Number.parseInt(receipt?.error ?? '', 10)) };
}

/** Three digits are usual; a number that needs more has more. */
const digits = (error: number | undefined) => String(error || 0).padStart(3, '0');

/** YYMMDDhhmm, in UTC. */
const minute = (ms: number) => new Date(ms).toISOString().replaceAll(/\D/g, '').slice(2, 12);
