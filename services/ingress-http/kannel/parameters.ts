// Where the parameters of a sendsms are: in the query, in X-Kannel headers and a text, in a form, or in XML. Values have one
// character per octet, as in query.ts.
import type { IncomingHttpHeaders } from 'node:http';
import { parseQuery, type Query } from '../query.ts';
import type { Refusal } from './sendsms.ts';
import { readXml } from './xml.ts';

export type Incoming = { method: string; url: string; headers: IncomingHttpHeaders; body: Buffer | undefined };

const UNSUPPORTED: Refusal = { status: 415, body: 'Unsupported content-type, rejected', reason: 'content-type' };
const HEADER = 'x-kannel-';
/** One of them makes a body form data, whatever its type says. */
const KNOWN = new Set(['to', 'text', 'username', 'user', 'password', 'pass']);
const FORM = /^[\w.~%+-]+=[^&]*(&[\w.~%+-]+=[^&]*)*$/;
const FORM_TYPE = 'application/x-www-form-urlencoded';
/** `plain/text` is how Cisco ISE spells it. */
const TEXT_TYPES = new Set(['text/plain', 'plain/text', '']);
const XML_TYPES = new Set(['text/xml', 'application/xml']);
const BINARY_TYPE = 'application/octet-stream';

/**
 * Kannel reads the query of a GET only, and of a POST headers and a text, or XML. Here a form is read too, also one
 * that says it is text or XML, and then the query beside it; and Basic authentication stands for name and password.
 */
export function readParameters({ method, url, headers, body }: Incoming): Query | Refusal {
  const query = parseQuery(url.slice(url.indexOf('?') + 1 || url.length));
  const read = method === 'POST' ? readBody(query, headers, body?.toString('latin1') ?? '') : query;
  if (!('status' in read)) addBasic(read, headers.authorization);
  return read;
}

function readBody(query: Query, headers: IncomingHttpHeaders, body: string): Query | Refusal {
  const [type, charset] = contentType(headers['content-type']);
  if (XML_TYPES.has(type) && body.trimStart().startsWith('<')) return readXml(body, charset);
  const named = Object.keys(headers).some((name) => name.startsWith(HEADER));
  if (type === FORM_TYPE || (!named && type !== BINARY_TYPE && isForm(body))) {
    // A byte order mark or a line end around it belongs to no value.
    const form = parseQuery(body.trim());
    return new Map([...form, ...query]);
  }
  if (XML_TYPES.has(type)) return readXml(body, charset);
  if (!TEXT_TYPES.has(type) && type !== BINARY_TYPE) return UNSUPPORTED;
  // As in Kannel the query does not count here; with Basic authentication, which Kannel does not know, it does.
  const values = headers.authorization === undefined || named ? new Map<string, string>() : query;
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(HEADER) && typeof value === 'string') values.set(name.slice(HEADER.length), value);
  }
  const udh = values.get('udh');
  if (udh !== undefined) values.set('udh', fromHex(udh));
  values.set('text', body);
  if (charset && !values.has('charset')) values.set('charset', charset);
  if (type === BINARY_TYPE && !values.has('coding')) values.set('coding', '1');
  return values;
}

/** In small letters: type, and charset or ''. */
function contentType(value: string | undefined): [type: string, charset: string] {
  const [type = '', ...rest] = (value ?? '').toLowerCase().split(';');
  const charset = rest.map((one) => /^\s*charset="?([^"\s]+)"?\s*$/.exec(one)?.[1]).find(Boolean);
  return [type.trim(), charset ?? ''];
}

function isForm(body: string): boolean {
  const text = body.trim();
  return FORM.test(text) && [...parseQuery(text).keys()].some((name) => KNOWN.has(name));
}

/** Octets; what is no hex gives something that is no header either. */
export const fromHex = (hex: string) =>
  /^([0-9A-Fa-f]{2})+$/.test(hex.trim()) ? Buffer.from(hex.trim(), 'hex').toString('latin1') : '\xff';

function addBasic(values: Query, authorization: string | undefined): void {
  const [scheme, encoded] = (authorization ?? '').split(' ');
  if (scheme?.toLowerCase() !== 'basic' || !encoded || values.has('username') || values.has('user')) return;
  const pair = Buffer.from(encoded, 'base64').toString('latin1');
  const colon = pair.indexOf(':');
  if (colon === -1) return;
  values.set('username', pair.slice(0, colon));
  values.set('password', pair.slice(colon + 1));
}
