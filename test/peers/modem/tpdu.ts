// The other side of the air interface, for the modem stand-in: reads SMS-SUBMIT, writes SMS-DELIVER and SMS-STATUS-REPORT
// (3GPP TS 23.040). Written from the specification alone, bit by bit, so that it shares no mistake with the gateway's.
import { decodeGsm7, encodeGsm7 } from '#shared/sms/gsm7.ts';

export type Submitted = {
  smsc: string | undefined;
  to: string;
  text: string;
  alphabet: 'gsm7' | 'ucs2' | 'binary';
  /** Message class, where the data coding scheme names one. */
  class: number | undefined;
  header: string;
  concat: { reference: number; total: number; part: number } | undefined;
  statusReport: boolean;
  /** TP-VP in milliseconds. */
  validityMs: number | undefined;
};

/** The bits of octets, the lowest of each first: in which septets stand one behind the other. */
const bitsOf = (octets: Uint8Array) =>
  [...octets].map((octet) => reversed(octet.toString(2).padStart(8, '0'))).join('');
const octetsOf = (bits: string) =>
  Buffer.from((bits.match(/.{1,8}/g) ?? []).map((eight) => Number.parseInt(reversed(eight.padEnd(8, '0')), 2)));
const reversed = (text: string) => [...text].reverse().join('');

const swapped = (hex: string) => hex.replaceAll(/(.)(.)/g, '$2$1');

function numberOf(hex: string, type: number): string {
  const digits = swapped(hex).replace(/f$/i, '');
  if (!/^\d+$/.test(digits)) throw new Error('a digit that is none');
  return (type & 0x70) === 0x10 ? `+${digits}` : digits;
}

/** Throws when it is not a SMS-SUBMIT to the last bit: `length` is what AT+CMGS said. */
export function readSubmit(hex: string, length: number): Submitted {
  const pdu = Buffer.from(hex, 'hex');
  if (pdu.length * 2 !== hex.length) throw new Error('not hex');
  let at = 0;
  const next = (count: number) => {
    if (at + count > pdu.length) throw new Error('too short');
    at += count;
    return pdu.subarray(at - count, at);
  };
  const centre = next(next(1)[0]!);
  if (pdu.length - at !== length) throw new Error(`TPDU of ${pdu.length - at} octets, announced as ${length}`);
  const flags = next(1)[0]!;
  if ((flags & 0x03) !== 1) throw new Error('no SMS-SUBMIT');
  next(1); // TP-MR
  const digits = next(1)[0]!;
  const type = next(1)[0]!;
  const to = numberOf(next(Math.ceil(digits / 2)).toString('hex'), type);
  if (to.replace('+', '').length !== digits) throw new Error('TP-DA says another length');
  if (next(1)[0] !== 0) throw new Error('TP-PID');
  const dcs = next(1)[0]!;
  const vpf = (flags >> 3) & 3;
  if (vpf !== 0 && vpf !== 2) throw new Error('TP-VPF');
  const validityMs = vpf === 2 ? validityOf(next(1)[0]!) : undefined;
  const udl = next(1)[0]!;
  const data = next(pdu.length - at);
  const header = flags & 0x40 ? data.subarray(0, data[0]! + 1) : Buffer.alloc(0);
  const alphabet = alphabetOf(dcs);
  return {
    smsc: centre.length ? numberOf(centre.subarray(1).toString('hex'), centre[0]!) : undefined,
    to,
    text: textOf(data, { udl, header: header.length, alphabet }),
    alphabet,
    class: dcs >> 4 === 0xf || (dcs & 0xd0) === 0x10 ? dcs & 3 : undefined,
    header: header.toString('hex'),
    concat:
      header.length === 6 && header[1] === 0 && header[2] === 3
        ? { reference: header[3]!, total: header[4]!, part: header[5]! }
        : undefined,
    statusReport: (flags & 0x20) !== 0,
    validityMs,
  };
}

function validityOf(vp: number): number {
  const minute = 60_000;
  if (vp <= 143) return (vp + 1) * 5 * minute;
  if (vp <= 167) return 12 * 60 * minute + (vp - 143) * 30 * minute;
  if (vp <= 196) return (vp - 166) * 24 * 60 * minute;
  return (vp - 192) * 7 * 24 * 60 * minute;
}

