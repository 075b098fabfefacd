// Parts of a long message that the client made itself: by a user data header (3GPP TS 23.040, 9.2.3.24) or by SAR
// parameters (SMPP 3.4, 5.3.2.22 to 24), which become such a header.
import type { PDU } from 'smpp';
import { concatUdh } from '#shared/sms/segments.ts';
import type { Alphabet } from './coding.ts';

export type Part = {
  /** The header, its length octet first. */
  udh: Buffer;
  /** What follows it. */
  rest: Buffer;
  /** How many parts the long message has; 1 when the header says nothing of that. */
  total: number;
};

const CONCAT_8_BIT = 0x00;
const CONCAT_16_BIT = 0x08;
/** User data of one short message on the air. */
const MOST_OCTETS = 140;
const MOST_SEPTETS = 160;

/** User data that begins with a header; undefined when that is not well-formed. */
export function partByUdh(userData: Buffer): Part | undefined {
  const end = (userData[0] ?? Number.POSITIVE_INFINITY) + 1;
  if (end < 3 || end > userData.length) return undefined;
  let total = 1;
  for (let at = 1; at < end; ) {
    const [element, length = end] = userData.subarray(at, end);
    const next = at + 2 + length;
    if (next > end) return undefined;
    if (element === CONCAT_8_BIT && length === 3) total = userData[at + 3]!;
    else if (element === CONCAT_16_BIT && length === 4) total = userData[at + 4]!;
    at = next;
  }
  return { udh: userData.subarray(0, end), rest: userData.subarray(end), total };
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
