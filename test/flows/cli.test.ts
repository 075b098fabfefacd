// `hermod`, run as a person or a script runs it: a process of its own, its output and its exit code.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'amqplib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { declareTopology } from '#shared/bus/declared.ts';
import { loadConfig, parseConfig } from '#shared/config/load.ts';
import { openCredentials } from '#shared/doors/credentials.ts';
import { openKeys } from '#shared/doors/keys.ts';
import { newId } from '#shared/messages/id.ts';
import { deadQueue, egressQueue, LEDGER, retryQueue, routerQueue, topologyOf } from '#shared/topology.ts';
import { type Ran, runHermod } from '../rig/hermod.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

type Surroundings = { env?: Record<string, string>; input?: string; cwd?: string };

let rig: Rig;
let empty: string;

beforeAll(async () => {
  process.env.HERMOD_PROVIDERS = 'sandbox';
  rig = await startRig({
    settings: (standard) => ({
      ...standard,
      providers: { ...standard.providers, spare: { bearer: 'smpp', host: '127.0.0.1', port: 9, systemId: 'hermod' } },
    }),
  });
  empty = mkdtempSync(join(tmpdir(), 'hermod-cli-'));
});
afterAll(async () => {
  delete process.env.HERMOD_PROVIDERS;
  rmSync(empty, { recursive: true, force: true });
  await rig.stop();
});

/** With the rig's configuration and broker, unless `env` says otherwise. */
const hermod = (args: string[], { env, input = '', cwd = empty }: Surroundings = {}): Promise<Ran> =>
  runHermod(args, env ?? { HERMOD_CONFIG: rig.configFile, AMQP_URL: rig.amqpUrl }, { input, cwd });

const oneLine = (ran: Ran, code: number, what: RegExp) => {
  expect(ran).toMatchObject({ code, out: '' });
  expect(ran.err).toMatch(/^hermod: [^\n]+\n$/);
  expect(ran.err).toMatch(what);
};

/** Puts a message on a queue as it is. */
async function put(queue: string, content: string, properties: { type?: string } = {}): Promise<void> {
  const model = await connect(rig.amqpUrl);
  const channel = await model.createConfirmChannel();
  channel.sendToQueue(queue, Buffer.from(content), { persistent: true, ...properties });
  await channel.waitForConfirms();
  await model.close();
}

const inQueue = async (queue: string): Promise<number> => {
  const model = await connect(rig.amqpUrl);
  try {
    return (await (await model.createChannel()).checkQueue(queue)).messageCount;
  } finally {
    await model.close();
  }
};

const smsTo = (to: string, more: Record<string, unknown> = {}) => ({
  v: 1,
  type: 'sms',
  id: newId(),
  handover: 2,
  attempts: 0,
  expiry: Date.now() + 600_000,
  at: Date.now(),
  traceparent: '',
  client: 'tester',
  door: 'http',
  lane: 'urgent',
  to,
  given: to,
  from: '12345',
  text: 'Your code is 424242',
  segments: 1,
  ...more,
});

test('help, version and wrong usage', async () => {
  const [help, version, nothing, unknown, missing, sendHelp] = await Promise.all([
    hermod(['help']),
    hermod(['--version']),
    hermod([]),
    hermod(['provider']),
    hermod(['status']),
    hermod(['send', '--help']),
  ]);
  expect(help).toMatchObject({ code: 0, out: expect.stringContaining('Exit codes: 0 fine, 1 a fault') });
  expect(version).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  expect(nothing).toMatchObject({ code: 2, out: '', err: expect.stringContaining('Usage: hermod') });
  expect(unknown).toMatchObject({ code: 2, out: '', err: expect.stringContaining("unknown command 'provider'") });
  oneLine(missing, 2, /missing required argument 'id'/);
  expect(sendHelp).toMatchObject({
    code: 0,
    out: expect.stringMatching(/HERMOD_PASSWORD[\s\S]*Example:\n {2}hermod send/),
  });
});

