// `hermod import privacyidea`: SMS gateways as privacyIDEA exports them, with the SMTP servers that they name.
import { parseReplace } from '#shared/sms/rewrite.ts';
import { type Draft, faultAt, type Place, type Row } from './draft.ts';
import { isObject, type Loose, readLoose } from './loose-json.ts';
import type { Servers } from './privacyidea-http.ts';
import { MODULES } from './privacyidea-modules.ts';
import { settingsOf } from './settings.ts';
import { addClient, type Choices, type Source } from './source.ts';

const FOLDER = '/etc/privacyidea/scripts';

/** Adds the rows of all files to the draft. */
export function importPrivacyidea(draft: Draft, sources: readonly Source[], choices: Choices): void {
  const files = sources.map(({ file, text }) => ({ file, loose: readLoose(draft, { file, line: 1 }, text) }));
  const servers: Servers = new Map();
  for (const { file, loose } of files) readServers(draft, file, loose, servers);
  for (const { file, loose } of files) readGateways(draft, file, loose, servers);
  const first = { file: sources[0]?.file ?? '', line: 1 };
  const rows = Object.entries(draft.providers);
  if (rows.length === 0)
    throw faultAt(first, 'there is no SMS gateway in it that has a row here: export with `pi-manage config export`');
  if (rows.some(([, row]) => row.bearer === 'script')) {
    draft.scripts = { folder: FOLDER };
    draft.note(
      first,
      'changed',
      `scripts are run from ${FOLDER} (scripts.folder): PI_SCRIPT_SMSPROVIDER_DIRECTORY may say another`,
    );
  }
  if (rows.length === 1) rows[0]![1].default = true;
  else
    draft.note(
      first,
      'warning',
      'privacyIDEA chooses the gateway by policy: write routes, or default: true into one row',
    );
  addClient(draft, 'privacyidea', first, choices);
}

/** `smtpserver` of a whole export. */
function readServers(draft: Draft, file: string, { value, lineOf }: Loose, servers: Servers): void {
  if (!isObject(value) || !isObject(value.smtpserver)) return;
  for (const [name, server] of Object.entries(value.smtpserver)) {
    if (!isObject(server)) continue;
    const path = ['smtpserver', name];
    servers.set(
      name,
      settingsOf(draft, name, { file, line: lineOf(path) }, server, (key) => lineOf([...path, key])),
    );
  }
}

function readGateways(draft: Draft, file: string, { value, lineOf }: Loose, servers: Servers): void {
  if (!isObject(value))
    throw faultAt({ file, line: 1 }, 'an export is an object in braces, with the names of the gateways');
  const whole = isObject(value.smsgateway);
  const gateways = isObject(value.smsgateway) ? value.smsgateway : value;
  for (const key of whole ? Object.keys(value) : [])
    if (key !== 'smsgateway' && key !== 'smtpserver')
      draft.note({ file, line: lineOf([key]) }, 'left out', `${key.slice(0, 60)}: nothing about SMS`);
  const path = whole ? ['smsgateway'] : [];
  // One gateway alone, as the API shows it.
  if (typeof gateways.providermodule === 'string') {
    addGateway(
      draft,
      String(gateways.name ?? 'gateway'),
      { file, line: lineOf(path) },
      gateways,
      (key) => lineOf([...path, ...key]),
      servers,
    );
    return;
  }
  for (const [name, gateway] of Object.entries(gateways)) {
    const place = { file, line: lineOf([...path, name]) };
    if (!whole && name === 'smtpserver') continue;
    if (!isObject(gateway) || typeof gateway.providermodule !== 'string')
      draft.note(place, 'left out', `${name.slice(0, 60)}: this is no SMS gateway`);
    else addGateway(draft, name, place, gateway, (key) => lineOf([...path, name, ...key]), servers);
  }
}

function addGateway(
  draft: Draft,
  name: string,
  place: Place,
  gateway: Row,
  lineOf: (path: string[]) => number,
  servers: Servers,
): void {
  const called = /(\w+)Provider$/.exec(String(gateway.providermodule))?.[1] ?? '';
  const module = Object.hasOwn(MODULES, called) ? MODULES[called] : undefined;
  if (!module) {
    draft.note(place, 'left out', `${name.slice(0, 60)}: its providermodule is none of privacyIDEA's`);
    return;
  }
  const options = gateway.options ?? {};
  if (!isObject(options))
    throw faultAt({ ...place, line: lineOf(['options']) }, 'options: names and texts in braces belong here');
  const settings = settingsOf(draft, name, place, options, (key) => lineOf(['options', key]));
  const headers = isObject(gateway.headers) ? gateway.headers : {};
  const headersAt = { file: place.file, line: lineOf(['headers']) };
  const row = module({ draft, settings, owner: name, headers, headersAt, servers });
  for (const key of Object.keys(gateway))
    if (!['name', 'id', 'providermodule', 'options', 'headers', 'description'].includes(key))
      draft.note({ file: place.file, line: lineOf([key]) }, 'left out', `${key.slice(0, 60)}: no counterpart`);
  if (!row) return;
  const number = numberOf(draft, settings, called === 'SipgateSMS', row.number as Row | undefined);
  settings.rest();
  draft.add('providers', place, name, { ...row, ...(number ? { number } : {}) });
}

/** REGEXP: one of another form, and Sipgate's, has no effect in privacyIDEA. */
function numberOf(
  draft: Draft,
  settings: ReturnType<typeof settingsOf>,
  sipgate: boolean,
  number: Row | undefined,
): Row | undefined {
  const given = settings.text('REGEXP');
  if (given === undefined) return number;
  if (sipgate) {
    settings.dropped('REGEXP', 'privacyIDEA does not look at it for Sipgate: write number.replace where it is meant');
    return number;
  }
  if (!/^\/(.*)\/(.*)\/$/s.test(given)) {
    settings.dropped('REGEXP', 'it has not the form /from/to/, so privacyIDEA leaves the number alone');
    return number;
  }
  try {
    parseReplace(given);
  } catch (error) {
    draft.note(settings.at('REGEXP'), 'left out', `REGEXP: ${(error as Error).message}: write number.replace by hand`);
    return number;
  }
  settings.taken('REGEXP', 'number.replace');
  return { ...number, replace: given };
}
