// The provider without a preset: a request written as a template in the row, and rules for its answer, in the order of
// precedence that LinOTP and privacyIDEA have. Rows of either give the same request and the same verdict here; where
// they differ on purpose, deploy/docs/http-providers.md says so.
import type { RE2JS } from 're2js';
import type { ReceiptState } from '../messages/report.ts';
import type { Outcome } from '../outcome.ts';
import { fillTags, type Tags } from '../sms/tags.ts';
import { basic, type Charset, encodeForm, FORM, JSON_BODY, type Params, withQuery } from './encode.ts';
import { jsonOf, textAt } from './json.ts';
import type { HttpAnswer, HttpCallback, HttpRequest, Incoming, Login, OAuth2, Outgoing, Receipt } from './preset.ts';
import { done, refused, statusVerdict } from './preset.ts';
import { type XmlRpcValue, xmlRpcAnswer, xmlRpcCall } from './xml-rpc.ts';

export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
export type Auth = { basic: Login } | { digest: Login } | { bearer: string } | { oauth2: OAuth2 };
export type Rule = {
  regex?: RE2JS | undefined;
  prefix?: string | undefined;
  contains?: string | undefined;
};
export type StatusClass = '1xx' | '2xx' | '3xx' | '4xx' | '5xx';

/** What a row says. Strings are templates: see sms/tags.ts. */
export type Template = {
  url: string;
  method?: 'GET' | 'POST' | 'PUT' | undefined;
  query?: Params | undefined;
  headers?: Readonly<Record<string, string>> | undefined;
  charset?: Charset | undefined;
  /** At most one of these is the body. */
  form?: Params | undefined;
  json?: Json | undefined;
  xmlRpc?: { method: string; params: readonly XmlRpcValue[] } | undefined;
  body?: string | undefined;
  auth?: Auth | undefined;
  answer: {
    status: 'any' | readonly (number | StatusClass)[];
    success?: Rule | undefined;
    failure?: Rule | undefined;
    id?: { json?: string | undefined; header?: string | undefined; regex?: RE2JS | undefined } | undefined;
  };
  /** Names of parameters or JSON paths in the provider's callbacks. */
  receipt?: ReceiptFields | undefined;
  incoming?: { from: string; to: string; text: string; id?: string | undefined } | undefined;
};
export type ReceiptFields = {
  id: string;
  state: string;
  states: Readonly<Record<string, ReceiptState>>;
  error?: string | undefined;
  to?: string | undefined;
};

export function templateRequest(message: Outgoing, row: Template): HttpRequest {
  const tags: Tags = message;
  const headers: Record<string, string> = {};
  let body: string | undefined;
  if (row.form !== undefined) {
    Object.assign(headers, FORM);
    body = encodeForm(filled(row.form, tags) as Params, row.charset);
  } else if (row.json !== undefined) {
    Object.assign(headers, JSON_BODY);
    body = JSON.stringify(filled(row.json, tags));
  } else if (row.xmlRpc !== undefined) {
    headers['content-type'] = 'text/xml';
    body = xmlRpcCall(row.xmlRpc.method, filled(row.xmlRpc.params as Json, tags) as XmlRpcValue[]);
  } else if (row.body !== undefined) {
    body = fillTags(row.body, tags);
  }
  const { auth } = row;
  if (auth && 'basic' in auth) headers.authorization = basic(auth.basic.user, auth.basic.password);
  if (auth && 'bearer' in auth) headers.authorization = `Bearer ${auth.bearer}`;
  for (const [name, value] of Object.entries(row.headers ?? {}))
    headers[name.toLowerCase()] = headerValue(fillTags(value, tags));
  return {
    method: row.method ?? (body === undefined ? 'GET' : 'POST'),
    url: withQuery(fillTags(row.url, tags, encodeURIComponent), filled(row.query ?? {}, tags) as Params, row.charset),
    headers,
    ...(body === undefined ? {} : { body }),
    ...(auth && ('digest' in auth || 'oauth2' in auth) ? { auth } : {}),
  };
}

/** Tags filled in at any depth; names stay as they are. */
function filled(value: unknown, tags: Tags): unknown {
  if (typeof value === 'string') return fillTags(value, tags);
  if (Array.isArray(value)) return value.map((one) => filled(one, tags));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, filled(one, tags)]));
}

