// The GSM 7-bit default alphabet with its extension table (3GPP TS 23.038, 6.2.1 and 6.2.1.1), unpacked:
// one septet per octet, the form in which SMPP carries it under data_coding 0.

const ESC = 0x1b;

/** The default alphabet in the order of its codes 0x00 to 0x7f. */
const ALPHABET =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?' +
  '¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà';

/** The extension table: the code that follows ESC, and its character. */
const EXTENSION: readonly (readonly [code: number, char: string])[] = [
  [0x0a, '\f'],
  [0x14, '^'],
  [0x28, '{'],
  [0x29, '}'],
  [0x2f, '\\'],
  [0x3c, '['],
  [0x3d, '~'],
  [0x3e, ']'],
  [0x40, '|'],
  [0x65, '€'],
];

/** A character that the alphabet does not have. */
const ABSENT = 0xff;

/** Marks a code of the extension table, which takes two septets. */
const EXTENDED = 0x80;

/** The code of each UTF-16 unit; a surrogate is ABSENT, as are all characters beyond the BMP. */
const CODES = new Uint8Array(0x10000).fill(ABSENT);

/** The UTF-16 unit of each octet. TS 23.038 shows an ESC that nothing follows as a space. */
const UNITS = new Uint16Array(0x100).fill(0xfffd);

for (let code = 0; code < 0x80; code++) {
  const unit = ALPHABET.charCodeAt(code);
  UNITS[code] = code === ESC ? 0x20 : unit;
  if (code !== ESC) CODES[unit] = code;
}

/**
 * The UTF-16 unit of each octet that follows an ESC. TS 23.038 shows a code without an entry as the character of the
 * main table, and ESC ESC, kept for a further table, as a space: both follow from starting with a copy.
 */
const EXTENDED_UNITS = UNITS.slice();

for (const [code, char] of EXTENSION) {
  EXTENDED_UNITS[code] = char.charCodeAt(0);
  CODES[char.charCodeAt(0)] = EXTENDED | code;
}

/** Whether every character of the text is in the alphabet or its extension table. */
export function isGsm7(text: string): boolean {
  return gsm7Length(text) !== -1;
}

/** The length of the text in septets, an extension character counting two; -1 when the alphabet cannot write it. */
export function gsm7Length(text: string): number {
  let septets = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = CODES[text.charCodeAt(i)]!;
    if (code >= EXTENDED) {
      if (code === ABSENT) return -1;
      septets++;
    }
  }
  return septets;
}

/** The index behind the last character that fits into `room` septets from `start` on. The text must be GSM 7-bit. */
export function gsm7End(text: string, start: number, room: number): number {
  let end = start;
  for (let septets = 0; end < text.length; end++) {
    septets += CODES[text.charCodeAt(end)]! >= EXTENDED ? 2 : 1;
    if (septets > room) break;
  }
  return end;
}

/** The text's septets, one per octet. Throws a RangeError when the alphabet cannot write it. */
export function encodeGsm7(text: string): Buffer {
  const length = gsm7Length(text);
  if (length === -1) throw new RangeError('the text has a character that the GSM 7-bit alphabet does not have');
  const octets = Buffer.allocUnsafe(length);
  let n = 0;
  for (let i = 0; i < text.length; i++) {
    const code = CODES[text.charCodeAt(i)]!;
    if (code >= EXTENDED) octets[n++] = ESC;
    octets[n++] = code & 0x7f;
  }
  return octets;
}

/** The text of unpacked septets. An octet above 0x7f is no septet and becomes U+FFFD; nothing throws. */
export function decodeGsm7(octets: Uint8Array): string {
  const utf16 = Buffer.allocUnsafe(octets.length * 2);
  let n = 0;
  for (let i = 0; i < octets.length; i++) {
    const escaped = octets[i] === ESC && i + 1 < octets.length;
    const unit = escaped ? EXTENDED_UNITS[octets[++i]!]! : UNITS[octets[i]!]!;
    utf16[n++] = unit & 0xff;
    utf16[n++] = unit >> 8;
  }
  return utf16.toString('utf16le', 0, n);
}
