// data_coding: which alphabet the octets of a short message are in, and its message class (SMPP 3.4, 5.2.19, and 3GPP
// TS 23.038, 4, which phones and Kannel go by).
import { decodeGsm7 } from '#shared/sms/gsm7.ts';

export type Alphabet = 'gsm7' | 'ascii' | 'latin1' | 'binary' | 'ucs2';
export type Coding = { alphabet: Alphabet; messageClass?: number };

const PLAIN: Record<number, Alphabet> = { 0: 'gsm7', 1: 'ascii', 2: 'binary', 3: 'latin1', 4: 'binary', 8: 'ucs2' };
/** Bits 3 and 2 of the general group with a message class, 0001xxxx. */
const GENERAL: readonly (Alphabet | undefined)[] = ['gsm7', 'binary', 'ucs2'];

/** Undefined for a coding that is not taken here. */
export function codingOf(dataCoding: number): Coding | undefined {
  const group = dataCoding & 0xf0;
  const messageClass = dataCoding & 3;
  if (group === 0xf0) return { alphabet: dataCoding & 4 ? 'binary' : 'gsm7', messageClass };
  const alphabet = group === 0x10 ? GENERAL[(dataCoding >> 2) & 3] : PLAIN[dataCoding];
  if (!alphabet) return undefined;
  return group === 0x10 ? { alphabet, messageClass } : { alphabet };
}

/** The text of a short message; of a binary one, a character for each octet. Undefined when the octets do not fit. */
export function textOf(octets: Buffer, alphabet: Alphabet): string | undefined {
  switch (alphabet) {
    case 'binary':
    case 'latin1':
      return octets.toString('latin1');
    case 'ucs2':
      return octets.length % 2 === 0 ? Buffer.from(octets).swap16().toString('utf16le') : undefined;
    case 'ascii':
      return octets.every(isSeptet) ? octets.toString('latin1') : undefined;
    case 'gsm7':
      return octets.every(isSeptet) ? decodeGsm7(octets) : undefined;
  }
}

const isSeptet = (octet: number) => octet < 0x80;
