// Policies and health on the wire: three SMSCs, and what each of them gets to see.
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { connect } from 'amqplib';
import pino from 'pino';
import { afterEach, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { openBus } from '#shared/bus/bus.ts';
import { loadConfig } from '#shared/config/load.ts';
import { hostServices } from '#shared/service.ts';
import { egressQueue, LANES, LEDGER, toQueue, toReport } from '#shared/topology.ts';
import { egressSmpp } from '../../services/egress-smpp/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { router } from '../../services/router/main.ts';
import { type Smsc, type SmscOptions, startSmsc } from '../../services/sandbox/smsc.ts';
import { type Rig, type Settings, startRig } from '../rig/rig.ts';
import { receiptOf, smsAt, takenAs } from '../rig/story.ts';
import { until } from '../rig/until.ts';

const HERMOD = resolve(import.meta.dirname, '../../deploy/cli/hermod.ts');
const RSYSERR = 0x08;
const RBINDFAIL = 0x0d;

let rig: Rig;
let others: Smsc[];
afterEach(async () => {
  await rig.stop();
  for (const smsc of others) await smsc.stop();
});

/** The rig's own provider `sandbox`, and `b` and `c`, each with its SMSC. */
async function start(
  routes: Settings[],
  rows: { [name: string]: Settings } = {},
  smsc: SmscOptions = {},
  limits: Settings = {},
): Promise<void> {
  others = [await startSmsc({ keep: 0 }), await startSmsc({ keep: 0 })];
  const [b, c] = others as [Smsc, Smsc];
  rig = await startRig({
    smsc,
    settings: (standard) => {
      const like = (name: string, port: number) => ({
        ...(standard.providers.sandbox as Settings),
        port,
        ...rows[name],
      });
      const providers = { sandbox: like('sandbox', portOf(standard)), b: like('b', b.port), c: like('c', c.port) };
      return { ...standard, providers, routes, limits };
    },
  });
  await until('all are bound', () => [rig.smsc, b, c].every((one) => one.binds().now > 0));
}
const portOf = (standard: { providers: Settings }) => (standard.providers.sandbox as { port: number }).port;

const send = async (to: string, more: Record<string, string> = {}, headers: Record<string, string> = {}) => {
  const query = new URLSearchParams({ username: 'tester', password: 'foobar', text: 'hello', to, ...more });
  const answer = await fetch(`${rig.httpUrl}/cgi-bin/sendsms?${query}`, { headers });
  expect(answer.status).toBe(202);
  return answer.headers.get('x-message-id')!;
};
const hermod = (...args: string[]) =>
  promisify(execFile)(process.execPath, [HERMOD, ...args], {
    env: { ...process.env, HERMOD_CONFIG: rig.configFile, AMQP_URL: rig.amqpUrl },
  });
async function waitingIn(queue: string): Promise<number> {
  const model = await connect(rig.amqpUrl);
  try {
    return (await (await model.createChannel()).checkQueue(queue)).messageCount;
  } finally {
    await model.close();
  }
}
const seen = (smsc: Smsc) => smsc.received.map(({ dest, source }) => `${dest.addr} from ${source.addr}`).sort();

test('user and realm, preferred prefixes and senders, as the SMSCs see them and as hermod route explains them', async () => {
  await start(
    [
      { when: { realm: 'staff', user: ['anna', 'jürgen'] }, to: ['b'] },
      { when: { tag: 'vpn' }, to: [{ b: 1 }] },
      { to: ['sandbox', 'c'] },
    ],
    { b: { senders: { '*': 'HERMOD' } }, c: { prefer: { prefixes: ['49'] }, senders: { 12345: '999' } } },
  );
  const [b, c] = others as [Smsc, Smsc];
  const ids = [
    await send('+447700900001'),
    await send('+447700900002', { 'x-user': 'anna', 'x-realm': 'staff' }),
    await send('+447700900003', {}, { 'x-user': 'anna', 'x-realm': 'STAFF' }),
    await send('+447700900004', { 'x-user': 'jürgen', 'x-realm': 'staff' }),
    await send('+447700900005', { 'x-user': 'anna' }),
    await send('+447700900006', {}, { 'x-tag': 'otp, vpn' }),
    await send('+491701234567'),
  ];
  for (const id of ids) expect(await rig.final(id)).toMatchObject({ state: 'sent' });
  expect(seen(rig.smsc)).toEqual(['447700900001 from 12345', '447700900005 from 12345']);
  expect(seen(b)).toEqual(['2', '3', '4', '6'].map((n) => `44770090000${n} from HERMOD`));
  expect(seen(c)).toEqual(['491701234567 from 999']);

  const args = ['--to', '+447700900009', '--user', 'anna', '--realm', 'staff', '--live', '--json'];
  const { stdout } = await hermod('route', ...args);
  expect(JSON.parse(stdout)).toMatchObject({
    steps: [
      { about: 'route', name: 'route 1', ok: true },
      { about: 'provider', name: 'b', ok: true, words: 'up' },
      { about: 'pick', name: 'b' },
    ],
    verdict: { kind: 'send', provider: 'b', from: 'HERMOD' },
  });
});

test('a sender is written anew for the provider that a message fails over to', async () => {
  await start([{ to: ['b', 'c'] }], { b: { senders: { '*': 'FIRST' } }, c: { senders: { 12345: 'SECOND' } } });
  const [b, c] = others as [Smsc, Smsc];
  b.set({ rejectNext: { count: 1, status: 0x45 } });
  const id = await send('+447700900001');
  expect(await rig.final(id)).toMatchObject({ state: 'sent', from: '12345' });
  expect(seen(b)).toEqual(['447700900001 from FIRST']);
  expect(seen(c)).toEqual(['447700900001 from SECOND']);
});

test('a provider that fails is left in less than 5 s, and comes back by a probe, a tenth, half, all', async () => {
  await start([{ to: ['sandbox', 'b'] }]);
  const [b] = others as [Smsc, Smsc];
  const load = startLoad(50);
  try {
    await until('the first provider has everything', () => rig.smsc.counters().taken > 100);
    expect(b.counters().taken).toBe(0);
    const failedAt = Date.now();
    rig.smsc.set({ rejectNext: { count: 1_000_000, status: RSYSERR } });
    const between = (smsc: Smsc, from: number, to: number) =>
      smsc.received.filter(({ at }) => at >= from && at < to).length;
    await until('four seconds at the second provider', () => Date.now() > failedAt + 9_000);
    // Two probes at most, 5 s apart.
    expect(between(rig.smsc, failedAt + 5_000, failedAt + 9_000)).toBeLessThanOrEqual(2);
    expect(between(b, failedAt + 5_000, failedAt + 9_000)).toBeGreaterThan(50);

    const healedAt = Date.now();
    rig.smsc.set({ rejectNext: { count: 0, status: 0 } });
    const probe = await until(
      'a probe',
      () => rig.smsc.received.find((one) => one.at > healedAt && one.commandStatus === 0),
      12_000,
    );
    await until('all is back', () => between(b, Date.now() - 2_000, Date.now()) === 0, 20_000);
    const part = (from: number, to: number) => {
      const [mine, its] = [rig.smsc, b].map((smsc) => between(smsc, probe.at + from, probe.at + to)) as [
        number,
        number,
      ];
      return mine / (mine + its);
    };
    expect(between(rig.smsc, probe.at, probe.at + 500)).toBeLessThan(10);
    expect(part(2_500, 4_500)).toBeLessThan(0.3);
    expect(part(8_000, 10_000)).toBeGreaterThan(0.25);
    expect(part(8_000, 10_000)).toBeLessThan(0.75);
  } finally {
    await load.stop();
  }
  const taken = () =>
    [rig.smsc, b].flatMap(({ received }) => received).filter(({ commandStatus }) => commandStatus === 0);
  await until('every message is at one of them', () => taken().length === load.sent());
  expect(new Set(taken().map(({ dest }) => dest.addr)).size).toBe(load.sent());
}, 90_000);

/** So many messages a second, to numbers that count up, until it is stopped. */
function startLoad(perSecond: number) {
  let sent = 0;
  const open = new Set<Promise<unknown>>();
  const timer = setInterval(() => {
    const one = send(`+4477${String(++sent).padStart(8, '0')}`).finally(() => open.delete(one));
    open.add(one);
  }, 1_000 / perSecond);
  return {
    sent: () => sent,
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
    },
  };
}

