// LinOTP's HttpSMSProvider and RestSMSProvider as rows of HTTP providers.
import type { Draft, Row } from './draft.ts';
import { addressOf, hasTag, headersOf, paramsOf, proxyOf, searched, timeoutsOf } from './http-row.ts';
import { numberOf, type Reader } from './linotp-number.ts';
import { isObject, type Json } from './loose-json.ts';
import type { Settings } from './settings.ts';

function loginOf(settings: Settings, key: string): Row | undefined {
  const user = settings.text('USERNAME');
  if (user === undefined) {
    if (settings.has('PASSWORD')) settings.dropped('PASSWORD', 'without USERNAME it has no use');
    return undefined;
  }
  const kind = (settings.text(key) ?? 'basic').toLowerCase();
  if (kind !== 'basic' && kind !== 'digest') {
    settings.changed(key, 'neither basic nor digest, so there is no login');
    settings.dropped('USERNAME', `${key} turns it off`);
    settings.dropped('PASSWORD', `${key} turns it off`);
    return undefined;
  }
  if (settings.has(key)) settings.taken(key, `auth.${kind}`);
  settings.taken('USERNAME', `auth.${kind}.user`);
  return { [kind]: { user, password: settings.secret('PASSWORD', `auth.${kind}.password`) ?? '' } };
}

/** TLS is checked unless the configuration forbids it. */
function tlsOf(settings: Settings, https: boolean): Row | undefined {
  const key = 'SERVER_CERTIFICATE';
  const value = settings.text(key);
  if (value === undefined) {
    if (https)
      settings.changed(key, 'missing: the certificate is checked against the authorities of the system (tls.verify)');
    return undefined;
  }
  if (value.toLowerCase() === 'false') {
    settings.warn(key, 'false takes any certificate (tls.verify: false): take it out, or name the authority');
    return { verify: false };
  }
  settings.taken(key, 'tls.ca; a folder does not do, name the file');
  return { ca: value };
}

export const http: Reader = (draft, settings, owner) => {
  const { url, https, login } = addressOf(draft, settings, owner);
  const method = (settings.text('HTTP_Method') ?? 'POST').toUpperCase();
  if (method !== 'GET' && method !== 'POST') return settings.fail('HTTP_Method', 'GET or POST belongs here');
  const into = method === 'GET' ? 'query' : 'form';
  if (settings.has('HTTP_Method')) settings.taken('HTTP_Method', `method, and its parameters are ${into}`);
  const phone = settings.text('SMS_PHONENUMBER_KEY', `${into}: the parameter with {to}`) ?? 'phone';
  const text = settings.text('SMS_TEXT_KEY', `${into}: the parameter with {text}`) ?? 'sms';
  const given = settings.raw('PARAMETER') ?? {};
  if (!isObject(given)) return settings.fail('PARAMETER', 'names and values in braces belong here');
  if (settings.has('PARAMETER')) settings.taken('PARAMETER', into);
  const fixed = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, parameter(value)]));
  for (const [name, value] of Object.entries(fixed))
    if (typeof value === 'string' && hasTag(value))
      settings.warn('PARAMETER', `${name} has a tag, which is filled in here`);
  const params = {
    [phone]: '{to}',
    [text]: '{text}',
    ...paramsOf(draft, () => settings.at('PARAMETER'), owner, fixed),
  };
  const headers = headersRow(draft, settings, owner);
  return {
    url,
    method,
    [into]: params,
    headers,
    auth: loginOf(settings, 'AUTH_TYPE') ?? (login && { basic: login }),
    proxy: proxyOf(draft, settings, 'PROXY', https, owner),
    tls: tlsOf(settings, https),
    ...timeoutsOf(settings, 'timeout'),
    number: numberOf(settings),
    answer: answerOf(settings),
  };
};

/** As Python's requests writes it: True, and a list several times. */
const parameter = (value: Json): Json => {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (Array.isArray(value)) return value.map((one) => parameter(one));
  return isObject(value) ? JSON.stringify(value) : value;
};

function headersRow(draft: Draft, settings: Settings, owner: string): Row | undefined {
  const given = settings.raw('HEADERS');
  if (given === undefined || given === null || given === '') return undefined;
  if (!isObject(given)) return settings.fail('HEADERS', 'names and values in braces belong here');
  settings.taken('HEADERS', 'headers, their values as secrets');
  return headersOf(draft, settings.at('HEADERS'), owner, given);
}

const RULES = [
  ['RETURN_SUCCESS_REGEX', 'success', 'regex'],
  ['RETURN_FAIL_REGEX', 'failure', 'regex'],
  ['RETURN_SUCCESS', 'success', 'prefix'],
  ['RETURN_FAIL', 'failure', 'prefix'],
] as const;

