// Fills a dlr-url with Kannel's escape codes, as recorded from Kannel 1.4.5 for its delivery reports.
import { hash } from 'node:crypto';
import type { Callback, IncomingMessage } from '#shared/messages/callback.ts';
import { kannelCoding } from './coding.ts';

/** A longer URL, once filled, is not called: codes can repeat a receipt many times over. */
export const MOST_FILLED = 8_192;

/** `%#group#name#` or one character behind a per cent sign. */
const CODE = /%(?:#([^#]*)#([^#]*)#|([^#]))/gs;

/**
 * The URL to call, or undefined when it gets longer than MOST_FILLED. One pass: what a value brings is never read as a
 * code. Every value is encoded so that it cannot end its parameter or the query, `%S` too, which Kannel leaves as it
 * is: there only the colon stays.
 */
export function fillEscapes(template: string, callback: Callback): string | undefined {
  const { incoming } = callback;
  const words = incoming ? new Words(incoming.text, encoderFor(incoming)) : new Words(callback.values.text, encode);
  let length = template.length;
  const filled = template.replace(CODE, (whole, group?: string, name?: string, code?: string) => {
    if (length > MOST_FILLED) return '';
    const value =
      code === undefined ? metaValue(callback.values.meta, group!, name!) : codeValue(code, callback, words);
    length += (value ?? whole).length - whole.length;
    return value ?? whole;
  });
  return length > MOST_FILLED ? undefined : filled;
}

/** Percent-encoded as Kannel does: letters, digits and -_.!~*'() stay, a blank is a plus. */
export function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll('%20', '+');
}

/** Octets of a binary message travel as they are. */
const encoderFor = ({ encoding }: IncomingMessage) => (encoding === 'binary' ? encodeOctets : encode);

const encodeOctets = (octets: string) =>
  octets.replaceAll(
    /[^A-Za-z0-9_.!~*'()-]/g,
    (octet) => `%${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );

/** Undefined for what is no code: it stays in the URL as it is. */
function codeValue(code: string, callback: Callback, words: Words): string | undefined {
  const { values, at } = callback;
  switch (code) {
    case 'd':
      return callback.incoming ? '-1' : String(callback.dlrType);
    case 'A':
    case 'b':
      return words.whole();
    case 'a':
      return words.from(0);
    case 'k':
      return words.encoded(0);
    case 's':
      return words.next();
    case 'S':
      // Kannel writes an asterisk as a tilde here.
      return words.next().replaceAll('*', '~').replaceAll('%3A', ':');
    case 'r':
      return words.rest();
    case 'p':
      return encode(values.given);
    case 'P':
      return encode(values.from);
    case 'q':
      return encode(international(values.given));
    case 'Q':
      return encode(international(values.from));
    case 'i':
      return encode(values.provider);
    case 'F':
      return encode(values.providerId);
    case 'I':
      return reportId(callback);
    case 'n':
      return encode(callback.client);
    case 'o':
      return encode(values.account);
    case 'D':
      return encode(values.meta);
    case 'R':
      return callback.incoming ? '' : encode(callback.url);
    case 'c':
      return callback.incoming ? String(kannelCoding(callback.incoming)) : '-1';
    case 't':
      return new Date(at).toISOString().slice(0, 19).replace('T', '+');
    case 'T':
      return String(Math.floor(at / 1_000));
    default:
      return FIXED[code];
  }
}

/** Codes whose value in a delivery report is always the same. */
const FIXED: Record<string, string> = {
  '%': '%',
  C: 'UTF-8',
  O: '00',
  m: '-1',
  M: '-1',
  // Not carried over into reports: UDH, billing information, the SMSC's number, validity, deferred.
  u: '',
  B: '',
  f: '',
  v: '',
  V: '',
};

/** The words of the report's text. %s and %S take one after another from the second on, %r what they leave. */
class Words {
  readonly #text: string;
  readonly #encode: (text: string) => string;
  #list: string[] | undefined;
  #taken = 1;

  constructor(text: string, encode: (text: string) => string) {
    this.#text = text;
    this.#encode = encode;
  }

  whole(): string {
    return this.#encode(this.#text);
  }

  get #words(): string[] {
    this.#list ??= this.#text.split(/\s+/).filter((word) => word !== '');
    return this.#list;
  }

  encoded(index: number): string {
    return this.#encode(this.#words[index] ?? '');
  }

  next(): string {
    return this.#taken < this.#words.length ? this.encoded(this.#taken++) : '';
  }

  from(index: number): string {
    return this.#words.slice(index).map(this.#encode).join('+');
  }

  rest(): string {
    return this.from(this.#taken);
  }
}

/** Two zeros in front of a number are the international prefix. */
const international = (number: string) => (number.startsWith('00') ? `+${number.slice(2)}` : number);

/** A UUID of the report's own (version 8, RFC 9562), the same each time this report is tried. */
function reportId({ id, callback }: Callback): string {
  const hex = hash('sha256', `${id}/${callback}`, 'hex');
  const variant = ((Number.parseInt(hex[16]!, 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** One value of Kannel's meta data, `?group?name=value&…`, in which it stands percent-encoded already. */
function metaValue(meta: string, group: string, name: string): string {
  const [, ...parts] = meta.split('?');
  const at = parts.findIndex((part, i) => i % 2 === 0 && part === group);
  const pair = at === -1 ? undefined : parts[at + 1]?.split('&').find((entry) => entry.startsWith(`${name}=`));
  return pair?.slice(name.length + 1) ?? '';
}