test('a provider whose receipts come late gets a tenth', async () => {
  await start([{ to: ['sandbox', 'b'] }]);
  const [b] = others as [Smsc];
  const now = Date.now();
  const bus = await openBus(rig.amqpUrl, 'test', pino({ level: 'silent' }));
  try {
    for (let n = 0; n < 20; n++) {
      const handedAt = now - 20 * 60_000;
      const sms = smsAt(handedAt);
      await bus.publish(toQueue(LEDGER), [sms]);
      await bus.publish(toReport('submitted'), [takenAs(sms, handedAt, [`late-${n}`], { provider: 'sandbox' })]);
      await bus.publish(toReport('receipt'), [receiptOf(`late-${n}`, now, { provider: 'sandbox', to: sms.to })]);
    }
  } finally {
    await bus.close();
  }
  // Until the router has heard of it, everything goes to the first.
  let sent = 0;
  await until(
    'the other one gets some',
    async () => {
      await send(`+4477009${10_000 + sent++}`);
      return b.counters().taken > 0;
    },
    30_000,
  );
  const before = rig.smsc.counters().taken;
  for (let n = 0; n < 60; n++) await send(`+4477009${20_000 + n}`);
  await until('all are sent', () => rig.smsc.counters().taken + b.counters().taken === sent + 60);
  expect(b.counters().taken).toBeGreaterThan(40);
  // Which ones those of the tenth are is drawn from their ids.
  await until('the first still gets some', async () => {
    if (rig.smsc.counters().taken > before) return true;
    await send(`+4477009${30_000 + sent++}`);
    return false;
  });
});

