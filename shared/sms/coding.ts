// data_coding of a submit_sm out of Kannel's parameters, octet for octet as Kannel 1.4.5 writes it (3GPP TS 23.038, 4).
import type { Sms } from '../messages/sms.ts';
import type { Encoding } from './segments.ts';

const PLAIN: Record<Encoding, number> = { gsm7: 0x00, latin1: 0x03, binary: 0x04, ucs2: 0x08 };
/** Bits of the general data coding group (00xx): Latin-1 has none and counts as the default alphabet. */
const ALPHABET: Record<Encoding, number> = { gsm7: 0x00, latin1: 0x00, binary: 0x04, ucs2: 0x08 };
const COMPRESSED = 0x20;
const HAS_CLASS = 0x10;
/** Data coding and message class group; it knows no UCS-2. */
const CLASS_GROUP = 0xf0;
const CLASS_UNLESS_SAID = 1;
/** Message waiting indication, text stored: in the default alphabet, or as UCS-2, which Kannel also writes for 8-bit data. */
const WAITING = { gsm7: 0xd8, other: 0xe8 };
/** The indication is taken away and the text discarded: `mwi` 4 to 7. */
const NO_LONGER_WAITING = 0xc0;
const FIRST_OFF = 4;

export function dataCoding(
  encoding: Encoding,
  { mwi, compress, altDcs, messageClass }: Pick<Sms, 'mwi' | 'compress' | 'altDcs' | 'messageClass'>,
): number {
  if (mwi !== undefined) {
    if (mwi >= FIRST_OFF) return NO_LONGER_WAITING | (mwi - FIRST_OFF);
    return (encoding === 'gsm7' ? WAITING.gsm7 : WAITING.other) | mwi;
  }
  const byClass = messageClass === undefined ? 0 : HAS_CLASS | messageClass;
  if (compress) return COMPRESSED | ALPHABET[encoding] | byClass;
  if (encoding === 'ucs2') return ALPHABET.ucs2 | byClass;
  if (messageClass === undefined && !altDcs) return PLAIN[encoding];
  return CLASS_GROUP | ALPHABET[encoding] | (messageClass ?? CLASS_UNLESS_SAID);
}
