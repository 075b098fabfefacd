// National language single shift tables (3GPP TS 23.038, A.2): letters that the GSM alphabet lacks, behind an escape, in
// a message whose header names the language. Not every handset and SMS centre knows them, so a client asks for them.

import { encodeGsm7, isGsm7 } from './gsm7.ts';
import { countSegments, splitOctets } from './segments.ts';

const ESC = 0x1b;
/** Information element 0x24 (3GPP TS 23.040, 9.2.3.24.15), one octet: the language. */
const headerOf = (language: number) => Buffer.of(0x03, 0x24, 0x01, language);

type Table = { language: number; codes: ReadonlyMap<string, number> };

/** What is not listed stands in the table as in the extension table of the default alphabet. */
const table = (language: number, letters: Record<string, number>): Table => ({
  language,
  codes: new Map(Object.entries(letters)),
});

const TABLES = {
  turkish: table(1, { Ğ: 0x47, İ: 0x49, Ş: 0x53, ç: 0x63, ğ: 0x67, ı: 0x69, ş: 0x73 }),
  spanish: table(2, {
    ç: 0x09,
    Á: 0x41,
    Í: 0x49,
    Ó: 0x4f,
    Ú: 0x55,
    á: 0x61,
    í: 0x69,
    ó: 0x6f,
    ú: 0x75,
  }),
  portuguese: table(3, {
    ê: 0x05,
    ç: 0x09,
    Ô: 0x0b,
    ô: 0x0c,
    Á: 0x0e,
    á: 0x0f,
    Ê: 0x1f,
    À: 0x41,
    Í: 0x49,
    Ó: 0x4f,
    Ú: 0x55,
    Ã: 0x5b,
    Õ: 0x5c,
    Â: 0x61,
    í: 0x69,
    ó: 0x6f,
    ú: 0x75,
    ã: 0x7b,
    õ: 0x7c,
    â: 0x7f,
  }),
} as const satisfies Record<string, Table>;

export const LANGUAGES = Object.keys(TABLES) as (keyof typeof TABLES)[];
export type Language = keyof typeof TABLES;

export type Shifted = {
  /** Hex, its length octet first. */
  udh: string;
  /** Septets, one character each. */
  text: string;
  encoding: 'gsm7';
};

/**
 * The text with the first of the tables that can write it in fewer segments than UCS-2; undefined when none can, or when
 * it needs none.
 */
export function shifted(text: string, languages: readonly Language[]): Shifted | undefined {
  if (languages.length === 0 || isGsm7(text)) return undefined;
  for (const name of languages) {
    const octets = encode(text, TABLES[name].codes);
    if (!octets) continue;
    const udh = headerOf(TABLES[name].language);
    if (octets.length / 153 > 255 || splitOctets(udh, octets, 'gsm7', 0).length > countSegments(text, 'ucs2').segments)
      continue;
    return { udh: udh.toString('hex'), text: octets.toString('latin1'), encoding: 'gsm7' };
  }
  return undefined;
}

function encode(text: string, codes: ReadonlyMap<string, number>): Buffer | undefined {
  const parts: Buffer[] = [];
  for (const character of text) {
    const code = codes.get(character);
    if (code !== undefined) parts.push(Buffer.of(ESC, code));
    else if (isGsm7(character)) parts.push(encodeGsm7(character));
    else return undefined;
  }
  return Buffer.concat(parts);
}
