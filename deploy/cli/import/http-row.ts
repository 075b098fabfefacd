// What HTTP providers of LinOTP and privacyIDEA have in common: address, login, proxy, headers, and which of their
// parameters are secrets.
import { type Draft, faultAt, type Place, type Row } from './draft.ts';
import { isObject } from './loose-json.ts';
import type { Settings } from './settings.ts';

/** Names of parameters and headers whose values nobody should see. */
const SECRET = /pass|pwd|^pw$|secret|token|key|auth|cred|sign|^pin$|cookie|session|hash/i;
const OPEN_HEADERS = /^(content-type|accept|accept-(charset|encoding|language)|user-agent)$/i;
const TAG = /\{(to|text|from|id|callback|phone|otp)\}|<(phone|message|otp)>/;

export const isSecret = (name: string) => SECRET.test(name);
export const hasTag = (text: string) => TAG.test(text);

/** `url`, and the login that stands in it. A query with secrets makes the whole address one. */
export function addressOf(
  draft: Draft,
  settings: Settings,
  owner: string,
): { url: unknown; https: boolean; login?: Row } {
  const given = settings.text('URL')?.trim();
  if (!given) throw faultAt(settings.place, 'URL is missing: the address of the provider');
  let url: URL;
  try {
    url = new URL(given);
    if (!/^https?:$/.test(url.protocol)) throw new Error();
  } catch {
    return settings.fail('URL', 'an http or https address belongs here: is this still a placeholder?');
  }
  const https = url.protocol === 'https:';
  // As it was written, but for the login: URL would write some of it in another way.
  const address = given.replace(/^(https?:\/\/)[^/?#]*@/i, '$1');
  const hidden = [...url.searchParams].some(([name, value]) => isSecret(name) && value !== '');
  settings.taken('URL', hidden ? 'url, as a secret for what its query has' : 'url');
  const row = { url: hidden ? draft.secret(settings.at('URL'), `${owner}_URL`, address) : address, https };
  if (url.username === '' && url.password === '') return row;
  settings.changed('URL', 'its user and password are auth.basic');
  const password = draft.secret(settings.at('URL'), `${owner}_PASSWORD`, decoded(url.password));
  return { ...row, login: { user: decoded(url.username), password } };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A proxy: one address, or one for each scheme. */
export function proxyOf(draft: Draft, settings: Settings, key: string, https: boolean, owner: string): unknown {
  const value = settings.raw(key);
  if (!isObject(value)) return proxyAddress(draft, settings, key, settings.text(key), owner);
  const scheme = https ? 'https' : 'http';
  const other = https ? 'http' : 'https';
  if (value[other] !== undefined) settings.dropped(key, `${other} is for the other scheme: the URL has ${scheme}`);
  const given = value[scheme];
  return proxyAddress(draft, settings, key, typeof given === 'string' ? given : undefined, owner);
}

export function proxyAddress(
  draft: Draft,
  settings: Settings,
  key: string,
  given: string | undefined,
  owner: string,
): unknown {
  if (!given) return undefined;
  const address = given.trim().replace(/^socks5h:/i, 'socks5:');
  if (!/^(https?|socks5):\/\/[^\s/]+\/?\S*$/.test(address) || !URL.canParse(address))
    return settings.fail(key, 'an http, https or socks5 address belongs here, such as http://10.0.0.1:3128');
  settings.taken(key, 'proxy');
  return address.includes('@') ? draft.secret(settings.at(key), `${owner}_PROXY`, address) : address;
}

/** Parameters by name, at any depth: what is secret is put aside. */
export function paramsOf(draft: Draft, place: (name: string) => Place, owner: string, params: Row): Row {
  const hidden = (name: string, value: unknown, at: Place): unknown => {
    if (Array.isArray(value)) return value.map((one) => hidden(name, one, at));
    if (isObject(value)) return paramsOf(draft, () => at, owner, value);
    if ((typeof value !== 'string' && typeof value !== 'number') || value === '') return value;
    return isSecret(name) && !hasTag(String(value)) ? draft.secret(at, `${owner}_${name}`, String(value)) : value;
  };
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, hidden(name, value, place(name))]));
}

/** Headers: all values are secrets but those that say what the body is. */
export function headersOf(draft: Draft, place: Place, owner: string, headers: Row): Row | undefined {
  const entries = Object.entries(headers).map(([name, value]): [string, unknown] => {
    if (typeof value === 'object' && value !== null) throw faultAt(place, 'the value of a header is a text');
    const text = String(value ?? '');
    return [
      name,
      OPEN_HEADERS.test(name) || hasTag(text) || text === '' ? text : draft.secret(place, `${owner}_${name}`, text),
    ];
  });
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

/** `"5"`, `"5,20"`, `"(5,20)"` or a list: seconds to connect, and then for the answer. */
export function timeoutsOf(settings: Settings, key: string): Row {
  const value = settings.raw(key);
  if (value === undefined || value === null || value === '') return {};
  const text = (Array.isArray(value) ? value.join(',') : String(value)).trim();
  const inner = /^\((.*)\)$/.exec(text)?.[1];
  if (inner !== undefined || Array.isArray(value)) settings.warn(key, 'two numbers in brackets: taken');
  const parts = (inner ?? text).split(',').map((part) => part.trim());
  if (parts.length > 2 || parts.some((part) => !/^\d{1,5}(\.\d{1,3})?$/.test(part)))
    return settings.fail(key, 'seconds belong here, such as 5, or 5,20 to connect and to answer');
  const [first, second] = parts.map(Number) as [number, number?];
  if (second === undefined) {
    settings.taken(key, 'timeout');
    return { timeout: `${first}s` };
  }
  settings.taken(key, 'connectTimeout, and with it timeout');
  return { connectTimeout: `${first}s`, timeout: `${Number((first + second).toFixed(3))}s` };
}

/** Python's search looks for `^` at the beginning alone, ours at every line unless told. */
export const searched = (pattern: string) =>
  /^\^/.test(pattern) && !pattern.includes('$') ? `(?-m)${pattern}` : pattern;