test('check says what is wrong, and what is hardly meant', async () => {
  const wrong = join(empty, 'wrong.yaml');
  writeFileSync(wrong, 'clients:\n  a: { password: x, snder: y }\nroutes:\n  - to: [nobody]\n');
  const [fine, faulty, schema, none] = await Promise.all([
    hermod(['check']),
    hermod(['check', wrong, '--json']),
    hermod(['check', '--schema']),
    hermod(['check'], { env: {} }),
  ]);
  expect(fine).toMatchObject({ code: 0, out: `${rig.configFile}: fine: 1 client, 2 providers, 1 route\n` });
  expect(fine.err).toMatch(/warning: clients tester: password in plain text/);
  expect(fine.err).toMatch(/warning: provider spare: no route leads to it/);
  expect(faulty).toMatchObject({ code: 1, err: expect.stringContaining(':2: clients.a.snder: no such setting') });
  expect(faulty.json()).toMatchObject({ ok: false, faults: [expect.stringContaining('sender')] });
  expect(schema.json()).toMatchObject({ type: 'object', properties: { clients: {} } });
  oneLine(none, 1, /no configuration: name it with --config or HERMOD_CONFIG/);
});

test('check warns of a client that no route can match', async () => {
  const file = join(empty, 'gateway.yaml');
  writeFileSync(file, 'clients: { a: { password: x }, b: { password: x, lane: bulk } }\nproviders: {}\nroutes: []\n');
  const { code, err } = await hermod(['check'], { env: {} });
  rmSync(file);
  expect({ code, warnings: err.match(/client . \(lane \w+\)/g) }).toEqual({
    code: 0,
    warnings: ['client a (lane urgent)', 'client b (lane bulk)'],
  });
});

test('setup declares what is missing', async () => {
  const queue = retryQueue('bulk', 4);
  const model = await connect(rig.amqpUrl);
  await (await model.createChannel()).deleteQueue(queue);
  await model.close();
  expect(await hermod(['setup'])).toMatchObject({
    code: 0,
    out: expect.stringContaining('declared, some of them new'),
  });
  expect(await inQueue(queue)).toBe(0);
  expect(await hermod(['setup'])).toMatchObject({ code: 0, out: expect.stringContaining('all there already') });
});

test('password prints a line that the doors accept', async () => {
  const { code, out } = await hermod(['password'], { input: 'pa$$ word\n' });
  expect(code).toBe(0);
  const client = { password: out.trim() } as never;
  expect(await openCredentials({ a: client }).verify('a', 'pa$$ word', '127.0.0.1')).toBeTruthy();
  oneLine(await hermod(['password'], { input: 'one\ntwo\n' }), 2, /more than one line/);
});

test('key and webhook-secret print what the configuration takes', async () => {
  const { key, digest } = JSON.parse((await hermod(['key', '--json'])).out);
  const secret = (await hermod(['webhook-secret'])).out.trim();
  const yaml = JSON.stringify({ clients: { a: { password: 'x', keys: [digest], callbacks: { secret } } } });
  const { clients } = parseConfig(yaml, 'gateway.yaml', {});
  expect(openKeys(clients)(key)?.name).toBe('a');
  expect((await hermod(['key'])).out).toMatch(
    /^for the client {2}hermod_[\w-]{43}\nfor its `keys` {2}sha256\$[\w-]{43}\n$/,
  );
});

test('a message is sent, followed, found and told', async () => {
  const sent = await hermod(['send', '--to', '+447700900123', '--text', 'Grüße €', '--receipt', '--wait', '20']);
  expect(sent).toMatchObject({ code: 0, err: '' });
  const [id = '', ...events] = sent.out.trim().split('\n');
  expect(events.map((line) => line.split(/\s+/)[1])).toEqual(['accepted', 'submitted', 'receipt', 'delivered']);
  expect(sent.out).not.toContain('\x1b');
  expect(sent.out).not.toContain('447700900123');

  const [status, found, none, nobody] = await Promise.all([
    hermod(['status', id]),
    hermod(['find', '900 123', '--since', '1h', '--json']),
    hermod(['status', newId()]),
    hermod(['find', '900999']),
  ]);
  expect(status.code).toBe(0);
  expect(status.out).toMatch(new RegExp(`^${id}  delivered \\d+ s ago\n`));
  for (const event of events) expect(status.out).toContain(event);
  expect(found.json()).toMatchObject([
    { id, client: 'tester', provider: 'sandbox', state: 'delivered', to: '4477..23' },
  ]);
  oneLine(none, 3, /no message has the id/);
  oneLine(nobody, 3, /no message to ..99/);
});

