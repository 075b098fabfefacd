// A message from a handset as the deliver_sm that brings it to a client: one PDU, a long text in message_payload.
import type { PduFields } from 'smpp';
import type { Callback, IncomingMessage } from '#shared/messages/callback.ts';
import { addressFields, addressOf } from '#shared/sms/address.ts';
import { encodeGsm7, isGsm7 } from '#shared/sms/gsm7.ts';

/** short_message holds so many octets (SMPP 3.4, 4.6.1). */
const MOST_SHORT = 254;
/** data_coding (SMPP 3.4, 5.2.19). */
const CODING = { gsm7: 0, binary: 4, ucs2: 8 } as const;

/** The fields of the deliver_sm: from the handset to the number that it sent to. Throws when an address does not fit. */
export function incomingFields({ values }: Callback, message: IncomingMessage): PduFields {
  const source = addressOf(values.given, 'source');
  const destination = addressOf(values.from, 'destination');
  const { coding, octets } = contentOf(message);
  return {
    ...addressFields(source, destination),
    esm_class: 0,
    data_coding: coding,
    ...(octets.length <= MOST_SHORT
      ? { short_message: octets }
      : { short_message: Buffer.alloc(0), message_payload: octets }),
  };
}

function contentOf({ text, encoding }: IncomingMessage): { coding: number; octets: Buffer } {
  if (encoding === 'binary') return { coding: CODING.binary, octets: Buffer.from(text, 'latin1') };
  if (isGsm7(text)) return { coding: CODING.gsm7, octets: encodeGsm7(text) };
  return { coding: CODING.ucs2, octets: Buffer.from(text, 'utf16le').swap16() };
}
