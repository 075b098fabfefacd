// `hermod import kannel`: kannel.conf. SMS centres become providers, sendsms-users clients, and
// sms-services rows of `incoming`; the rest says why it has no row.
import { type Draft, faultAt, type Row } from './draft.ts';
import { type Group, readConf } from './kannel-conf.ts';
import { addServices, readReplies } from './kannel-service.ts';
import { modemRow, smppRow } from './kannel-smsc.ts';
import { userRow } from './kannel-user.ts';
import type { Settings } from './settings.ts';
import type { Choices, Source } from './source.ts';

/** Adds the rows of all files to the draft; several files are one configuration. */
export function importKannel(draft: Draft, sources: readonly Source[], choices: Choices): void {
  const groups = sources.flatMap(({ file, text }) => readConf(draft, file, text));
  const first = { file: sources[0]?.file ?? '', line: 1 };
  if (!groups.some(({ kind }) => kind === 'core' || kind === 'smsc' || kind === 'sendsms-user'))
    throw faultAt(first, 'there is no group core, smsc or sendsms-user in it: is this a kannel.conf?');
  const of = (kind: string) => groups.filter((group) => group.kind === kind).map(({ settings }) => settings);
  const names = of('smsc').flatMap((settings) => addSmsc(draft, settings));
  let sender: string | undefined;
  for (const settings of of('smsbox')) sender = readSmsbox(draft, settings) ?? sender;
  for (const settings of of('sendsms-user')) addUser(draft, settings, sender);
  addServices(draft, of('sms-service'), choices);
  addRoutes(draft, names);
  for (const group of groups) leaveOut(group);
  for (const { settings } of groups) settings.rest();
}

const TYPES: Readonly<Record<string, (draft: Draft, settings: Settings) => Row | undefined>> = {
  smpp: smppRow,
  at: modemRow,
};

/** The name of the row; none when the SMS centre has no counterpart. */
function addSmsc(draft: Draft, settings: Settings): string[] {
  const type =
    settings.text('smsc') ?? settings.fail('smsc', 'missing: the type of the SMS centre, such as smpp or at');
  if (!Object.hasOwn(TYPES, type)) {
    const hint =
      type === 'http'
        ? 'write a row with bearer: http, by a preset or as a template'
        : type === 'fake'
          ? 'the sandbox takes its place'
          : 'this protocol is not spoken here';
    settings.dropped('smsc', hint);
    settings.rest(() => 'its SMS centre has no row');
    return [];
  }
  settings.taken('smsc', `bearer: ${type === 'at' ? 'modem' : 'smpp'}`);
  const row = TYPES[type]!(draft, settings);
  if (!row) return [];
  const id = settings.text('smsc-id', "the provider's name") ?? (type === 'at' ? 'modem' : type);
  return [
    draft.add('providers', settings.place, id, {
      bearer: type === 'at' ? 'modem' : 'smpp',
      ...row,
      ...prefixesOf(settings),
    }),
  ];
}

/** `+44;0044` → what begins with 44. */
function prefixesOf(settings: Settings): Row {
  const row: Row = {};
  for (const [key, name] of [
    ['allowed-prefix', 'allow'],
    ['denied-prefix', 'deny'],
    ['preferred-prefix', 'prefer'],
  ] as const) {
    const given = settings.text(key);
    if (given === undefined) continue;
    const list = given.split(';').map((one) => one.trim().replace(/^(\+|00)/, ''));
    if (list.some((one) => !/^\d{1,15}$/.test(one)))
      settings.fail(key, 'leading digits of numbers belong here, with ; between them');
    row[name] = { prefixes: [...new Set(list)] };
    settings.taken(key, `${name}.prefixes, of numbers in E.164`);
  }
  return row;
}

/** The door; gives the global sender. */
function readSmsbox(draft: Draft, settings: Settings): string | undefined {
  const port = settings.number('sendsms-port', 'listen.http.port');
  const host = settings.text('sendsms-interface', 'listen.http.host') ?? '0.0.0.0';
  if (port !== undefined) draft.listen = { http: { host, port } };
  if (port !== undefined && !settings.has('sendsms-interface'))
    settings.changed('sendsms-port', 'Kannel listens on all addresses, and so does this: listen.http.host');
  const url = settings.text('sendsms-url');
  if (url !== undefined && url !== '/cgi-bin/sendsms') settings.changed('sendsms-url', 'here it is /cgi-bin/sendsms');
  const why: Record<string, string> = {
    'bearerbox-host': 'there is no bearerbox: services meet at RabbitMQ',
    'sendsms-chars': 'numbers are read as E.164, with blanks, dashes and brackets between their digits',
    'white-list': 'a white list belongs to a client: whiteList',
    'black-list': 'a black list belongs to a client: blackList',
    'log-file': LOGS,
    'log-level': LOGS,
    'access-log': ACCESS,
  };
  for (const [key, words] of Object.entries(why)) if (settings.has(key)) settings.dropped(key, words);
  readReplies(draft, settings);
  return settings.text('global-sender', 'sender, of the clients without one of their own');
}

function addUser(draft: Draft, settings: Settings, sender: string | undefined): void {
  const { name, row } = userRow(draft, settings, sender);
  const called = draft.add('clients', settings.place, name, row);
  if (called !== name) settings.warn('username', `programs have to log in as ${called} from now on`);
  const smsc = settings.text('default-smsc');
  if (smsc === undefined) return;
  const provider = draft.providerOf(smsc);
  if (provider === undefined) {
    settings.dropped('default-smsc', 'no SMS centre that has a row has this smsc-id');
    return;
  }
  draft.routes.push({ when: { client: called }, to: [provider] });
  settings.taken('default-smsc', 'a route of this client');
}

/** Kannel spreads over all SMS centres that take a message. */
function addRoutes(draft: Draft, names: readonly string[]): void {
  if (names.length === 0) return;
  draft.routes.push({ to: names.length === 1 ? [names[0]!] : [Object.fromEntries(names.map((name) => [name, 1]))] });
}

const LOGS = 'logs are JSON lines on stdout; HERMOD_LOG_LEVEL says how many';
const ACCESS = 'HERMOD_ACCESS_LOG=FILE writes one line for each message';
const QUEUES = 'accepted messages are in RabbitMQ, and what happened to them in the ledger';
const ADMIN = 'administration is the command hermod, /live, /ready and /metrics: listen.admin';

const CORE: readonly [RegExp, string][] = [
  [/^(admin-|status-)/, ADMIN],
  [/^(smsbox-|wapbox-|box-)/, 'there are no boxes: services meet at RabbitMQ'],
  [/^(log-|syslog)/, LOGS],
  [/^access-log/, ACCESS],
  [/^(store-|dlr-storage|sms-resend|maximum-queue)/, QUEUES],
  [/^(white-list|black-list)/, 'a list belongs to a client: whiteList or blackList'],
  [/^unified-prefix/, 'numbers are made international by the country of the client'],
];

function leaveOut({ kind, settings }: Group): void {
  if (kind === 'core') settings.rest((key) => CORE.find(([pattern]) => pattern.test(key))?.[1] ?? 'no counterpart');
  else if (kind === 'modems') leaveModem(settings);
  else if (/^(dlr-db|store-db|.*-connection)$/.test(kind)) settings.rest(() => QUEUES);
}

function leaveModem(settings: Settings): void {
  settings.rest(() => 'modem types are built in, and modemType: auto asks the device');
}