test('a scheduled message is cancelled; what is on its way is not; receipts and queues that belong to nobody', async () => {
  const { ids } = await rig.send({ to: '+447700900321', text: 'later', deferred: '5' });
  await until('the ledger knows it', () => rig.message(ids[0]!));
  const cancelled = await hermod(['cancel', ids[0]!]);
  expect(cancelled).toMatchObject({ code: 0, out: `${ids[0]}  cancelled\n` });
  expect(await rig.message(ids[0]!)).toMatchObject({ state: 'cancelled', final: true });
  const sent = await rig.send({ to: '+447700900321', text: 'now' });
  await rig.final(sent.ids[0]!);
  const [late, unknown, wrong, receipts, prune] = await Promise.all([
    hermod(['cancel', sent.ids[0]!]),
    hermod(['cancel', newId(1)]),
    hermod(['cancel', 'x']),
    hermod(['receipts']),
    hermod(['queues', 'prune']),
  ]);
  oneLine(late, 1, /too late/);
  oneLine(unknown, 3, /no message has the id/);
  oneLine(wrong, 2, /is no message id/);
  expect(receipts).toMatchObject({ code: 0, out: 'every receipt has found its message\n' });
  expect(prune).toMatchObject({ code: 0, out: 'no provider that was removed has a queue\n' });
});

test('the queues of a removed provider are deleted when they are empty', async () => {
  // `spare` is configured where the ledger runs, and no longer where this command looks.
  const file = join(empty, 'without-spare.yaml');
  writeFileSync(file, 'providers: { sandbox: { bearer: smpp } }\n');
  const queue = egressQueue('spare', 'bulk');
  await put(queue, '[]', { type: 'sms' });
  const env = { HERMOD_CONFIG: file, AMQP_URL: rig.amqpUrl };
  const first = await hermod(['queues', 'prune', '--json'], { env });
  expect(first.json()).toMatchObject([
    { queue: egressQueue('spare', 'urgent'), deleted: true },
    { queue, messages: 1, deleted: false },
  ]);
  await declareTopology(rig.amqpUrl, topologyOf(loadConfig(rig.configFile).config));
});

test('sending needs the right client, password and door', async () => {
  const send = ['send', '--to', '+447700900123', '--text', 'x'];
  const config = { HERMOD_CONFIG: rig.configFile };
  const [plain, refused, noClient, noDoor, inUrl, noText] = await Promise.all([
    hermod([...send, '--json'], { env: config }),
    hermod(send, { env: { ...config, HERMOD_PASSWORD: 'wrong' } }),
    hermod([...send, '--client', 'nobody'], { env: config }),
    hermod([...send, '--url', 'http://127.0.0.1:9'], { env: config }),
    hermod([...send, '--url', 'http://tester:foobar@127.0.0.1:9'], { env: config }),
    hermod([...send.slice(0, 4), ''], { env: config }),
  ]);
  expect(plain.json()).toEqual({ ids: [expect.stringMatching(/^[0-9a-f-]{36}$/)], answer: '0: Accepted for delivery' });
  oneLine(refused, 1, /refuses client tester: wrong name or password/);
  oneLine(noClient, 3, /there is no client nobody in .*: tester/);
  oneLine(noDoor, 1, /no answer from http:\/\/127\.0\.0\.1:9/);
  oneLine(inUrl, 2, /no password in --url/);
  oneLine(noText, 1, /400 Empty text/);
});

