// How requests carry values: query and form in a charset, Basic authentication, JSON.

export type Scalar = string | number | boolean | null;
/** A list is a repeated parameter; null leaves it out. */
export type Params = Readonly<Record<string, Scalar | undefined | readonly Scalar[]>>;
export type Charset = 'utf-8' | 'iso-8859-1';

/** application/x-www-form-urlencoded. Throws when a character is not in the charset. */
export function encodeForm(params: Params, charset: Charset = 'utf-8'): string {
  const pairs: string[] = [];
  for (const [name, value] of Object.entries(params)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined) pairs.push(`${encoded(name, charset)}=${encoded(String(one), charset)}`);
    }
  }
  return pairs.join('&');
}

function encoded(value: string, charset: Charset): string {
  const octets = charset === 'utf-8' ? Buffer.from(value.toWellFormed()) : latin1(value);
  let result = '';
  for (const octet of octets) {
    const character = String.fromCharCode(octet);
    if (/[A-Za-z0-9_.-]/.test(character)) result += character;
    else result += character === ' ' ? '+' : `%${octet.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return result;
}

function latin1(value: string): Buffer {
  if (/[^\0-\xff]/.test(value)) throw new Error('the text has a character that ISO-8859-1 lacks');
  return Buffer.from(value, 'latin1');
}

/** The address with parameters, behind those that it has. */
export function withQuery(url: string, params: Params, charset?: Charset): string {
  const query = encodeForm(params, charset);
  if (query === '') return url;
  return `${url}${url.includes('?') ? '&' : '?'}${query}`;
}

/** RFC 7617, in UTF-8. */
export const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

export const FORM = { 'content-type': 'application/x-www-form-urlencoded' } as const;
export const JSON_BODY = { 'content-type': 'application/json', accept: 'application/json' } as const;
