// What a modem receives: SMS-DELIVER and SMS-STATUS-REPORT (3GPP TS 23.040, 9.2.2.1 and 9.2.2.3). Written by others:
// nothing in it is believed, and what cannot be read is a RangeError.
import { decodeGsm7 } from '#shared/sms/gsm7.ts';
import type { ReceiptState } from '#shared/sms/receipt.ts';
import { type Concat, readUdh } from '#shared/sms/udh.ts';
import { type Alphabet, alphabetOf, Octets, readAddress, readTime } from './fields.ts';
import { fillBits, septetsOf, unpackSeptets } from './septets.ts';

const MESSAGE_TYPE = 0x03;
const DELIVER = 0x00;
const STATUS_REPORT = 0x02;
const HEADER = 0x40;
const MOST_OCTETS = 140;

export type Deliver = {
  kind: 'deliver';
  from: string;
  /** For `binary` one character for each octet. */
  text: string;
  encoding: Alphabet;
  concat?: Concat;
  /** The service centre's time, epoch ms. */
  at: number | undefined;
};

export type StatusReport = {
  kind: 'status-report';
  reference: number;
  to: string;
  /** When the service centre took the message, and when this status was reached: epoch ms. */
  takenAt: number | undefined;
  doneAt: number | undefined;
  status: number;
};

/** A PDU in hex as +CMGR, +CMGL or +CDS give it. Throws a RangeError, without its content. */
export function readPdu(hex: string): Deliver | StatusReport {
  if (!/^([0-9A-Fa-f]{2})+$/.test(hex)) throw new RangeError('the PDU is not in hex');
  const octets = new Octets(Buffer.from(hex, 'hex'));
  octets.take(octets.one()); // The service centre's address.
  const flags = octets.one();
  switch (flags & MESSAGE_TYPE) {
    case DELIVER:
      return readDeliver(flags, octets);
    case STATUS_REPORT:
      return readStatusReport(octets);
    default:
      throw new RangeError(`a PDU of type ${flags & MESSAGE_TYPE}, which is nothing that a modem receives`);
  }
}

function readStatusReport(octets: Octets): StatusReport {
  return {
    kind: 'status-report',
    reference: octets.one(),
    to: readAddress(octets),
    takenAt: readTime(octets),
    doneAt: readTime(octets),
    status: octets.one(),
  };
}

function readDeliver(flags: number, octets: Octets): Deliver {
  const from = readAddress(octets);
  octets.one(); // TP-PID
  const encoding = alphabetOf(octets.one());
  const at = readTime(octets);
  const length = octets.one();
  const data = octets.take(octets.left);
  if (data.length > MOST_OCTETS) throw new RangeError(`user data of ${data.length} octets`);
  const headerLength = flags & HEADER ? (data[0] ?? 0) + 1 : 0;
  if (headerLength > data.length) throw new RangeError('the PDU ends too early');
  const concat = headerLength > 0 ? readUdh(Buffer.from(data))?.concat : undefined;
  const text = textOf(data, { encoding, length, headerLength });
  return { kind: 'deliver', from, text, encoding, ...(concat ? { concat } : {}), at };
}

type Form = { encoding: Alphabet; length: number; headerLength: number };

function textOf(data: Uint8Array, { encoding, length, headerLength }: Form): string {
  if (encoding === 'gsm7') {
    const septets = Math.max(0, length - septetsOf(headerLength));
    return decodeGsm7(unpackSeptets(data.subarray(headerLength), septets, fillBits(headerLength)));
  }
  if (length > data.length) throw new RangeError('the PDU ends too early');
  const octets = Buffer.from(data.subarray(headerLength, Math.max(headerLength, length)));
  if (encoding === 'binary') return octets.toString('latin1');
  return octets
    .subarray(0, octets.length & ~1)
    .swap16()
    .toString('utf16le')
    .toWellFormed();
}

/** TP-ST (9.2.3.15) in our states and in the words of SMPP's receipts. */
export function statusOf(status: number): { state: ReceiptState; stat: string } {
  if (status === 0x00 || status === 0x02) return { state: 'delivered', stat: 'DELIVRD' };
  // Handed on to the handset by someone who cannot tell more.
  if (status === 0x01) return { state: 'unknown', stat: 'UNKNOWN' };
  // The service centre is still trying.
  if (status >= 0x20 && status < 0x40) return { state: 'buffered', stat: 'ENROUTE' };
  if (status === 0x42) return { state: 'rejected', stat: 'REJECTD' };
  if (status === 0x46) return { state: 'expired', stat: 'EXPIRED' };
  if (status === 0x47 || status === 0x48) return { state: 'failed', stat: 'DELETED' };
  // Permanent, or temporary and given up.
  if (status >= 0x40 && status < 0x80) return { state: 'failed', stat: 'UNDELIV' };
  return { state: 'unknown', stat: 'UNKNOWN' };
}