test('a paused provider gets nothing until it is resumed', async () => {
  const rows = async () => (await hermod(['providers', '--json'])).json() as { provider: string; state: string }[];
  const [up, unknown] = await Promise.all([rows(), hermod(['pause', 'nobody'])]);
  expect(up).toMatchObject([
    { provider: 'sandbox', state: 'up', bound: 1, allowed: 1, paused: false },
    { provider: 'spare', state: 'no worker', workers: 0 },
  ]);
  oneLine(unknown, 3, /there is no provider nobody: sandbox, spare/);

  expect(await hermod(['pause', 'sandbox'])).toMatchObject({ code: 0, out: expect.stringContaining('next provider') });
  const table = await until('the worker has heard of it', async () => {
    const { out } = await hermod(['providers']);
    return /\nsandbox +paused +1\/1/.test(out) && out;
  });
  expect(table).toMatch(/^PROVIDER +STATE +BINDS.*\n/);
  expect(table).toMatch(/\nspare +no worker +-/);
  const before = rig.smsc.received.length;
  const [id = ''] = (await rig.send({ to: '447700900124', text: 'waits' })).ids;
  const story = await until('the ledger knows it', () => rig.message(id));
  expect(story).toMatchObject({ state: 'accepted' });
  await until('it waits for its provider', async () => (await inQueue(egressQueue('sandbox', 'urgent'))) === 1);
  expect(rig.smsc.received).toHaveLength(before);

  expect(await hermod(['resume', 'sandbox'])).toMatchObject({ code: 0, out: 'sandbox takes messages again\n' });
  expect(await rig.final(id, 20_000)).toMatchObject({ state: 'sent' });

  // Both stand in the audit log, with the account that ran the command.
  type Entry = { action: string; object: string; user: string; address: string; result: string };
  const audit = async (...args: string[]) => (await hermod(['audit', '--json', ...args])).json() as Entry[];
  const entry = { object: 'provider sandbox', user: expect.stringMatching(/^.+@.+$/), address: 'command line' };
  expect(await audit('--object', 'provider sandbox')).toMatchObject([
    { action: 'resume', result: 'done', ...entry },
    { action: 'pause', result: 'done', ...entry },
  ]);
  expect((await hermod(['audit', '--action', 'pause'])).out).toMatch(/^TIME.*\n.*pause +provider sandbox +done\n$/);
  oneLine(await hermod(['audit', '--since', 'yesterday']), 2, /--since takes a duration/);
});

test('a draining provider is shown as such, until it is resumed', async () => {
  const [drained, unknown] = await Promise.all([hermod(['drain', 'sandbox']), hermod(['drain', 'nobody'])]);
  expect(drained).toMatchObject({ code: 0, out: expect.stringMatching(/^sandbox drains: /) });
  oneLine(unknown, 3, /there is no provider nobody: sandbox, spare/);
  expect((await hermod(['providers'])).out).toMatch(/\nsandbox +draining +1\/1/);
  expect((await hermod(['resume', 'sandbox'])).out).toBe('sandbox takes messages again\n');
});

