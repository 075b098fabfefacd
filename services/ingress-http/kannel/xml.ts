// A sendsms as XML, after Kannel's user guide: message/submit with its elements. No entities but the five of XML.
import { XMLParser, XMLValidator } from '#shared/http/xml.ts';
import { decodeText } from '#shared/sms/charset.ts';
import type { Query } from '../query.ts';
import { fromHex } from './parameters.ts';
import { type Refusal, UNAUTHORISED } from './sendsms.ts';

const DEEPEST = 8;
const ENTITY = /&(?:(lt|gt|amp|quot|apos)|#(\d{1,7})|#x([0-9a-f]{1,6}));/gi;
const NAMED: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** Each parameter and where it stands below message/submit. */
const PLACES: readonly (readonly [name: string, ...path: string[]])[] = [
  ['from', 'oa', 'number'],
  ['username', 'from', 'username'],
  ['username', 'from', 'user'],
  ['password', 'from', 'password'],
  ['password', 'from', 'pass'],
  ['account', 'from', 'account'],
  ['account', 'account'],
  ['udh', 'udh'],
  ['mclass', 'dcs', 'mclass'],
  ['mwi', 'dcs', 'mwi'],
  ['coding', 'dcs', 'coding'],
  ['compress', 'dcs', 'compress'],
  ['alt-dcs', 'dcs', 'alt-dcs'],
  ['pid', 'pid'],
  ['rpi', 'rpi'],
  ['validity', 'vp', 'delay'],
  ['deferred', 'timing', 'delay'],
  ['dlr-mask', 'statusrequest', 'dlr-mask'],
  ['dlr-url', 'statusrequest', 'dlr-url'],
  ['smsc', 'smsc-id'],
  ['smsc', 'to'],
  ['binfo', 'binfo'],
  ['priority', 'priority'],
  ['meta-data', 'meta-data'],
];

type Node = { [name: string]: unknown };
const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  processEntities: false,
  trimValues: false,
  ignoreDeclaration: true,
  ignorePiTags: true,
});

/** What cannot be read names no client: the answer is Kannel's for that. `octets` has one character per octet. */
export function readXml(octets: string, charset: string): Query | Refusal {
  const declared = /^\s*<\?xml[^>]*\sencoding\s*=\s*["']([^"']+)["']/.exec(octets)?.[1];
  const text = decodeText(Buffer.from(octets, 'latin1'), charset || declared || 'UTF-8');
  if (text === undefined || /<!DOCTYPE/i.test(text) || depthOf(text) > DEEPEST) return UNAUTHORISED;
  const submit = at(parsed(text), ['message', 'submit']);
  const values: Query = new Map();
  if (submit === undefined) return UNAUTHORISED;
  const set = (name: string, value: string | undefined) => {
    if (value !== undefined && !values.has(name)) values.set(name, Buffer.from(value).toString('latin1'));
  };
  for (const [name, ...path] of PLACES) set(name, textAt(submit, path)?.trim());
  const numbers = list(at(submit, ['da'])).map((da) => textAt(da, ['number'])?.trim() ?? '');
  if (numbers.length > 0) set('to', numbers.join(' '));
  set('text', textAt(submit, ['ud']));
  set('charset', 'UTF-8');
  const udh = values.get('udh');
  if (udh !== undefined) values.set('udh', fromHex(udh));
  return values;
}

/** Undefined for what is not well-formed, or has names that the parser refuses, such as `__proto__`. */
function parsed(text: string): unknown {
  try {
    return XMLValidator.validate(text) === true ? parser.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [tag] of text.matchAll(/<\/?[A-Za-z][^>]*>/g)) {
    depth += tag.startsWith('</') ? -1 : tag.endsWith('/>') ? 0 : 1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

const list = (value: unknown): unknown[] => (value === undefined ? [] : Array.isArray(value) ? value : [value]);

/** The first of several of one name. */
function at(node: unknown, path: readonly string[]): unknown {
  let found: unknown = node;
  for (const name of path) {
    const first = Array.isArray(found) ? found[0] : found;
    if (typeof first !== 'object' || first === null || !Object.hasOwn(first, name)) return undefined;
    found = (first as Node)[name];
  }
  return found;
}

function textAt(node: unknown, path: readonly string[]): string | undefined {
  const found = at(node, path);
  const first = Array.isArray(found) ? found[0] : found;
  return typeof first === 'string' ? first.replace(ENTITY, character) : undefined;
}

function character(all: string, name?: string, decimal?: string, hex?: string): string {
  if (name) return NAMED[name.toLowerCase()]!;
  const code = decimal ? Number(decimal) : Number.parseInt(hex!, 16);
  return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : all;
}
