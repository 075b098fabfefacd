// privacyIDEA's HTTP provider as the row of an HTTP provider.
import type { Draft, Place, Row } from './draft.ts';
import { addressOf, headersOf, isSecret, paramsOf, proxyAddress, timeoutsOf } from './http-row.ts';
import type { Settings } from './settings.ts';

/** The SMTP servers that gateways name. */
export type Servers = Map<string, Settings>;
export type Gateway = {
  draft: Draft;
  settings: Settings;
  owner: string;
  headers: Row;
  headersAt: Place;
  servers: Servers;
};
/** A row, or nothing when there is none. */
export type Module = (gateway: Gateway) => Row | undefined;

const OWN = [
  'URL',
  'HTTP_METHOD',
  'USERNAME',
  'PASSWORD',
  'CHECK_SSL',
  'SEND_DATA_AS_JSON',
  'PROXY',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'TIMEOUT',
  'RETURN_SUCCESS',
  'RETURN_FAIL',
  'REGEXP',
];

export const http: Module = ({ draft, settings, owner, headers, headersAt }) => {
  const { url, https, login } = addressOf(draft, settings, owner);
  const method = settings.text('HTTP_METHOD') === 'POST' ? 'POST' : 'GET';
  if (settings.has('HTTP_METHOD')) settings.taken('HTTP_METHOD', `method: ${method}`);
  const asked = settings.text('SEND_DATA_AS_JSON');
  const json = method === 'POST' && asked === 'yes';
  if (asked !== undefined) settings.taken('SEND_DATA_AS_JSON', json ? 'json' : 'off, as unset');
  const into = json ? 'json' : method === 'POST' ? 'form' : 'query';
  const given = parameters(settings, json);
  for (const name of Object.keys(given)) settings.taken(name, isSecret(name) ? `${into}, as a secret` : into);
  const params = paramsOf(draft, (name) => settings.at(name), owner, given);
  if (json)
    settings.changed(
      'SEND_DATA_AS_JSON',
      'numbers and texts of digits stay texts, where privacyIDEA makes JSON numbers of some',
    );
  const user = settings.text('USERNAME', 'auth.basic.user');
  const password = user === undefined ? undefined : (settings.secret('PASSWORD', 'auth.basic.password') ?? '');
  return {
    bearer: 'http',
    url,
    method,
    [into]: params,
    headers: headersRow(draft, headersAt, owner, headers),
    auth: user !== undefined ? { basic: { user, password } } : login && { basic: login },
    proxy: proxyOf(draft, settings, owner, https),
    tls: tlsOf(settings),
    ...timeoutsOf(settings, 'TIMEOUT'),
    answer: answerOf(settings),
  };
};

function headersRow(draft: Draft, place: Place, owner: string, headers: Row): Row | undefined {
  const row = headersOf(draft, place, owner, headers);
  if (row) draft.note(place, 'taken', 'headers: is headers, their values as secrets');
  return row;
}

/** All options that are not its own; each is read as JSON where it can be, as privacyIDEA does. */
function parameters(settings: Settings, json: boolean): Row {
  const names = settings.keys.filter((name) => !OWN.includes(name));
  return Object.fromEntries(names.map((name) => [name, parameter(settings.text(name) ?? '', json)]));
}

function parameter(text: string, json: boolean): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  if (json || typeof value === 'string' || value === null) return value;
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  const scalars = Array.isArray(value) && value.every((one) => typeof one === 'string' || typeof one === 'number');
  return scalars ? value : text;
}

function proxyOf(draft: Draft, settings: Settings, owner: string, https: boolean): unknown {
  const [key, other] = https ? ['HTTPS_PROXY', 'HTTP_PROXY'] : ['HTTP_PROXY', 'HTTPS_PROXY'];
  const own = settings.text(key!);
  if (settings.text(other!) !== undefined) settings.dropped(other!, 'it is for the other scheme');
  const old = settings.text('PROXY');
  if (own !== undefined || settings.has(other!)) {
    if (old !== undefined) settings.dropped('PROXY', 'the others come first');
    return proxyAddress(draft, settings, key!, own, owner);
  }
  return proxyAddress(draft, settings, 'PROXY', old, owner);
}

function tlsOf(settings: Settings): Row | undefined {
  const check = settings.text('CHECK_SSL');
  if (check === undefined || check === 'yes') {
    if (check) settings.taken('CHECK_SSL', 'tls.verify, as unset');
    return undefined;
  }
  settings.warn(
    'CHECK_SSL',
    'anything but yes takes any certificate (tls.verify: false): take it out, or name the authority in tls.ca',
  );
  return { verify: false };
}

function answerOf(settings: Settings): Row {
  const [success, failure] = [settings.text('RETURN_SUCCESS'), settings.text('RETURN_FAIL')];
  const status = [200, 201, 202];
  if (success !== undefined) {
    settings.taken('RETURN_SUCCESS', 'answer.success.contains');
    if (failure !== undefined) settings.dropped('RETURN_FAIL', 'RETURN_SUCCESS comes first');
    return { status, success: { contains: success } };
  }
  if (failure === undefined) return { status };
  settings.taken('RETURN_FAIL', 'answer.failure.contains');
  return { status, failure: { contains: failure } };
}
