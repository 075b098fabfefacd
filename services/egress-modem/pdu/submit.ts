// SMS-SUBMIT: what a modem is given after AT+CMGS (3GPP TS 23.040, 9.2.2.2).
import type { Sms } from '#shared/messages/sms.ts';
import { encodeGsm7, isGsm7 } from '#shared/sms/gsm7.ts';
import { concatReference, concatUdh, encodingOf, split, toUcs2 } from '#shared/sms/segments.ts';
import { type Alphabet, encodeAddress, encodeSmsc, relativeValidity } from './fields.ts';
import { fillBits, packSeptets, septetsOf } from './septets.ts';

/** TP-MTI, and the bits of the first octet beside it. */
const SUBMIT = 0x01;
const RELATIVE_VALIDITY = 0x10;
const STATUS_REPORT = 0x20;
const HEADER = 0x40;

const DATA_CODING: Record<Alphabet, number> = { gsm7: 0x00, ucs2: 0x08, binary: 0x04 };
/** With a message class: the same octets as on SMPP. Class 0 is shown at once, which is called flash. */
const CLASS_CODING: Record<Alphabet, number> = { gsm7: 0xf0, ucs2: 0x18, binary: 0xf4 };

const MOST_OCTETS = 140;
const MOST_SEPTETS = 160;

/** TP-UDL and TP-UD: the length counts septets for `gsm7`, octets otherwise, the header included. */
export type UserData = { length: number; octets: Buffer };
/** One short message of a message, without what is only known when it goes out. */
export type Segment = { to: string; dcs: number; header: boolean; data: UserData };

export type SubmitOptions = {
  /** Digits with a plus; the SIM's own when absent. */
  smsc?: string | undefined;
  statusReport: boolean;
  /** How long the network may keep it; for as long as it likes when absent. */
  validityMs?: number | undefined;
};

/**
 * The short messages of a message. Throws a RangeError, in words for the sender, when a modem cannot send it. Latin-1
 * is no alphabet of the air interface: such a text goes out in the default alphabet, or in UCS-2.
 */
export function segmentsOf(message: Pick<Sms, 'id' | 'to' | 'text' | 'encoding' | 'udh' | 'messageClass'>): Segment[] {
  const { text, encoding, udh, messageClass } = message;
  const to = /^\d{1,6}$/.test(message.to) ? message.to : `+${message.to}`;
  encodeAddress(to);
  const segment = (alphabet: Alphabet, units: Buffer, header?: Buffer): Segment => ({
    to,
    dcs: messageClass === undefined ? DATA_CODING[alphabet] : CLASS_CODING[alphabet] | messageClass,
    header: header !== undefined,
    data: userData(alphabet, units, header),
  });
  if (udh !== undefined) {
    const { alphabet, units } = ownSegment(text, encoding);
    return [segment(alphabet, units, Buffer.from(udh, 'hex'))];
  }
  const alphabet = encoding === undefined || encoding === 'latin1' ? encodingOf(text) : encoding;
  const parts = split(text, alphabet);
  if (parts.length === 1) return [segment(alphabet, parts[0]!)];
  const reference = concatReference(message.id);
  return parts.map((part, i) => segment(alphabet, part, concatUdh(reference, parts.length, i + 1)));
}

/** A segment that the client made: one character for each octet, or septet, in its encoding. */
function ownSegment(text: string, encoding: Sms['encoding']): { alphabet: Alphabet; units: Buffer } {
  if (encoding !== 'latin1') return { alphabet: encoding ?? 'gsm7', units: Buffer.from(text, 'latin1') };
  return isGsm7(text) ? { alphabet: 'gsm7', units: encodeGsm7(text) } : { alphabet: 'ucs2', units: toUcs2(text) };
}

function userData(alphabet: Alphabet, units: Buffer, header: Buffer = Buffer.alloc(0)): UserData {
  if (alphabet !== 'gsm7') {
    const octets = Buffer.concat([header, units]);
    if (octets.length > MOST_OCTETS)
      throw new RangeError(`the segment has ${octets.length} octets, an SMS holds ${MOST_OCTETS}`);
    return { length: octets.length, octets };
  }
  const length = septetsOf(header.length) + units.length;
  if (length > MOST_SEPTETS) throw new RangeError(`the segment has ${length} septets, an SMS holds ${MOST_SEPTETS}`);
  return { length, octets: Buffer.concat([header, packSeptets(units, fillBits(header.length))]) };
}

/** The PDU in hex, and its length for AT+CMGS, which leaves out the service centre's address (TS 27.005, 4.3). */
export function submitPdu(segment: Segment, options: SubmitOptions): { hex: string; length: number } {
  const { smsc, statusReport, validityMs } = options;
  const flags =
    SUBMIT |
    (statusReport ? STATUS_REPORT : 0) |
    (segment.header ? HEADER : 0) |
    (validityMs === undefined ? 0 : RELATIVE_VALIDITY);
  const tpdu = Buffer.concat([
    // TP-MR is the modem's to fill.
    Buffer.from([flags, 0]),
    encodeAddress(segment.to),
    // TP-PID 0: a short message from one handset to another.
    Buffer.from([0, segment.dcs]),
    Buffer.from(validityMs === undefined ? [] : [relativeValidity(validityMs)]),
    Buffer.from([segment.data.length]),
    segment.data.octets,
  ]);
  const hex = Buffer.concat([encodeSmsc(smsc), tpdu])
    .toString('hex')
    .toUpperCase();
  return { hex, length: tpdu.length };
}
