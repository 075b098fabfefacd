// Marked texts, numbers and secrets go through every door and bearer, also wrongly, and then are looked for in all that others
// read: logs at their lowest level, metrics, traces, the broker's listings and logs, error answers, listings of API, console
// and command line, the database. Stated exceptions: bodies of queues, which only their readers get; in the database numbers,
// until retention cuts them, and addresses of callbacks.
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'amqplib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hashPassword } from '#shared/doors/credentials.ts';
import { newKey, newWebhookSecret } from '#shared/doors/keys.ts';
import { LEDGER, routerQueue } from '#shared/topology.ts';
import { type PrivateNode, startPrivateNode } from '../../deploy/broker/node.ts';
import { type Child, startChild } from '../../deploy/child.ts';
import { Esme } from '../peers/esme.ts';
import { type HttpProvider, startHttpProvider } from '../peers/http-provider.ts';
import { type MailGateway, startMailGateway } from '../peers/mail-gateway.ts';
import { open } from '../peers/smtp-client.ts';
import { type Hit, type Mark, scan } from '../rig/canary.ts';
import { visitor } from '../rig/console.ts';
import { runHermod } from '../rig/hermod.ts';
import { freePort } from '../rig/port.ts';
import { rabbitmqctl } from '../rig/rabbitmqctl.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const SERVICES = 'ledger notifier router egress-smpp egress-http egress-smtp egress-script'.split(' ');
const DOORS = 'ingress-http ingress-smtp ingress-smpp ingress-dlr console'.split(' ');
/** The texts' own words; each message has one of them. */
const words = (of: string) => `Qanary ${of} 7194`;
const KEY = newKey();
const SECRETS = {
  'password of a client': 'pw-Qanary-client',
  'wrong password': 'pw-Qanary-wrong',
  'API key': KEY.key,
  'webhook secret': newWebhookSecret(),
  'SMPP password': 'Qan-smpp',
  'key of an HTTP provider': 'key-Qanary-http',
  'password of a mail gateway': 'pw-Qanary-mail',
  'token of callbacks': 'tok-Qanary-callbacks-0123456789',
  'password of the admin commands': 'pw-Qanary-admin',
  'password at the console': 'pw-Qanary-console',
  'key of the ledger': 'key-Qanary-ledger-0123456789-0123456789',
  'password in a dlr-url': 'pw-Qanary-dlrurl',
};
/** Three of them begin as no other does, for a route of their own. */
const NUMBERS = Array.from(
  { length: 16 },
  (_, i) => `447${{ 5: '711', 6: '722', 7: '733' }[i] ?? '700'}9871${String(i).padStart(2, '0')}`,
);
const TEXTS = [
  'http',
  'rest',
  'shape',
  'mail',
  'smpp',
  'provider',
  'script',
  'gateway',
  'refused',
  'held',
  'dead',
  'news',
];
const secretMarks: Mark[] = Object.entries(SECRETS).map(([name, value]) => ({ name, value }));
const textMarks: Mark[] = TEXTS.map((of) => ({ name: `text ${of}`, value: words(of) }));
const numberMarks: Mark[] = NUMBERS.map((value) => ({ name: `number ${value}`, value }));
const all = [...secretMarks, ...textMarks, ...numberMarks];

const dir = mkdtempSync(join(tmpdir(), 'hermod-canary-'));
const theirs = process.env.AMQP_URL;
const ports = { http: 0, smtp: 0, smpp: 0, dlr: 0, console: 0, kannelAdmin: 0 };
const children: Child[] = [];
const admins: number[] = [];
/** What others read, by its place. */
const told = new Map<string, string>();
const tell = (place: string, more: string) => void told.set(place, (told.get(place) ?? '') + more);
let node: PrivateNode;
let rig: Rig;
let gateway: MailGateway;
let provider: HttpProvider;
let receiver: Receiver;
let collector: Server;