test('dead letters are listed, hidden, sent again and dropped', async () => {
  const message = smsTo('447700900125', { provider: 'spare', refusedBy: ['sandbox'] });
  const given = smsTo('447700900126');
  const letter = (at: number, body: unknown) =>
    JSON.stringify({ v: 1, at, queue: 'router.urgent', reason: 'poison', body });
  await put(deadQueue('message'), letter(1, message), { type: 'dead' });
  await put(deadQueue('message'), letter(2, given), { type: 'dead' });
  await put(routerQueue('urgent'), 'no list \x1b[2J');
  await until('the router has put it aside', async () => (await inQueue(deadQueue('message'))) === 3);

  const list = async () => ((await hermod(['dead', '--json'])).json() as { key: string }[]).map(({ key }) => key);
  const keys = await list();
  const [first = '', second = '', raw = ''] = keys;
  const table = await hermod(['dead', 'list', '--kind', 'message']);
  expect(table.out.match(/^[0-9a-f]{8}(?= {2}message)/gm)).toEqual(keys);

  // All at once: they take turns, and none sees fewer letters than there are.
  const [hidden, shown, rawShown, rawAgain, unknown, unsure] = await Promise.all([
    hermod(['dead', 'show', first]),
    hermod(['dead', 'show', first, '--reveal']),
    hermod(['dead', 'show', raw, '--reveal']),
    hermod(['dead', 'again', raw]),
    hermod(['dead', 'show', 'not-a-key']),
    hermod(['dead', 'drop', second]),
  ]);
  expect(hidden).toMatchObject({ code: 0, out: expect.stringContaining(message.id) });
  for (const out of [table.out, hidden.out]) expect(out).not.toMatch(/Your code|4477009001|no list/);
  expect(shown.out).toMatch(/"to": "447700900125"[\s\S]*424242/);
  expect(rawShown.out).toContain('no list ·[2J');
  oneLine(rawAgain, 1, /cannot be sent again: it is not in a form that a service reads/);
  oneLine(unknown, 3, /there is no dead letter not-a-key/);
  oneLine(unsure, 2, /needs a yes/);
  expect(await list()).toEqual(keys);

  expect(await hermod(['dead', 'again', first])).toMatchObject({ code: 0, out: '1 letter sent again\n' });
  const pdus = () => rig.smsc.received.filter(({ dest }) => dest.addr === message.to).length;
  await until('it is at the SMSC', () => pdus() === 1);
  expect(await hermod(['dead', 'drop', second, '--yes'])).toMatchObject({ code: 0, out: `${second} dropped\n` });
  expect(await list()).toEqual([raw]);
  expect(pdus()).toBe(1);
});

test('a dropped message has an end, and one whose validity is over expires', async () => {
  const [dropped, late] = [smsTo('447700900127'), smsTo('447700900128', { expiry: 1 })];
  // The ledger knows them: only the router could not handle them.
  for (const sms of [dropped, late]) {
    await put(LEDGER, JSON.stringify([sms]), { type: 'sms' });
    const letter = { v: 1, at: Date.now(), queue: 'router.urgent', reason: 'poison', body: sms };
    await put(deadQueue('message'), JSON.stringify(letter), { type: 'dead' });
  }
  const letters = (await hermod(['dead', '--json'])).json() as { key: string; envelopes: { id: string }[] }[];
  const key = letters.find(({ envelopes }) => envelopes[0]?.id === dropped.id)!.key;
  expect(await hermod(['dead', 'drop', key, '--yes'])).toMatchObject({ code: 0 });
  const all = await hermod(['dead', 'again', '--all']);
  expect(all).toMatchObject({ code: 1, out: '1 letter sent again\n' });
  expect(all.err).toMatch(/warning: 1 letter after the end of its validity.*\nhermod: 1 cannot be sent again/);
  expect(await rig.final(dropped.id)).toMatchObject({
    state: 'cancelled',
    reason: expect.stringContaining('administrator'),
  });
  expect(await rig.final(late.id)).toMatchObject({ state: 'expired' });
});

test('the broker is the one of the running gateway, unless AMQP_URL names another', async () => {
  const state = join(rig.dir, 'broker.url');
  const config = { HERMOD_CONFIG: rig.configFile };
  oneLine(await hermod(['providers'], { env: config }), 1, /AMQP_URL is not set, and no gateway runs here/);
  writeFileSync(state, rig.amqpUrl, { mode: 0o600 });
  const [found, elsewhere] = await Promise.all([
    hermod(['providers', '--config', rig.configFile], { env: {} }),
    hermod(['providers'], { env: { ...config, AMQP_URL: 'amqp://user:secret@127.0.0.1:9/' } }),
  ]);
  rmSync(state);
  expect(found).toMatchObject({ code: 0, out: expect.stringContaining('sandbox') });
  oneLine(elsewhere, 1, /no RabbitMQ at 127\.0\.0\.1:9/);
  expect(elsewhere.err).not.toContain('secret');
});
