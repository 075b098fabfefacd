// Query strings as octets. Kannel's clients send text in the charset that they name, so percent-decoding must not guess
// UTF-8: each value is a string with one character per octet.

const MOST_PARAMETERS = 64;

export type Query = Map<string, string>;

/** The first value of each name counts. More than 64 parameters are not read. */
export function parseQuery(query: string): Query {
  const values: Query = new Map();
  let start = 0;
  while (start < query.length && values.size < MOST_PARAMETERS) {
    let end = query.indexOf('&', start);
    if (end === -1) end = query.length;
    let equals = query.indexOf('=', start);
    if (equals === -1 || equals > end) equals = end;
    const name = decodeOctets(query.slice(start, equals));
    if (name !== '' && !values.has(name)) values.set(name, decodeOctets(query.slice(equals + 1, end)));
    start = end + 1;
  }
  return values;
}

/** `+` is a blank, %XX an octet; a lone % stays as it is. */
export function decodeOctets(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  return text
    .replaceAll('+', ' ')
    .replaceAll(/%([0-9A-Fa-f]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