/** The first that is there decides alone, whatever the status. */
function answerOf(settings: Settings): Row {
  let answer: Row | undefined;
  for (const [key, part, rule] of RULES) {
    const value = settings.text(key);
    if (value === undefined) continue;
    if (answer) {
      settings.dropped(key, 'LinOTP looks at one rule only, and another comes first');
      continue;
    }
    answer = { status: 'any', [part]: { [rule]: rule === 'regex' ? searched(value) : value } };
    settings.taken(key, `answer.${part}.${rule}, whatever the status`);
  }
  if (answer) return answer;
  settings.changed(
    'RETURN_SUCCESS',
    'no RETURN_ rule at all: LinOTP takes any answer for a success, here the status must be 2xx',
  );
  return { status: ['2xx'] };
}

export const rest: Reader = (draft, settings, owner) => {
  const { url, https } = addressOf(draft, settings, owner);
  const payload = settings.raw('PAYLOAD');
  if (!isObject(payload)) return settings.fail('PAYLOAD', 'the JSON of the request belongs here, in braces');
  const textKey =
    settings.text('SMS_TEXT_KEY', 'json: where {text} stands') ?? settings.fail('SMS_TEXT_KEY', 'missing');
  const phoneKey =
    settings.text('SMS_PHONENUMBER_KEY', 'json: where {to} stands') ?? settings.fail('SMS_PHONENUMBER_KEY', 'missing');
  settings.taken('PAYLOAD', 'json');
  const json = structuredClone(payload) as Row;
  place(settings, json, 'SMS_TEXT_KEY', textKey, /<(message|otp)>/, '{text}');
  place(settings, json, 'SMS_PHONENUMBER_KEY', phoneKey, /<phone>/, '{to}');
  for (const key of ['RETURN_SUCCESS', 'RETURN_FAIL', 'RETURN_SUCCESS_REGEX', 'RETURN_FAIL_REGEX'])
    if (settings.has(key)) settings.dropped(key, 'LinOTP does not look at it for this class: the status decides');
  if (settings.has('timeout')) settings.dropped('timeout', 'LinOTP does not look at it for this class: TIMEOUT counts');
  const client = settings.text('CLIENT_CERTIFICATE_FILE', 'tls.cert and tls.key, both in this file');
  const tls = { ...tlsOf(settings, https), ...(client && { cert: client, key: client }) };
  return {
    url,
    method: 'POST',
    json: hideIn(draft, settings, owner, json),
    headers: headersRow(draft, settings, owner),
    auth: loginOf(settings, 'AUTHENTICATION'),
    proxy: proxyOf(draft, settings, 'PROXY', https, owner),
    tls: Object.keys(tls).length > 0 ? tls : undefined,
    ...timeoutsOf(settings, 'TIMEOUT'),
    number: numberOf(settings),
    answer: { status: ['2xx', '3xx'] },
  };
};

/** Puts the tag where the key leads, unless a template stands there already. */
function place(settings: Settings, json: Row, key: string, path: string, tag: RegExp, value: string): void {
  const at = json[path];
  if (typeof at === 'string' && tag.test(at)) return;
  if (Array.isArray(at)) {
    if (at.some((one) => typeof one === 'string' && tag.test(one))) return;
    settings.changed(key, 'the list has no tag for it, so LinOTP would never fill it in: here it is the list');
    json[path] = [value];
    return;
  }
  const steps = path.split(/[.[\]]+/).filter((step) => step !== '');
  if (!Object.hasOwn(json, path) && steps.length === 1 && tag.test(JSON.stringify(json))) {
    settings.changed(
      key,
      'PAYLOAD has no such name, but the tag: it is filled in where it stands, as the documentation says',
    );
    return;
  }
  if (Object.hasOwn(json, path) || steps.length === 0) json[path] = value;
  else put(settings, json, key, steps, value);
}

function put(settings: Settings, json: Row, key: string, steps: readonly string[], value: string): void {
  let at = json as Record<string, unknown> | unknown[];
  for (const [i, step] of steps.entries()) {
    const last = i === steps.length - 1;
    if (Array.isArray(at) && !/^\d+$/.test(step)) settings.fail(key, 'the path names a list by a word');
    const name = Array.isArray(at) ? Math.min(Number(step), at.length) : step;
    if (last) Object.defineProperty(at, name, { value, enumerable: true, writable: true, configurable: true });
    else {
      const inner: unknown = Object.hasOwn(at, name) ? (at as Row)[name as string] : undefined;
      if (typeof inner !== 'object' || inner === null) settings.fail(key, 'the path leads to nothing in PAYLOAD');
      at = inner as Record<string, unknown> | unknown[];
    }
  }
}

/** Secrets in a JSON body are put aside. */
const hideIn = (draft: Draft, settings: Settings, owner: string, json: Row) =>
  paramsOf(draft, () => settings.at('PAYLOAD'), owner, json);