function headerValue(value: string): string {
  // A line break in a text must not become a header of its own.
  if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) throw new Error('the message does not fit into a header of this provider');
  return value;
}

/**
 * The outcome that the row's rules give to an answer. The status comes first, as in privacyIDEA; with `any` the rules
 * alone decide, as in LinOTP. Of the rules the first that is there decides alone: success and failure by regular
 * expression, then by prefix (LinOTP's order), then by text anywhere (privacyIDEA's).
 */
export function templateAnswer(answer: HttpAnswer, message: Outgoing, row: Template): Outcome {
  const { status, id } = row.answer;
  const said = firstLine(answer.body);
  if (status !== 'any' && !isAmong(answer.status, status)) return statusVerdict(answer, said);
  if (row.xmlRpc && xmlRpcAnswer(answer.body)?.fault) return refused('provider', `fault: ${said}`);
  const wrong = brokenRule(answer.body, row.answer);
  if (wrong !== undefined) {
    if (status === 'any' && answer.status >= 400) return statusVerdict(answer, said);
    return refused('provider', `${wrong}: ${said}`);
  }
  return done(message, id && idOf(answer, id));
}

function isAmong(status: number, allowed: readonly (number | StatusClass)[]): boolean {
  return allowed.includes(status) || allowed.includes(`${Math.floor(status / 100)}xx` as StatusClass);
}

/** In words what speaks against the answer; undefined when nothing does. */
function brokenRule(body: string, { success = {}, failure = {} }: Template['answer']): string | undefined {
  const verdict = (found: boolean, wanted: boolean, words: string) =>
    found === wanted ? undefined : `the answer ${found ? words.replace('has no', 'has a') : words}`;
  if (success.regex) return verdict(success.regex.test(body), true, 'has no match for success.regex');
  if (failure.regex) return verdict(failure.regex.test(body), false, 'has no match for failure.regex');
  if (success.prefix) return verdict(body.startsWith(success.prefix), true, 'has no success.prefix');
  if (failure.prefix) return verdict(body.startsWith(failure.prefix), false, 'has no failure.prefix');
  if (success.contains) return verdict(body.includes(success.contains), true, 'has no success.contains');
  if (failure.contains) return verdict(body.includes(failure.contains), false, 'has no failure.contains');
  return undefined;
}

const MOST_SAID = 120;

/** What the provider said, for an administrator; whoever shows it takes secrets, texts and numbers out. */
const firstLine = (body: string) =>
  body
    .trim()
    .split(/[\r\n]/)[0]!
    .slice(0, MOST_SAID);

function idOf(answer: HttpAnswer, { json, header, regex }: NonNullable<Template['answer']['id']>): string | undefined {
  if (json !== undefined) return textAt(jsonOf(answer.body), json);
  if (header !== undefined) return answer.headers[header.toLowerCase()];
  const matcher = regex?.matcher(answer.body);
  if (!matcher?.find()) return undefined;
  return matcher.group(matcher.groupCount() > 0 ? 1 : 0) ?? undefined;
}

/** A value of a callback by its name: a form's, the query's, or a path in JSON. */
const fieldOf = ({ form, query, json }: HttpCallback, name: string): string | undefined =>
  form[name] ?? query[name] ?? textAt(json, name);

export function templateReceipts(callback: HttpCallback, fields: ReceiptFields): Receipt[] | undefined {
  const [providerId, stat] = [fieldOf(callback, fields.id), fieldOf(callback, fields.state)];
  if (!providerId || !stat) return undefined;
  const error = fields.error && fieldOf(callback, fields.error);
  return [{ providerId, stat, error, to: fields.to && fieldOf(callback, fields.to) }];
}

export function templateIncoming(
  callback: HttpCallback,
  fields: NonNullable<Template['incoming']>,
): Incoming[] | undefined {
  const [from, to] = [fieldOf(callback, fields.from), fieldOf(callback, fields.to)];
  const text = fieldOf(callback, fields.text);
  if (!from || !to || text === undefined) return undefined;
  return [{ from, to, text, providerId: fields.id && fieldOf(callback, fields.id) }];
}
