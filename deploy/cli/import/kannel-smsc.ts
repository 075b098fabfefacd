// Kannel's SMS centres over SMPP, and its modems, as rows of providers.
import type { Draft, Row } from './draft.ts';
import type { Settings } from './settings.ts';

const MODEM_TYPES = ['auto', 'wavecom', 'siemens', 'siemens-tc35', 'falcom', 'nokiaphone', 'ericsson'];
/** Kannel's own window when the file says none. */
const WINDOW = 10;

export const isYes = (value: string | undefined) => /^(true|yes|on|1)$/i.test(value ?? '');

/** What a document shows in place of a value. */
function masked(settings: Settings, key: string): void {
  if (/\*{3,}/.test(String(settings.raw(key) ?? '')))
    settings.fail(key, 'the value is hidden behind asterisks: write the true one');
}

const seconds = (settings: Settings, key: string, into: string) => {
  const n = settings.number(key, into);
  return n === undefined ? undefined : `${n}s`;
};

export function smppRow(_draft: Draft, settings: Settings): Row {
  for (const key of ['host', 'smsc-username', 'smsc-password']) masked(settings, key);
  const receivePort = settings.number('receive-port');
  const port = settings.number('port', 'port') ?? receivePort;
  const transceiver = isYes(settings.text('transceiver-mode'));
  const both = !transceiver && receivePort !== undefined && settings.has('port');
  const bindAs = transceiver ? 'transceiver' : both ? 'transmitter+receiver' : 'transmitter';
  if (settings.has('transceiver-mode')) settings.taken('transceiver-mode', `bindAs: ${bindAs}`);
  else if (!both)
    settings.changed(
      'port',
      'without transceiver-mode and receive-port it is bindAs: transmitter; for receipts set transceiver',
    );
  if (settings.has('receive-port')) settings.taken('receive-port', both ? 'receiver.port' : 'port');
  const tls = isYes(settings.text('use-ssl'));
  if (settings.has('use-ssl')) settings.taken('use-ssl', tls ? 'tls, and the certificate is checked' : 'off, as unset');
  const pem = settings.text('ssl-client-certkey-file');
  if (pem !== undefined) settings.taken('ssl-client-certkey-file', 'tls.cert and tls.key, both in this file');
  return {
    host: settings.text('host', 'host') ?? settings.fail('host', 'missing: the host of the SMS centre'),
    port,
    receiver: both && receivePort !== port ? { port: receivePort } : undefined,
    bindAs,
    tls: tls ? { ...(pem ? { cert: pem, key: pem } : {}) } : undefined,
    systemId: settings.text('smsc-username', 'systemId') ?? '',
    password: settings.secret('smsc-password', 'password'),
    systemType: settings.text('system-type', 'systemType'),
    serviceType: settings.text('service-type', 'serviceType'),
    version: versionOf(settings),
    source: addressOf(settings, 'source-addr', 'source'),
    destination: addressOf(settings, 'dest-addr', 'destination'),
    encoding: encodingOf(settings),
    binds: settings.number('instances', 'binds'),
    window: settings.number('max-pending-submits', 'window') ?? WINDOW,
    rate: rateOf(settings),
    enquireLink: seconds(settings, 'enquire-link-interval', 'enquireLink'),
    responseTimeout: seconds(settings, 'wait-ack', 'responseTimeout'),
    receiptIds: receiptIdsOf(settings),
    ...unfit(settings),
  };
}

/** Settings that a row has no place for. */
function unfit(settings: Settings): Row {
  const why: Record<string, string> = {
    'address-range': 'the bind names no range: every number of the account is delivered',
    'my-number': 'over SMPP the sender is the client’s, or one of the row’s senders',
    'reconnect-delay': 'it is tried again at once, and then with growing pauses',
    'source-addr-autodetect': 'letters make a sender alphanumeric always',
    validityperiod: 'validity belongs to the client',
    'allowed-smsc-id': 'requests choose by routes, or by smsc in the request',
    'denied-smsc-id': 'requests choose by routes, or by smsc in the request',
    'preferred-smsc-id': 'requests choose by routes, or by smsc in the request',
  };
  for (const [key, words] of Object.entries(why)) if (settings.has(key)) settings.dropped(key, words);
  return {};
}

export function rateOf(settings: Settings): string | undefined {
  const given = settings.text('throughput', 'rate');
  if (given === undefined || Number(given) === 0) return undefined;
  if (!/^\d{1,7}(\.\d{1,3})?$/.test(given))
    return settings.fail('throughput', 'messages in a second belong here, such as 10');
  return `${given}/s`;
}

function versionOf(settings: Settings): string | undefined {
  const given = settings.text('interface-version');
  if (given === undefined) return undefined;
  const version =
    { '33': '3.3', '34': '3.4', '50': '5.0' }[given] ?? settings.fail('interface-version', '33, 34 or 50 belongs here');
  settings.taken('interface-version', 'version');
  return version;
}

function addressOf(settings: Settings, prefix: string, name: string): Row | undefined {
  const [ton, npi] = [settings.number(`${prefix}-ton`, `${name}.ton`), settings.number(`${prefix}-npi`, `${name}.npi`)];
  return ton === undefined && npi === undefined ? undefined : { ton, npi };
}

function encodingOf(settings: Settings): string | undefined {
  const given = settings.text('alt-charset');
  if (given === undefined) return undefined;
  const latin1 = /^(iso-?8859-?1|latin-?1|windows-1252)$/i.test(given);
  if (latin1) settings.taken('alt-charset', 'encoding: latin1, with data_coding 0 as before');
  else settings.dropped('alt-charset', 'texts are in GSM 03.38, in ISO-8859-1 with encoding: latin1, or in UCS-2');
  return latin1 ? 'latin1' : undefined;
}

/** The first bit is about the answer, the second about the receipt: hex when set. */
function receiptIdsOf(settings: Settings): string | undefined {
  const n = settings.number('msg-id-type', 'receiptIds');
  return n === undefined
    ? undefined
    : (['same', 'decimal', 'hex', 'same'][n] ?? settings.fail('msg-id-type', '0 to 3 belongs here'));
}

export function modemRow(_draft: Draft, settings: Settings): Row | undefined {
  const device = settings.text('device') ?? settings.fail('device', 'missing: such as /dev/ttyUSB0');
  if (!device.startsWith('/')) {
    settings.dropped('device', 'a modem over the network has no row: only a device of this machine');
    settings.rest(() => 'its modem has no row');
    return undefined;
  }
  settings.taken('device', 'device; best by its name under /dev/serial/by-id');
  const type = settings.text('modemtype') ?? 'auto';
  const known = MODEM_TYPES.includes(type);
  if (known) settings.taken('modemtype', 'modemType');
  else settings.changed('modemtype', 'this type is not built in: modemType: auto asks the device');
  const centre = settings.text('sms-center', 'smsc');
  const why: Record<string, string> = {
    keepalive: 'an idle modem is asked every checkEvery',
    'sim-buffering': 'messages on the SIM are read always',
    validityperiod: 'validity belongs to the client',
  };
  for (const [key, words] of Object.entries(why)) if (settings.has(key)) settings.dropped(key, words);
  return {
    device,
    modemType: known ? type : 'auto',
    speed: settings.number('speed', 'speed') || undefined,
    pin: settings.secret('pin', 'pin'),
    smsc: centre === undefined || centre.startsWith('+') ? centre : `+${centre}`,
    myNumber: settings.text('my-number', 'myNumber, the sender of all that goes out'),
    rate: rateOf(settings),
  };
}
