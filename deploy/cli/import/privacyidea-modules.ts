// privacyIDEA's modules for SMS, each with what its options become here.
import { proxyAddress } from './http-row.ts';
import { http, type Module } from './privacyidea-http.ts';
import type { Settings } from './settings.ts';

const sipgate: Module = ({ draft, settings, owner }) => {
  const username = settings.text('USERNAME', 'account.username') ?? settings.fail('USERNAME', 'missing');
  const password = settings.secret('PASSWORD', 'account.password') ?? settings.fail('PASSWORD', 'missing');
  const proxy = proxyAddress(draft, settings, 'PROXY', settings.text('PROXY'), owner);
  return { bearer: 'http', preset: 'sipgate', account: { username, password }, proxy };
};

/** As privacyIDEA does it: decimal or hex, and what is neither counts as 0. */
function octet(settings: Settings, key: string, into: string): number {
  const text = settings.text(key);
  if (text === undefined) return 0;
  if (/^(0x[0-9a-f]{1,2}|\d{1,3})$/i.test(text)) settings.taken(key, into);
  else settings.changed(key, `no number, so privacyIDEA takes it for 0: ${into}`);
  return /^(0x[0-9a-f]{1,2}|\d{1,3})$/i.test(text) ? Number(text) : 0;
}

const smpp: Module = ({ settings }) => {
  const host = settings.text('SMSC_HOST', 'host') ?? settings.fail('SMSC_HOST', 'missing: the host of the SMS centre');
  const port =
    settings.number('SMSC_PORT', 'port') ?? settings.fail('SMSC_PORT', 'missing: the port of the SMS centre');
  const sender = settings.text('S_ADDR', 'senders: the sender of every message');
  const source = { ton: octet(settings, 'S_ADDR_TON', 'source.ton'), npi: octet(settings, 'S_ADDR_NPI', 'source.npi') };
  const destination = {
    ton: octet(settings, 'D_ADDR_TON', 'destination.ton'),
    npi: octet(settings, 'D_ADDR_NPI', 'destination.npi'),
    plus: true,
  };
  const numeric = sender === undefined || /^\+?\d+$/.test(sender);
  if (!numeric) settings.changed('S_ADDR', 'a sender with letters goes with TON 5 and NPI 0');
  settings.changed(
    'SMSC_HOST',
    'binds stay open, and the answer of the SMS centre counts; for receipts set bindAs: transceiver',
  );
  return {
    bearer: 'smpp',
    host,
    port,
    systemId: settings.text('SYSTEM_ID', 'systemId') ?? '',
    password: settings.secret('PASSWORD', 'password'),
    bindAs: 'transmitter',
    senders: sender === undefined ? undefined : { '*': sender },
    source: numeric ? source : undefined,
    destination,
    storeAndForward: false,
  };
};

const smtp: Module = ({ draft, settings, servers }) => {
  const name =
    settings.text('SMTPIDENTIFIER') ?? settings.fail('SMTPIDENTIFIER', 'missing: the SMTP server of the gateway');
  const server = servers.get(name);
  if (!server) {
    settings.dropped(
      'SMTPIDENTIFIER',
      'the server is in none of the files: import the export of the SMTP servers (smtpserver) too',
    );
    return undefined;
  }
  settings.taken('SMTPIDENTIFIER', 'host, port, user, password and from');
  const given = server.text('server', 'host') ?? server.fail('server', 'missing');
  const [, scheme, host = given, inHost] = /^(smtps?:\/\/)?([^:/\s]+)(?::(\d{1,5}))?\/?$/.exec(given) ?? [];
  const tls = scheme === 'smtps://';
  const security = tls ? 'tls' : /^(true|1|yes)$/i.test(server.text('tls') ?? '') ? 'starttls' : 'none';
  server.taken(
    'tls',
    `security: ${security}${security === 'none' ? ', in clear text' : ', and the certificate is checked'}`,
  );
  const user = server.text('username', 'user');
  const seconds = server.text('timeout');
  if (seconds !== undefined) server.taken('timeout', 'responseTimeout');
  const row = {
    bearer: 'smtp',
    host,
    port: server.number('port', 'port') ?? (inHost ? Number(inHost) : undefined),
    security,
    user,
    password: user ? (server.secret('password', 'password') ?? '') : undefined,
    from: server.text('sender', 'from') ?? server.fail('sender', 'missing: the sender of the mails'),
    to: settings.text('MAILTO', 'to') ?? settings.fail('MAILTO', 'missing: the recipient of the mails'),
    subject: braces(settings, 'SUBJECT') ?? '{phone}',
    body: braces(settings, 'BODY') ?? '{otp}',
    ...(seconds && /^\d{1,5}$/.test(seconds) ? { responseTimeout: `${seconds}s` } : {}),
  };
  server.rest();
  draft.note(
    settings.place,
    'changed',
    'texts go as they are, plain or quoted-printable, where privacyIDEA uses base64 always',
  );
  return row;
};

/** Doubled braces are Python's way to write one. */
const braces = (settings: Settings, key: string) =>
  settings.text(key, key.toLowerCase())?.replaceAll('{{', '{').replaceAll('}}', '}');

const script: Module = ({ settings }) => {
  const [name, background] = settings.has('SCRIPT') ? ['SCRIPT', 'BACKGROUND'] : ['script', 'background'];
  const program = settings.text(name!, 'script') ?? settings.fail(name!, "missing: the script's file name");
  if (settings.text(background!) === 'background')
    settings.changed(background!, 'Hermod waits for the end of the script, and its exit code counts');
  else if (settings.has(background!)) settings.taken(background!, 'what Hermod does always');
  return { bearer: 'script', script: program };
};

/** What older versions kept for the app: since then it is in the push policies of privacyIDEA. */
const OLDER = [
  'apikey',
  'apiios',
  'appid',
  'appidios',
  'projectid',
  'projectnumber',
  'registration URL',
  'time to live',
];

const firebase: Module = ({ draft, settings, owner }) => {
  const account =
    settings.text('JSON config file', 'serviceAccount') ??
    settings.fail('JSON config file', 'missing: the JSON file of the service account');
  const proxy = proxyAddress(draft, settings, 'httpsproxy', settings.text('httpsproxy'), owner);
  for (const key of OLDER)
    if (settings.has(key)) settings.dropped(key, 'for the registration of the app, which stays with privacyIDEA');
  draft.note(
    settings.place,
    'changed',
    'devices: privacyIDEA knows the token of each device: write numbers and tokens into devices.json',
  );
  return { bearer: 'push', serviceAccount: account, devices: 'devices.json', message: 'privacyidea', proxy };
};

export const MODULES: Readonly<Record<string, Module>> = {
  HttpSMS: http,
  SipgateSMS: sipgate,
  SmppSMS: smpp,
  SmtpSMS: smtp,
  ScriptSMS: script,
  Firebase: firebase,
};
