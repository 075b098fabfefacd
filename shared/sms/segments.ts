// From a text to the user data of its short messages: choice of encoding, splitting, and the concatenation header
// (3GPP TS 23.040, 9.2.3.24.1).

import { encodeGsm7, gsm7End, gsm7Length, isGsm7 } from './gsm7.ts';

/**
 * How a text travels. `gsm7` is SMPP data_coding 0, `latin1` 3, `ucs2` 8, `binary` 4. The text of a binary message has
 * one character, U+0000 to U+00FF, for each octet.
 */
export type Encoding = 'gsm7' | 'latin1' | 'ucs2' | 'binary';

export type SegmentCount = {
  encoding: Encoding;
  segments: number;
  /** Septets for `gsm7`, octets for `latin1` and `binary`, UTF-16 units for `ucs2`; without headers. */
  units: number;
};

/**
 * What one short message holds, in the units of its encoding, alone and beside the six octets of a concatenation
 * header. The air interface carries 140 octets. It has no Latin-1, and SMSCs differ in what they make of data_coding 3;
 * here that counts as any 8-bit data does.
 */
const ROOM: Record<Encoding, { alone: number; part: number }> = {
  gsm7: { alone: 160, part: 153 },
  latin1: { alone: 140, part: 134 },
  ucs2: { alone: 70, part: 67 },
  binary: { alone: 140, part: 134 },
};

/** The header counts parts in one octet. */
const MAX_PARTS = 255;

const ESCAPE = 0x1b;
const CR = 0x0d;
const LF = 0x0a;

/** Below this, CR LF is the only pair of characters that is one grapheme (Unicode UAX 29). */
const FIRST_COMBINING = 0x300;

/** Loads tables of Unicode, so it is made for the first text that needs it. */
let graphemes: Intl.Segmenter | undefined;

/** GSM 7-bit when its alphabet can write the whole text, else UCS-2. */
export function encodingOf(text: string): 'gsm7' | 'ucs2' {
  return isGsm7(text) ? 'gsm7' : 'ucs2';
}

/**
 * The user data of each short message of the text, without headers. A part never begins inside an escape pair, a
 * surrogate pair or a grapheme; only a grapheme that is longer than a part is cut, between code points. A part ends
 * behind the last of the `splitChars` in it, where there is one.
 * Throws a RangeError when the encoding cannot write the text, or the text needs more than 255 parts.
 */
export function split(text: string, encoding: Encoding, splitChars?: string): Buffer[] {
  if (unitsOf(text, encoding) <= ROOM[encoding].alone) return [encode(text, encoding)];
  let start = 0;
  return allPartEnds(text, encoding, splitChars).map((end) => {
    const part = encode(text.slice(start, end), encoding);
    start = end;
    return part;
  });
}

/** What `split` would make of the text, with the same errors, without making it. */
export function countSegments(text: string, encoding: Encoding = encodingOf(text), splitChars?: string): SegmentCount {
  const units = unitsOf(text, encoding);
  const segments = units <= ROOM[encoding].alone ? 1 : allPartEnds(text, encoding, splitChars).length;
  return { encoding, segments, units };
}

/** The text, or as much of its beginning as `most` segments hold. */
export function cutToSegments(text: string, most: number): string {
  const encoding = encodingOf(text);
  if (unitsOf(text, encoding) <= ROOM[encoding].alone) return text;
  let end = 0;
  let segments = 0;
  for (end of partEnds(text, encoding, most === 1 ? ROOM[encoding].alone : ROOM[encoding].part)) {
    if (++segments === most) break;
  }
  return text.slice(0, end);
}

/** The user data header of one part: an 8-bit reference, the number of parts, and the part's index from 1. */
export function concatUdh(reference: number, total: number, index: number): Buffer {
  if (!isOctet(reference) || !isOctet(total) || !isOctet(index) || index < 1 || index > total) {
    throw new RangeError(`no concatenation header for part ${index} of ${total}, reference ${reference}`);
  }
  return Buffer.from([0x05, 0x00, 0x03, reference, total, index]);
}

/**
 * User data with a header of the client's own: as it is when it fits into one short message, else in parts that each have
 * that header with a concatenation element behind its own. `octets` are septets for `gsm7`, one in each.
 * Throws a RangeError when it needs more than 255 parts, or the header leaves no room.
 */