beforeAll(async () => {
  chmodSync(dir, 0o755);
  for (const name of Object.keys(ports)) ports[name as 'http'] = await freePort();
  collector = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => tell('traces', chunk.toString('latin1')));
    request.on('end', () => response.end('{}'));
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  mkdirSync(join(dir, 'scripts'), { mode: 0o755 });
  writeFileSync(join(dir, 'scripts/send'), '#!/bin/sh\nread text; echo "cannot send $text to $1" >&2; exit 67\n', {
    mode: 0o755,
  });
  [node, gateway, provider, receiver] = await Promise.all([
    startPrivateNode({ dir, say: () => {} }),
    startMailGateway({ login: { user: 'hermod', password: SECRETS['password of a mail gateway'] } }),
    // A provider that repeats all it was told.
    startHttpProvider(({ url, headers }) => ({
      status: 400,
      body: `no: ${decodeURIComponent(url)} ${JSON.stringify(headers)}`,
    })),
    startReceiver((response) => response.writeHead(500).end('away')),
  ]);
  process.env.AMQP_URL = node.url;
  const user = await hashPassword(SECRETS['password at the console']);
  rig = await startRig({
    services: [],
    waitForBind: false,
    settings: ({ providers }) => configuration(user, (providers.sandbox as { port: number }).port),
  });
  const env = {
    HERMOD_LOG_LEVEL: 'trace',
    HERMOD_ACCESS_LOG: '-',
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as { port: number }).port}`,
    OTEL_BSP_SCHEDULE_DELAY: '100',
  };
  for (const services of [SERVICES, DOORS]) {
    const adminPort = await freePort();
    const say = (line: string) => tell('logs', `${line}\n`);
    const child = startChild({
      services,
      configFile: rig.configFile,
      amqpUrl: node.url,
      adminPort,
      firstEnv: env,
      output: say,
      say,
    });
    children.push(child);
    await child.ready;
    admins.push(adminPort);
  }
  await until('the SMSC has a bind', () => rig.smsc.binds().now > 0);
}, 120_000);
afterAll(async () => {
  for (const child of children) await child.stop();
  await rig?.stop();
  for (const peer of [gateway, provider, receiver, node]) await peer?.stop();
  collector?.close();
  process.env.AMQP_URL = theirs;
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

function configuration(consolePassword: string, smsc: number): Record<string, unknown> {
  return {
    listen: {
      ...Object.fromEntries(['http', 'smtp', 'smpp', 'console'].map((name) => [name, { port: ports[name as 'http'] }])),
      smtp: { port: ports.smtp, auth: 'clear' },
      dlr: { port: ports.dlr, url: 'http://127.0.0.1/' },
      kannelAdmin: { port: ports.kannelAdmin, password: SECRETS['password of the admin commands'] },
      admin: { port: 0 },
    },
    clients: {
      tester: {
        password: SECRETS['password of a client'],
        keys: [KEY.digest],
        sender: '12345',
        callbacks: { allow: ['127.0.0.1'], secret: SECRETS['webhook secret'] },
      },
    },
    console: { users: { anna: { password: consolePassword, role: 'admin' } } },
    scripts: { folder: join(dir, 'scripts') },
    ledger: { key: SECRETS['key of the ledger'], file: join(dir, 'ledger.sqlite') },
    providers: {
      sandbox: {
        bearer: 'smpp',
        host: '127.0.0.1',
        port: smsc,
        systemId: 'hermod',
        password: SECRETS['SMPP password'],
      },
      acme: {
        bearer: 'http',
        url: `${provider.url}/send`,
        query: { key: SECRETS['key of an HTTP provider'], to: '{to}', msg: '{text}' },
        dlr: { token: SECRETS['token of callbacks'] },
        receipt: { id: 'mid', state: 'st', to: 'msisdn', states: { '1': 'delivered' } },
        incoming: { from: 'src', to: 'dst', text: 'txt', id: 'mo' },
      },
      mailed: {
        bearer: 'smtp',
        host: '127.0.0.1',
        port: gateway.port,
        user: 'hermod',
        password: SECRETS['password of a mail gateway'],
        security: 'none',
        from: 'otp@example.org',
        to: '{to}@sms.example.net',
      },
      script: { bearer: 'script', script: 'send' },
    },
    routes: [
      { when: { prefix: '447711' }, to: ['acme'] },
      { when: { prefix: '447722' }, to: ['script'] },
      { when: { prefix: '447733' }, to: ['mailed'] },
      { to: ['sandbox'] },
    ],
    traces: { urgent: 1, bulk: 1 },
  };
}

const PASSWORD = SECRETS['password of a client'];
const WRONG = SECRETS['wrong password'];
const basic = (password: string) => `Basic ${Buffer.from(`tester:${password}`).toString('base64')}`;
const at = (port: number, path: string) => `http://127.0.0.1:${port}${path}`;
const ids: string[] = [];

