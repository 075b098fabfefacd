// Fields that several PDUs share: addresses, the service centre's time stamp, the validity period, and the data coding
// scheme (3GPP TS 23.040, 9.1.2.5 and 9.2.3; TS 23.038, 4).
import { decodeGsm7 } from '#shared/sms/gsm7.ts';
import { unpackSeptets } from './septets.ts';

/** Type of number in bits 6-4, numbering plan ISDN, and the bit that is always set. */
const INTERNATIONAL = 0x91;
const UNKNOWN = 0x81;
const TYPE_OF_NUMBER = 0x70;
const ALPHANUMERIC = 0x50;
const INTERNATIONAL_TON = 0x10;

/** TP-DA and TP-OA hold at most 20 digits (9.1.2.5). */
const MOST_DIGITS = 20;
/** The ten digits, and what TS 23.040 lets stand in their place. */
const SEMI_OCTETS = '0123456789*#abc';

/** Two digits in each octet, the first in the low half; an odd last one is filled with 1111. */
export function semiOctets(digits: string): Buffer {
  const octets = Buffer.alloc(Math.ceil(digits.length / 2), 0xff);
  for (const [i, digit] of [...digits].entries()) {
    const value = SEMI_OCTETS.indexOf(digit);
    octets[i >> 1] = i % 2 === 0 ? 0xf0 | value : (value << 4) | (octets[i >> 1]! & 0x0f);
  }
  return octets;
}

/** The digits of semi-octets, `most` of them or up to the first 1111. */
export function digitsOf(octets: Uint8Array, most: number): string {
  let digits = '';
  for (let i = 0; i < most; i++) {
    const value = i % 2 === 0 ? octets[i >> 1]! & 0x0f : octets[i >> 1]! >> 4;
    if (value === 0x0f) break;
    digits += SEMI_OCTETS[value];
  }
  return digits;
}

/**
 * The number of a recipient: `+` and digits, or digits of a short code, which belong to the network. Throws a RangeError
 * for anything else.
 */
export function encodeAddress(number: string): Buffer {
  const digits = number.replace(/^\+/, '');
  if (!/^\d+$/.test(digits)) throw new RangeError('the recipient is not a number: a modem sends to numbers only');
  if (digits.length > MOST_DIGITS)
    throw new RangeError(`the recipient has ${digits.length} digits, a modem takes ${MOST_DIGITS}`);
  const type = number.startsWith('+') ? INTERNATIONAL : UNKNOWN;
  return Buffer.concat([Buffer.from([digits.length, type]), semiOctets(digits)]);
}

/** The address of the service centre, whose length counts octets; one octet 0 is the one that the SIM has (9.1.2.5). */
export function encodeSmsc(number: string | undefined): Buffer {
  if (number === undefined) return Buffer.from([0]);
  const digits = semiOctets(number.replace(/^\+/, ''));
  return Buffer.concat([Buffer.from([digits.length + 1, INTERNATIONAL]), digits]);
}

/** Reads octets in order; what is not there is a RangeError. */
export class Octets {
  readonly #octets: Uint8Array;
  #at = 0;

  constructor(octets: Uint8Array) {
    this.#octets = octets;
  }

  get left(): number {
    return this.#octets.length - this.#at;
  }

  one(): number {
    return this.take(1)[0]!;
  }

  take(count: number): Uint8Array {
    if (count > this.left) throw new RangeError('the PDU ends too early');
    this.#at += count;
    return this.#octets.subarray(this.#at - count, this.#at);
  }
}

/** A number with its `+` where it is international, or an alphanumeric sender. */
export function readAddress(octets: Octets): string {
  const length = octets.one();
  const type = octets.one();
  if (length > MOST_DIGITS) throw new RangeError(`an address of ${length} digits`);
  const value = octets.take(Math.ceil(length / 2));
  if ((type & TYPE_OF_NUMBER) === ALPHANUMERIC) return decodeGsm7(unpackSeptets(value, Math.floor((length * 4) / 7)));
  const digits = digitsOf(value, length);
  return (type & TYPE_OF_NUMBER) === INTERNATIONAL_TON ? `+${digits}` : digits;
}

/** Seven octets: year, month, day, hour, minute, second, and the zone in quarters of an hour (9.2.3.11). Epoch ms. */
export function readTime(octets: Octets): number | undefined {
  const raw = [...octets.take(7)];
  const [year, month, day, hour, minute, second] = raw.map((octet) => (octet & 0x0f) * 10 + (octet >> 4)) as number[];
  const zone = raw[6]!;
  const quarters = ((zone & 0x07) * 10 + (zone >> 4)) * (zone & 0x08 ? -1 : 1);
  const at = new Date(Date.UTC(2000 + year!, month! - 1, day, hour, minute, second));
  if (at.getUTCMonth() !== month! - 1 || hour! > 23 || minute! > 59 || second! > 59) return undefined;
  return at.getTime() - quarters * 15 * 60_000;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/**
 * TP-VP in its relative form, the longest that is not over `ms` (9.2.3.12.1). The shortest is 5 minutes, which also
 * stands for less.
 */
export function relativeValidity(ms: number): number {
  const upTo = (value: number, most: number) => Math.min(most, Math.max(0, Math.floor(value)));
  if (ms >= 35 * DAY_MS) return upTo(192 + ms / (7 * DAY_MS), 255);
  if (ms >= 2 * DAY_MS) return upTo(166 + ms / DAY_MS, 196);
  if (ms >= DAY_MS / 2 + 30 * MINUTE_MS) return upTo(143 + (ms - DAY_MS / 2) / (30 * MINUTE_MS), 167);
  return upTo(ms / (5 * MINUTE_MS) - 1, 143);
}

export type Alphabet = 'gsm7' | 'ucs2' | 'binary';

/** The alphabet of a data coding scheme; those that are reserved are read as the default one (TS 23.038, 4). */
export function alphabetOf(dcs: number): Alphabet {
  const group = dcs >> 4;
  if (group === 0b1111) return dcs & 0x04 ? 'binary' : 'gsm7';
  if (group === 0b1110) return 'ucs2';
  if (group >= 0b1000) return 'gsm7';
  if (dcs & 0x20) return 'binary'; // Compressed, which no one sends: kept as it stands.
  return (['gsm7', 'binary', 'ucs2', 'gsm7'] as const)[(dcs >> 2) & 3]!;
}
