// Parts of a long message that the client made itself: by a user data header (3GPP TS 23.040, 9.2.3.24) or by SAR
// parameters (SMPP 3.4, 5.3.2.22 to 24), which become such a header.
import type { PDU } from 'smpp';
import type { Alphabet } from '#shared/smpp/coding.ts';
import { concatUdh } from '#shared/sms/segments.ts';
import { readUdh } from '#shared/sms/udh.ts';

export type Part = {
  /** The header, its length octet first. */
  udh: Buffer;
  /** What follows it. */
  rest: Buffer;
  /** How many parts the long message has; 1 when the header says nothing of that. */
  total: number;
};

/** User data of one short message on the air. */
const MOST_OCTETS = 140;
const MOST_SEPTETS = 160;

/** User data that begins with a header; undefined when that is not well-formed. */
export function partByUdh(userData: Buffer): Part | undefined {
  const read = readUdh(userData);
  return read && { udh: read.udh, rest: read.rest, total: read.concat?.total ?? 1 };
}

/**
 * User data with SAR parameters; `none` when there are none, undefined when they cannot be. The reference's low octet is
 * kept: so a full part of 153 septets still fits beside its header, and all parts of a message have the same.
 */
export function partBySar(pdu: PDU, userData: Buffer): Part | 'none' | undefined {
  const [reference, total, index] = [pdu.sar_msg_ref_num, pdu.sar_total_segments, pdu.sar_segment_seqnum].map(Number);
  if (pdu.sar_msg_ref_num === undefined || pdu.sar_total_segments === undefined) return 'none';
  if (total === 1) return 'none';
  if (!total || !index || index > total) return undefined;
  return { udh: concatUdh(reference! & 0xff, total, index), rest: userData, total };
}

/** Whether header and text fit into one short message. Septets begin at a septet boundary behind the header. */
export function fits({ udh, rest }: Part, alphabet: Alphabet): boolean {
  if (alphabet === 'gsm7') return Math.ceil((udh.length * 8) / 7) + rest.length <= MOST_SEPTETS;
  return udh.length + rest.length <= MOST_OCTETS;
}