/** An answer; what is refused is read by others too: it goes into what is told. */
async function ask(url: string, init: RequestInit = {}): Promise<Response> {
  const answer = await fetch(url, init);
  const text = await answer.clone().text();
  if (answer.status >= 400) tell('error answers', `${answer.status} ${[...answer.headers].join()} ${text}\n`);
  return answer;
}
const sendsms = (to: string, text: string, more: Record<string, string> = {}) => {
  const query = new URLSearchParams({ username: 'tester', password: PASSWORD, to, text, ...more });
  return ask(at(ports.http, `/cgi-bin/sendsms?${query}`));
};
const rest = (path: string, authorization: string, body?: object) =>
  ask(at(ports.http, path), {
    method: body ? 'POST' : 'GET',
    headers: { authorization, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
const keep = async (answer: Response) => {
  expect(answer.status).toBe(202);
  ids.push(...(answer.headers.get('x-message-id') ?? '').split(',').filter(Boolean));
};

test('every door and every bearer has had marked messages, and so have refusals and dead letters', async () => {
  const dlrUrl = `http://anna:${SECRETS['password in a dlr-url']}@127.0.0.1:${receiver.port}/told?to=%p&text=%a`;
  await keep(await sendsms(NUMBERS[0]!, words('http'), { 'dlr-mask': '31', 'dlr-url': dlrUrl }));
  await keep(await sendsms(NUMBERS[5]!, words('provider')));
  await keep(await sendsms(NUMBERS[6]!, words('script')));
  await keep(await sendsms(NUMBERS[7]!, words('gateway')));
  await keep(await sendsms(NUMBERS[8]!, words('held'), { deferred: '60' }));
  expect((await sendsms(NUMBERS[9]!, words('refused'), { password: WRONG })).status).toBe(403);
  expect((await sendsms(NUMBERS[9]!, words('refused'), { coding: '9' })).status).toBe(400);
  expect((await sendsms(`${NUMBERS[9]} x`, words('refused'))).status).toBe(400);

  const body = { to: [`+${NUMBERS[1]}`], text: words('rest'), callback: at(receiver.port, '/events') };
  expect((await rest('/v1/messages', `Bearer ${KEY.key}`, body)).status).toBe(202);
  for (const authorization of [`Bearer ${WRONG}`, basic(WRONG)])
    expect((await rest('/v1/messages', authorization, { ...body, text: words('refused') })).status).toBe(401);
  expect((await rest('/v1/messages', basic(PASSWORD), { ...body, text: [words('refused')] })).status).toBe(400);
  expect((await rest('/rest/message', basic(PASSWORD), { to: [NUMBERS[2]], text: words('shape') })).status).toBe(202);

  const mail = await open(ports.smtp);
  const login = (password: string) => `AUTH PLAIN ${Buffer.from(`\0tester\0${password}`).toString('base64')}`;
  tell('error answers', (await mail.say(login(WRONG))).text);
  expect((await mail.say(login(PASSWORD))).code).toBe(235);
  const taken = await mail.mail('a@example.org', [`${NUMBERS[3]}@sms.example`], `Subject: x\r\n\r\n${words('mail')}`);
  tell('error answers', taken.code === 250 ? '' : taken.text);
  tell('error answers', (await mail.mail('a@example.org', ['nobody@example.org'], words('refused'))).text);
  mail.close();
  expect(taken.code).toBe(250);

  const wrong = await Esme.connect(ports.smpp);
  expect((await wrong.bind('bind_transceiver', { systemId: 'tester', password: WRONG })).status).not.toBe(0);
  wrong.close();
  const esme = await Esme.connect(ports.smpp);
  expect((await esme.bind('bind_transceiver', { systemId: 'tester', password: PASSWORD })).status).toBe(0);
  const submit = (to: string, of: string) =>
    esme.answerTo(esme.submit({ dest: { addr: to }, message: Buffer.from(words(of)), registered: 1 }));
  expect((await submit(NUMBERS[4]!, 'smpp')).status).toBe(0);
  expect((await submit(`${NUMBERS[9]}x`, 'refused')).status).not.toBe(0);
  esme.close();

  const token = SECRETS['token of callbacks'];
  const incoming = new URLSearchParams({ src: NUMBERS[10]!, dst: '12345', txt: words('news'), mo: '1' });
  expect((await ask(at(ports.dlr, `/dlr/acme/${token}?${incoming}`))).status).toBe(200);
  expect((await ask(at(ports.dlr, `/dlr/acme/${WRONG}?${incoming}`))).status).toBe(403);
  expect((await ask(at(ports.kannelAdmin, `/status?password=${WRONG}`))).status).not.toBe(500);
  expect(
    (await ask(at(ports.kannelAdmin, `/store-status?password=${SECRETS['password of the admin commands']}`))).ok,
  ).toBe(true);

  const model = await connect(node.url);
  const channel = await model.createConfirmChannel();
  const dead = { v: 1, type: 'sms', to: NUMBERS[11], text: words('dead'), password: PASSWORD };
  for (const queue of [routerQueue('urgent'), LEDGER])
    channel.sendToQueue(queue, Buffer.from(JSON.stringify([dead])), { persistent: true });
  await channel.waitForConfirms();
  await model.close();

  await until(
    'all that can arrive has arrived',
    () => {
      const texts = rig.smsc.received.map(({ shortMessage }) => shortMessage.toString());
      return (
        ['http', 'rest', 'shape', 'mail', 'smpp'].every((of) => texts.includes(words(of))) &&
        provider.calls.length > 0 &&
        gateway.taken.length > 0 &&
        receiver.seen.length > 1
      );
    },
    30_000,
  );
  await until(
    'the dead letters are there',
    () => (told.get('logs')?.match(/put aside as a dead letter/g)?.length ?? 0) >= 2,
  );
  for (const id of ids.slice(1, 4))
    await until(
      `${id} has its end`,
      async () => ((await (await rest(`/v1/messages/${id}`, basic(PASSWORD))).json()) as { final?: boolean }).final,
      30_000,
    );
}, 90_000);

test('what is listed and shown is collected: API, console, command line, metrics, the broker', async () => {
  for (const id of ids) tell('API', await (await rest(`/v1/messages/${id}`, basic(PASSWORD))).text());
  tell('API', await (await rest('/v1/messages?limit=100', basic(PASSWORD))).text());
  const anna = visitor(at(ports.console, ''));
  await anna
    .post('/api/login', { user: 'anna', password: WRONG })
    .then(({ body }) => tell('console', JSON.stringify(body)));
  expect((await anna.post('/api/login', { user: 'anna', password: SECRETS['password at the console'] })).status).toBe(
    200,
  );
  const paths = [
    'now',
    'messages',
    'letters',
    'audit',
    ...ids.flatMap((id) => [`messages/${id}`, `messages/${id}/why`]),
  ];
  for (const path of paths) tell('console', JSON.stringify((await anna.get(`/api/${path}`)).body));
  const run = (...args: string[]) => runHermod(['--config', rig.configFile, ...args], { AMQP_URL: node.url });
  for (const args of [
    ['refusals'],
    ['providers'],
    ['dead', 'list'],
    ['receipts'],
    ['find', NUMBERS[0]!.slice(-6)],
    ['status', ids[0]!],
  ]) {
    const { out, err } = await run(...args);
    expect(out + err, args.join(' ')).not.toBe('');
    tell('command line', out + err);
  }
  for (const port of admins)
    for (const path of ['/metrics', '/ready', '/live']) tell('metrics', await (await fetch(at(port, path))).text());
  const lists = [
    ['list_queues', 'name', 'arguments', 'policy', 'messages'],
    ['list_exchanges', 'name', 'arguments'],
    ['list_bindings'],
    ['list_connections', 'user', 'client_properties', 'peer_host'],
    ['list_channels', 'name', 'user'],
    ['list_consumers'],
  ];
  const listings = await Promise.all(lists.map((args) => rabbitmqctl(node, ...args)));
  expect(listings.join('')).toContain('egress.sandbox.urgent');
  tell('broker', listings.join('\n'));
  for (const file of readdirSync(join(node.home, 'log'))) {
    const path = join(node.home, 'log', file);
    if (file.endsWith('.log')) tell('broker', readFileSync(path, 'latin1'));
  }
  await until('traces have come', () => (told.get('traces')?.length ?? 0) > 1_000, 15_000);
}, 90_000);

const shown = (hits: Hit[]) => hits.map(({ mark, place, form, around }) => `${place}: ${mark} (${form}): …${around}…`);

test('none of the marks is anywhere that is read by others', () => {
  const places = ['logs', 'metrics', 'traces', 'broker', 'error answers', 'API', 'console', 'command line'];
  for (const place of places) expect(told.get(place)?.length, place).toBeGreaterThan(100);
  expect(told.get('logs')).toContain('"event":"accepted"');
  expect([...told.keys()].sort()).toEqual(places.sort());
  expect([...told].flatMap(([place, content]) => shown(scan(place, content, all)))).toEqual([]);
});

test('the database has what must be kept, and no text and no secret in plain', () => {
  const files = readdirSync(dir).filter((name) => name.startsWith('ledger.sqlite'));
  expect(files).toContain('ledger.sqlite-wal');
  const pages = Buffer.concat(files.map((name) => readFileSync(join(dir, name))));
  expect(scan('database', pages, numberMarks).length).toBeGreaterThan(5);
  // A message keeps the address of its callbacks, with the password that is needed there.
  const held = [...textMarks, ...secretMarks].filter(({ name }) => name !== 'password in a dlr-url');
  expect(shown(scan('database', pages, held))).toEqual([]);
});

test('the scanner sees: a mark in each form, anywhere in another text', () => {
  const [mark] = textMarks as [Mark];
  const packed = (text: string) => Buffer.from(text).toString('base64');
  const planted = [
    `{"msg":"${mark.value}"}`,
    `pdu ${Buffer.from(mark.value).toString('hex').toUpperCase()}00`,
    ...['', 'a', 'ab', 'abc'].map((before) => `auth ${packed(`${before}${mark.value}, and more`)}`),
    Buffer.from(mark.value, 'utf16le').swap16(),
    Buffer.from(`x${mark.value}`, 'utf16le'),
    Buffer.from(mark.value, 'utf16le').swap16().toString('hex'),
  ];
  for (const one of planted)
    expect([...new Set(scan('log', one, textMarks).map(({ mark: name }) => name))], String(one)).toEqual([mark.name]);
  expect(scan('log', 'nothing of the kind', all)).toEqual([]);
});