function alphabetOf(dcs: number): Submitted['alphabet'] {
  if (dcs >> 4 === 0xf) return dcs & 4 ? 'binary' : 'gsm7';
  if (dcs & 0xe0) throw new Error(`data coding scheme ${dcs}`);
  return (['gsm7', 'binary', 'ucs2'] as const)[(dcs >> 2) & 3] ?? 'gsm7';
}

function textOf(data: Buffer, { udl, header, alphabet }: { udl: number; header: number; alphabet: string }): string {
  if (alphabet !== 'gsm7') {
    if (udl !== data.length || udl > 140) throw new Error('TP-UDL');
    const body = Buffer.from(data.subarray(header));
    return alphabet === 'ucs2' ? body.swap16().toString('utf16le') : body.toString('latin1');
  }
  if (udl > 160 || data.length !== Math.ceil((udl * 7) / 8)) throw new Error('TP-UDL');
  const septets = bitsOf(data).match(/.{7}/g) ?? [];
  const first = Math.ceil((header * 8) / 7);
  return decodeGsm7(Buffer.from(septets.slice(first, udl).map((seven) => Number.parseInt(reversed(seven), 2))));
}

/** Semi-octets of a time in the zone of `quarters` of an hour. */
function time(at: number, quarters: number): string {
  const local = new Date(at + quarters * 900_000).toISOString();
  const zone = Math.abs(quarters);
  const tens = Math.floor(zone / 10) | (quarters < 0 ? 8 : 0);
  return `${swapped(local.replaceAll(/\D/g, '').slice(2, 14))}${(zone % 10).toString(16)}${tens.toString(16)}`;
}

function address(number: string): string {
  if (!/^\+?\d+$/.test(number)) {
    const packed = octetsOf(septetBits(encodeGsm7(number))).toString('hex');
    return `${octet(Math.ceil((number.length * 7) / 4))}d0${packed}`;
  }
  const digits = number.replace('+', '');
  return `${octet(digits.length)}${number.startsWith('+') ? '91' : '81'}${swapped(digits.length % 2 ? `${digits}f` : digits)}`;
}

const octet = (value: number) => value.toString(16).padStart(2, '0');
const septetBits = (septets: Uint8Array) =>
  [...septets].map((one) => reversed(one.toString(2).padStart(7, '0'))).join('');

export type Arriving = {
  from: string;
  text: string;
  alphabet?: 'gsm7' | 'ucs2' | 'binary';
  /** User data header, its length octet first. */
  header?: string;
  at: number;
  quarters?: number;
};

/** SMS-DELIVER in hex, with a service centre's address before it. */
export function writeDeliver({ from, text, alphabet = 'gsm7', header = '', at, quarters = 4 }: Arriving): string {
  const head = Buffer.from(header, 'hex');
  let udl: number;
  let data: Buffer;
  if (alphabet === 'gsm7') {
    const septets = encodeGsm7(text);
    const before = Math.ceil((head.length * 8) / 7);
    udl = before + septets.length;
    const bits = bitsOf(head).padEnd(before * 7, '0') + septetBits(septets);
    data = octetsOf(bits);
  } else {
    const body = alphabet === 'ucs2' ? Buffer.from(text, 'utf16le').swap16() : Buffer.from(text, 'latin1');
    data = Buffer.concat([head, body]);
    udl = data.length;
  }
  const dcs = { gsm7: '00', ucs2: '08', binary: '04' }[alphabet];
  const first = header ? '44' : '04';
  const tpdu = `${first}${address(from)}00${dcs}${time(at, quarters)}${octet(udl)}${data.toString('hex')}`;
  return `0791947106004034${tpdu}`.toUpperCase();
}

export type Reporting = { reference: number; to: string; takenAt: number; doneAt: number; status: number };

/** SMS-STATUS-REPORT in hex. */
export function writeStatusReport({ reference, to, takenAt, doneAt, status }: Reporting): string {
  return `0006${octet(reference)}${address(to)}${time(takenAt, 4)}${time(doneAt, 4)}${octet(status)}`.toUpperCase();
}
