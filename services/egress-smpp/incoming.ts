// deliver_sm from a provider that is a message from a handset, or one part of it.
import type { PDU } from 'smpp';
import { VERSION } from '#shared/messages/envelope.ts';
import { newId } from '#shared/messages/id.ts';
import type { ReportOf } from '#shared/messages/report.ts';
import { codingOf, textOf } from '#shared/smpp/coding.ts';
import { type Concat, readUdh } from '#shared/sms/udh.ts';

/** esm_class bits 5-2 (SMPP 3.4, 5.2.12): 0000 is an ordinary message; all else is a kind of answer to one of ours. */
const KIND_BITS = 0x3c;
const UDHI = 0x40;
const ENCODING = { gsm7: 'gsm7', ascii: 'gsm7', latin1: 'latin1', binary: 'binary', ucs2: 'ucs2' } as const;

/**
 * The report of a deliver_sm, or undefined when it is another kind of answer. Octets that are not in the alphabet that
 * data_coding names are kept as they are, `binary`: a person said something. SMPP gives it no id, so one that the SMSC
 * sends again is another message; one that the bus delivers again is not.
 */
export function incomingOf(pdu: PDU, provider: string, at: number): ReportOf<'incoming'> | undefined {
  const esmClass = Number(pdu.esm_class ?? 0);
  if ((esmClass & KIND_BITS) !== 0) return undefined;
  const userData = octetsOf(pdu);
  const { rest, concat } = (esmClass & UDHI && readUdh(userData)) || { rest: userData, concat: sarOf(pdu) };
  const alphabet = codingOf(Number(pdu.data_coding ?? 0))?.alphabet ?? 'binary';
  const text = textOf(rest, alphabet);
  return {
    v: VERSION.report,
    type: 'report',
    kind: 'incoming',
    at,
    provider,
    from: String(pdu.source_addr ?? ''),
    to: String(pdu.destination_addr ?? ''),
    text: (text ?? rest.toString('latin1')).toWellFormed(),
    encoding: text === undefined ? 'binary' : ENCODING[alphabet],
    providerId: newId(at),
    ...(concat ? { concat } : {}),
  };
}

function octetsOf({ short_message: short, message_payload: payload }: PDU): Buffer {
  if (Buffer.isBuffer(short) && short.length > 0) return short;
  return Buffer.isBuffer(payload) ? payload : Buffer.alloc(0);
}

/** SAR parameters (SMPP 3.4, 5.3.2.22 to 24). */
function sarOf(pdu: PDU): Concat | undefined {
  const { sar_msg_ref_num: reference, sar_total_segments: total, sar_segment_seqnum: part } = pdu;
  if (reference === undefined || !(Number(part) >= 1 && Number(part) <= Number(total))) return undefined;
  return { reference: Number(reference), total: Number(total), part: Number(part) };
}