test('what is left in the queues of a removed provider goes to the others, and the queues go', async () => {
  await start([{ when: { prefix: '4477' }, to: ['b'] }, { to: ['sandbox'] }], {}, {}, { failoverAfter: '3s' });
  const [b] = others as [Smsc];
  b.set({ refuseBinds: RBINDFAIL });
  b.dropAll();
  const ids = [await send('+447700900001'), await send('+447700900002')];
  await until('both wait for it', async () => (await waitingIn(egressQueue('b', 'urgent'))) > 0);
  await rig.stopServices();

  const file = join(rig.dir, 'without-b.yaml');
  const settings = parse(readFileSync(rig.configFile, 'utf8')) as { providers: Settings; routes: Settings[] };
  const { b: _b, ...providers } = settings.providers;
  writeFileSync(file, stringify({ ...settings, providers, routes: settings.routes.slice(1) }));
  const host = await hostServices([ledger, router, egressSmpp, ingressHttp], {
    loaded: loadConfig(file),
    amqpUrl: rig.amqpUrl,
  });
  try {
    for (const id of ids) expect(await rig.final(id, 20_000)).toMatchObject({ state: 'sent', provider: 'sandbox' });
    expect(seen(rig.smsc)).toEqual(['447700900001 from 12345', '447700900002 from 12345']);
    const { stdout } = await hermod('queues', 'prune', '--config', file);
    for (const lane of LANES) expect(stdout).toContain(`${egressQueue('b', lane)}  deleted`);
  } finally {
    await host.stop();
  }
});
