// From a message to its submit_sm PDUs, octet for octet as Kannel 1.4.5 writes them where Kannel has a habit
// (see test/flows for the PDU that Cisco's guide prints).

import type { PDU } from 'smpp';
import type { ProviderOf } from '#shared/config/schema.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { newPdu } from '#shared/smpp/library.ts';
import { addressFields, addressOf } from '#shared/sms/address.ts';
import { dataCoding } from '#shared/sms/coding.ts';
import { encodeGsm7 } from '#shared/sms/gsm7.ts';
import { rewriteNumber } from '#shared/sms/rewrite.ts';
import {
  concatReference,
  concatUdh,
  type Encoding,
  split,
  splitOctets,
  toLatin1,
  toUcs2,
} from '#shared/sms/segments.ts';
import { encodingFor, inDialect } from './dialect.ts';

/** Store and forward mode, as Kannel sets it. */
const ESM_CLASS = 3;
const ESM_UDHI = 0x40;
const ESM_REPLY_PATH = 0x80;
/** Longest service_type (SMPP 3.4, 4.4.1), without its NUL. */
const MOST_SERVICE_TYPE = 5;
/** Bits of registered_delivery that ask for a final receipt; an intermediate notification alone ends nothing. */
const FINAL_RECEIPT = 3;
const DLR_DELIVERED = 1;
const DLR_FAILED = 2;
const DLR_BUFFERED = 4;

/** registered_delivery for a dlr-mask (SMPP 3.4, 5.2.17): final receipts, failures only, and intermediate notifications. */
export function registeredDelivery(mask: number | undefined, always: boolean): number {
  const asked = mask ?? 0;
  const final = asked & DLR_DELIVERED || always ? 1 : asked & ~31 || asked & DLR_FAILED ? 2 : 0;
  return final | (asked & DLR_BUFFERED ? 16 : 0);
}

/** `YYMMDDhhmmss000+`: absolute time in UTC (SMPP 3.4, 7.1.1). */
export function absoluteTime(epochMs: number): string {
  const iso = new Date(epochMs).toISOString();
  return `${iso.slice(2, 4)}${iso.slice(5, 7)}${iso.slice(8, 10)}${iso.slice(11, 13)}${iso.slice(14, 16)}${iso.slice(17, 19)}000+`;
}

/** The PDUs of a message, and which of them ask for a receipt: like Kannel only the first, unless receipts are `always`. */
export function submitPdus(message: Sms, provider: ProviderOf<'smpp'>): { pdu: PDU; receipt: boolean }[] {
  const { udh } = message;
  const encoding = encodingFor(message, provider);
  const source = addressOf(message.from, 'source', provider.source);
  const destination = addressOf(rewriteNumber(message, provider.number), 'destination', provider.destination);
  const always = provider.receipts === 'always';
  // On a transmitter alone no receipt would come.
  const registered = provider.bindAs === 'transmitter' ? 0 : registeredDelivery(message.dlrMask, always);
  const esmClass = ESM_CLASS | (message.replyPath ? ESM_REPLY_PATH : 0);
  const fields = {
    ...addressFields(source, destination),
    service_type: message.serviceType?.slice(0, MOST_SERVICE_TYPE) ?? '',
    esm_class: esmClass,
    protocol_id: message.protocolId ?? 0,
    priority_flag: message.priority ?? 0,
    schedule_delivery_time: '',
    validity_period: message.validityAsked || always ? absoluteTime(message.expiry) : '',
    data_coding: dataCoding(encoding, message),
  };
  const receipt = (registered & FINAL_RECEIPT) !== 0;
  const one = (more: Record<string, unknown>, index: number) => {
    const asks = index === 1 || always;
    const pdu = newPdu('submit_sm', { ...fields, registered_delivery: asks ? registered : 0, ...more });
    return {
      pdu: inDialect(pdu, encoding, provider),
      receipt: asks && receipt,
    };
  };
  const reference = concatReference(message.id);
  if (udh !== undefined) {
    const octets = Buffer.from(message.text, 'latin1');
    return splitOctets(Buffer.from(udh, 'hex'), octets, encoding, reference).map((short_message, i, { length }) => {
      const more = i + 1 < length ? { more_messages_to_send: 1 } : {};
      return one({ esm_class: esmClass | ESM_UDHI, short_message, ...more }, i + 1);
    });
  }
  const parts = split(message.text, encoding, message.splitChars);
  if (parts.length === 1) return [one({ short_message: parts[0] }, 1)];
  if (provider.longMessages === 'payload')
    return [one({ short_message: Buffer.alloc(0), message_payload: wholeText(message.text, encoding) }, 1)];
  return parts.map((part, i) => {
    const index = i + 1;
    const more = index < parts.length ? { more_messages_to_send: 1 } : {};
    if (provider.longMessages === 'sar') {
      const sar = { sar_msg_ref_num: reference, sar_total_segments: parts.length, sar_segment_seqnum: index };
      return one({ short_message: part, ...sar, ...more }, index);
    }
    const udh = concatUdh(reference, parts.length, index);
    return one({ esm_class: esmClass | ESM_UDHI, short_message: Buffer.concat([udh, part]), ...more }, index);
  });
}

function wholeText(text: string, encoding: Encoding): Buffer {
  if (encoding === 'gsm7') return encodeGsm7(text);
  if (encoding === 'binary') return Buffer.from(text, 'latin1');
  return (encoding === 'latin1' ? toLatin1(text) : undefined) ?? toUcs2(text);
}
