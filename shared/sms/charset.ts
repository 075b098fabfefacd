// From a request's octets and its `charset` to text, for the character sets that TextDecoder knows
// (https://encoding.spec.whatwg.org/#names-and-labels) and Kannel's own aliases of them.

import { isAscii } from 'node:buffer';
import { TextDecoder } from 'node:util';

/** The Encoding Standard reads these as windows-1252; here a name means what it says. */
const LATIN1 = new Set(
  'iso-8859-1 iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 iso-ir-100 csisolatin1 latin1 latin-1 l1 cp819 ibm819'.split(
    ' ',
  ),
);
const ASCII = new Set('us-ascii ascii ansi_x3.4-1968 iso646-us'.split(' '));

/** By name in lower case. Only names that exist are kept, so a client cannot make it grow. */
const decoders = new Map<string, TextDecoder>();

/**
 * The text, or undefined when the character set is unknown or the octets are not well-formed in it: a byte too many is
 * refused, never replaced. A byte order mark of UTF-8 or UTF-16 is left out. UTF-16 and UCS-2 without an order in
 * their name are little-endian, as the Encoding Standard has them.
 */
export function decodeText(octets: Buffer, charset: string): string | undefined {
  const name = charset.trim().toLowerCase();
  if (LATIN1.has(name)) return octets.toString('latin1');
  if (ASCII.has(name)) return isAscii(octets) ? octets.toString('latin1') : undefined;
  try {
    return decoderOf(name).decode(octets);
  } catch {
    return undefined;
  }
}

/** Throws a RangeError for a name that is not known. */
function decoderOf(name: string): TextDecoder {
  let decoder = decoders.get(name);
  if (decoder === undefined) {
    // Kannel also calls windows-1251 and its like WIN-1251 (gwlib/charset.c).
    decoder = new TextDecoder(name.replace(/^win-/, 'windows-'), { fatal: true });
    decoders.set(name, decoder);
  }
  return decoder;
}
