// LinOTP's classes of SMS providers, each with what its configuration becomes here. Where LinOTP's own code and its
// documentation differ, the code decides, but for plain mistakes, which are said.
import type { Row } from './draft.ts';
import { timeoutsOf } from './http-row.ts';
import { http, rest } from './linotp-http.ts';
import { isTrue, numberOf, type Reader } from './linotp-number.ts';
import type { Settings } from './settings.ts';

const smtp: Reader = (_draft, settings) => {
  const server =
    settings.text('mailserver', 'host') ?? settings.fail('mailserver', 'missing: the host of the mail server');
  const from = settings.text('mailsender', 'from') ?? settings.fail('mailsender', 'missing: the sender of the mails');
  const to = settings.text('mailto', 'to') ?? settings.fail('mailto', 'missing: the recipient of the mails');
  const [, host = server, inHost] = /^([^:\s]+):(\d{1,5})$/.exec(server) ?? [];
  const security = isTrue(settings, 'use_ssl') ? 'tls' : isTrue(settings, 'start_tls') ? 'starttls' : 'none';
  for (const key of ['use_ssl', 'start_tls']) if (settings.has(key)) settings.taken(key, `security: ${security}`);
  if (security === 'none')
    settings.changed('mailserver', 'without start_tls or use_ssl: security: none, in clear text');
  else settings.changed(security === 'tls' ? 'use_ssl' : 'start_tls', 'the certificate is checked here');
  const pems = { cert: settings.text('certfile'), key: settings.text('keyfile') };
  for (const [key, name] of [
    ['certfile', 'cert'],
    ['keyfile', 'key'],
  ] as const) {
    if (!settings.has(key)) continue;
    if (security === 'starttls') settings.taken(key, `tls.${name}`);
    else settings.dropped(key, 'only start_tls has a use for it');
  }
  const tls = security === 'starttls' && (pems.cert || pems.key) ? pems : undefined;
  const user = settings.text('mailuser', 'user');
  if (settings.has('raise_exception'))
    settings.dropped('raise_exception', 'another provider is tried after every failure');
  return {
    bearer: 'smtp',
    host,
    port: settings.number('mailserver_port', 'port') ?? (inHost ? Number(inHost) : undefined),
    security,
    tls,
    user,
    password: user ? (settings.secret('mailpassword', 'password') ?? '') : undefined,
    from,
    to,
    subject: settings.text('subject', 'subject') ?? '[LinOTP]',
    body: settings.text('body', 'body') ?? '<otp>',
    number: numberOf(settings),
    ...responseTimeout(settings),
  };
};

function responseTimeout(settings: Settings): Row {
  const given = timeoutsOf(settings, settings.has('TIMEOUT') ? 'TIMEOUT' : 'timeout').timeout;
  return given === undefined ? {} : { responseTimeout: given };
}

const LATIN1 = /^(iso-?8859-?1|latin-?1|l1|ascii|us-ascii)$/i;

const smpp: Reader = (_draft, settings) => {
  const host = settings.text('server', 'host') ?? settings.fail('server', 'missing: the host of the SMS centre');
  const port = settings.number('port', 'port') ?? 5_100;
  const sender = settings.text('source_addr', 'senders: the sender of every message');
  const ton = {
    ton: settings.number('source_addr_ton', 'source.ton') ?? 1,
    npi: settings.number('source_addr_npi', 'source.npi') ?? 1,
  };
  const destination = {
    ton: settings.number('dest_addr_ton', 'destination.ton') ?? 1,
    npi: settings.number('dest_addr_npi', 'destination.npi') ?? 1,
    plus: true,
  };
  const numeric = sender === undefined || /^\+?\d+$/.test(sender);
  if (!numeric && (ton.ton !== 5 || ton.npi !== 0))
    settings.changed('source_addr', 'a sender with letters goes with TON 5 and NPI 0');
  const encoding = settings.text('target_encoding');
  if (encoding !== undefined) {
    if (LATIN1.test(encoding)) settings.taken('target_encoding', 'encoding: latin1');
    else settings.changed('target_encoding', 'encoding: latin1; UCS-2 takes what that cannot write');
  }
  settings.changed('server', 'long texts go as one SMS in parts, where LinOTP sends several; binds stay open');
  return {
    bearer: 'smpp',
    host,
    port,
    systemId: settings.text('system_id', 'systemId') ?? settings.fail('system_id', 'missing: the name of the account'),
    password: settings.secret('password', 'password'),
    systemType: settings.text('system_type', 'systemType'),
    senders: sender === undefined ? undefined : { '*': sender },
    source: numeric ? ton : undefined,
    destination,
    storeAndForward: false,
    encoding: 'latin1',
    number: numberOf(settings),
    ...responseTimeout(settings),
  };
};

const device: Reader = (_draft, settings) => {
  const smsc = settings.text('SMSC', 'smsc');
  return {
    bearer: 'modem',
    gnokii: {
      config: settings.text('CONFIGFILE', 'gnokii.config') ?? settings.fail('CONFIGFILE', 'missing: the gnokiirc'),
    },
    smsc: smsc === undefined || smsc.startsWith('+') ? smsc : `+${smsc}`,
  };
};

const file: Reader = (_draft, settings) => {
  settings.dropped('file', 'a provider that writes files is for tests: there is no row for it');
  return undefined;
};

export const CLASSES: Readonly<Record<string, { read: Reader; knownBy: string; bearer: string }>> = {
  RestSMS: { read: rest, knownBy: 'PAYLOAD', bearer: 'http' },
  HttpSMS: { read: http, knownBy: 'URL', bearer: 'http' },
  SmtpSMS: { read: smtp, knownBy: 'mailserver', bearer: 'smtp' },
  SMPPSMS: { read: smpp, knownBy: 'system_id', bearer: 'smpp' },
  DeviceSMS: { read: device, knownBy: 'CONFIGFILE', bearer: 'modem' },
  FileSMS: { read: file, knownBy: 'file', bearer: '' },
};