export function splitOctets(udh: Buffer, octets: Buffer, encoding: Encoding, reference: number): Buffer[] {
  const room = (header: number) =>
    encoding === 'gsm7' ? ROOM.gsm7.alone - Math.ceil((header * 8) / 7) : ROOM.binary.alone - header;
  if (octets.length <= room(udh.length)) return [Buffer.concat([udh, octets])];
  const element = concatUdh(reference, 1, 1).subarray(1);
  const most = room(udh.length + element.length);
  const ends: number[] = [];
  for (let at = 0; at < octets.length; at = ends.at(-1)!) {
    const end = Math.min(at + most, octets.length);
    ends.push(end < octets.length ? end - cutBy(octets, end, encoding) : end);
    if (ends.length > MAX_PARTS || ends.at(-1)! <= at)
      throw new RangeError(`the text does not fit into ${MAX_PARTS} parts beside its header`);
  }
  return ends.map((end, i) => {
    const own = concatUdh(reference, ends.length, i + 1).subarray(1);
    const header = Buffer.concat([Buffer.of(udh[0]! + own.length), udh.subarray(1), own]);
    return Buffer.concat([header, octets.subarray(ends[i - 1] ?? 0, end)]);
  });
}

/** How many octets before `end` belong to what follows: half of a UCS-2 unit or of a surrogate pair, or an escape. */
function cutBy(octets: Buffer, end: number, encoding: Encoding): number {
  if (encoding === 'gsm7') return octets[end - 1] === ESCAPE ? 1 : 0;
  if (encoding !== 'ucs2') return 0;
  const odd = end % 2;
  return isHighSurrogate(octets.readUInt16BE(end - odd - 2)) ? odd + 2 : odd;
}

/**
 * The concatenation reference of a message, 0 to 255: the last octet of its UUIDv7, which is random. A part that is
 * sent twice then has the same reference, and the handset shows it once.
 */
export function concatReference(id: string): number {
  return Number.parseInt(id.slice(-2), 16);
}

/** The text's octets in ISO-8859-1, or undefined when it has a character above U+00FF. */
export function toLatin1(text: string): Buffer | undefined {
  return isLatin1(text) ? Buffer.from(text, 'latin1') : undefined;
}

/** The text's UTF-16 units, big-endian. SMPP says UCS-2; handsets read surrogate pairs. */
export function toUcs2(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16();
}

function encode(text: string, encoding: Encoding): Buffer {
  if (encoding === 'gsm7') return encodeGsm7(text);
  return encoding === 'ucs2' ? toUcs2(text) : Buffer.from(text, 'latin1');
}

/** The text's length in the units of the encoding. */
function unitsOf(text: string, encoding: Encoding): number {
  if (encoding === 'ucs2') return text.length;
  if (encoding === 'gsm7') {
    const septets = gsm7Length(text);
    if (septets !== -1) return septets;
  } else if (isLatin1(text)) {
    return text.length;
  }
  throw new RangeError(`the text has a character that the encoding ${encoding} cannot write`);
}

/** For a text that needs several parts: the index behind each of them. Throws a RangeError when they are too many. */
function allPartEnds(text: string, encoding: Encoding, splitChars?: string): number[] {
  const ends: number[] = [];
  for (const end of partEnds(text, encoding, ROOM[encoding].part, splitChars)) {
    if (ends.length === MAX_PARTS) {
      throw new RangeError(`the text needs more than the ${MAX_PARTS} parts that a long message can have`);
    }
    ends.push(end);
  }
  return ends;
}

function* partEnds(
  text: string,
  encoding: Encoding,
  room: number,
  splitChars?: string,
): Generator<number, void, undefined> {
  let clusters: Intl.Segments | undefined;
  let start = 0;
  while (start < text.length) {
    let end = encoding === 'gsm7' ? gsm7End(text, start, room) : Math.min(start + room, text.length);
    if (end < text.length && encoding !== 'binary') {
      if (encoding === 'ucs2' && mayCombine(text, end)) {
        graphemes ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
        clusters ??= graphemes.segment(text);
        end = clusterStart(text, start, end, clusters);
      } else if (text.charCodeAt(end - 1) === CR && text.charCodeAt(end) === LF) {
        end--;
      }
    }
    if (end < text.length && splitChars) end = behindLast(splitChars, text, start, end);
    yield end;
    start = end;
  }
}

function behindLast(chars: string, text: string, start: number, end: number): number {
  for (let i = end; i > start; i--) if (chars.includes(text[i - 1]!)) return i;
  return end;
}

/** Whether the characters around an index may belong to one grapheme for another reason than being CR LF. */
function mayCombine(text: string, index: number): boolean {
  return text.charCodeAt(index - 1) >= FIRST_COMBINING || text.charCodeAt(index) >= FIRST_COMBINING;
}

/** The last index up to `end` where a part that begins at `start` may end. */
function clusterStart(text: string, start: number, end: number, clusters: Intl.Segments): number {
  const cluster = clusters.containing(end)!.index;
  if (cluster > start) return cluster;
  const cutsPair = isHighSurrogate(text.charCodeAt(end - 1)) && isLowSurrogate(text.charCodeAt(end));
  return cutsPair ? end - 1 : end;
}

function isHighSurrogate(unit: number): boolean {
  return (unit & 0xfc00) === 0xd800;
}

function isLowSurrogate(unit: number): boolean {
  return (unit & 0xfc00) === 0xdc00;
}

function isLatin1(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return false;
  return true;
}

function isOctet(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xff;
}
