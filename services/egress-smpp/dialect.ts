// What a provider's row changes in a submit_sm: encoding, data_coding, modes and optional parameters.
import type { PDU } from 'smpp';
import type { ProviderOf } from '#shared/config/schema.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { rawTlv } from '#shared/smpp/library.ts';
import { type Encoding, encodingOf, toLatin1 } from '#shared/sms/segments.ts';

type Provider = ProviderOf<'smpp'>;

const DEFAULT_DATA_CODING: Record<Encoding, number> = { gsm7: 0, latin1: 3, binary: 4, ucs2: 8 };
const STORE_AND_FORWARD = 3;
/** The optional parameters that a plain submit_sm of ours may have. */
const OPTIONAL = ['more_messages_to_send'];

/** The encoding that the client forced, or the row's for what it can write. */
export function encodingFor({ encoding, text }: Pick<Sms, 'encoding' | 'text'>, provider: Provider): Encoding {
  if (encoding) return encoding;
  return provider.encoding === 'latin1' && toLatin1(text) ? 'latin1' : encodingOf(text);
}

/** The PDU as this provider wants it; changed in place. */
export function inDialect(pdu: PDU, encoding: Encoding, provider: Provider): PDU {
  if (!provider.storeAndForward) pdu.esm_class = (pdu.esm_class as number) & ~STORE_AND_FORWARD;
  // A message class or another sign in data_coding is the client's own.
  if (pdu.data_coding === DEFAULT_DATA_CODING[encoding])
    pdu.data_coding = provider.dataCoding[encoding] ?? pdu.data_coding;
  if (provider.serviceType !== undefined && !pdu.service_type) pdu.service_type = provider.serviceType;
  if (provider.version === '3.3') for (const name of OPTIONAL) delete pdu[name];
  for (const { tag, hex, text, cstring } of provider.tlvs) {
    const value = hex === undefined ? Buffer.from(text ?? `${cstring}\0`, 'latin1') : Buffer.from(hex, 'hex');
    pdu[rawTlv(tag)] = value;
  }
  return pdu;
}
