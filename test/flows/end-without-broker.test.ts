// SIGTERM while the broker is of no use, or the ledger's database: every service ends all the same, and what it held is
// still there. A broker that refuses publishes (its memory alarm) makes each hold a message whose next step has no confirm.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { connect } from 'amqplib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { openBus } from '#shared/bus/bus.ts';
import { declareTopology } from '#shared/bus/declared.ts';
import { loadConfig } from '#shared/config/load.ts';
import type { Envelope } from '#shared/messages/envelope.ts';
import { newId } from '#shared/messages/id.ts';
import { openLog } from '#shared/telemetry/log.ts';
import { egressQueue, LEDGER, NOTIFIER, routerQueue, topologyOf, toQueue } from '#shared/topology.ts';
import { type PrivateNode, startPrivateNode } from '../../deploy/broker/node.ts';
import { type Smsc, startSmsc } from '../../services/sandbox/smsc.ts';
import { startTcpProxy, type TcpProxy } from '../peers/tcp-proxy.ts';
import { freePort } from '../rig/port.ts';
import { rabbitmqctl } from '../rig/rabbitmqctl.ts';
import { smsAt } from '../rig/story.ts';
import { until } from '../rig/until.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const HOLDING = ['router', 'notifier', 'egress-smpp'];
const QUEUES = [routerQueue('urgent'), NOTIFIER, egressQueue('sandbox', 'urgent')];
const LEFT = 'ended with messages in hand';
/** Far above the bound of the code, far below that of any orchestrator's patience with a service that hangs. */
const ENDS_WITHIN_MS = 30_000;

const dir = mkdtempSync(join(tmpdir(), 'hermod-ending-'));
const configFile = join(dir, 'gateway.yaml');
const running = new Set<ChildProcess>();
let node: PrivateNode;
let way: TcpProxy;
let smsc: Smsc;

beforeAll(async () => {
  [node, smsc] = await Promise.all([
    startPrivateNode({ dir, port: await freePort(), say() {} }),
    startSmsc({ keep: 0 }),
  ]);
  way = await startTcpProxy({ host: '127.0.0.1', port: Number(new URL(node.url).port) });
  const account = { bearer: 'smpp', host: '127.0.0.1', port: smsc.port, systemId: 'hermod', password: 'secret' };
  const settings = {
    listen: { admin: { port: 0 } },
    clients: { test: { password: 'foobar' } },
    providers: { sandbox: account },
    routes: [{ to: ['sandbox'] }],
    ledger: { file: join(dir, 'ledger.db') },
  };
  writeFileSync(configFile, stringify(settings));
  await declareTopology(node.url, topologyOf(loadConfig(configFile).config));
  await node.flushDeclarations();
  const now = Date.now();
  const callback = {
    v: 1,
    type: 'callback',
    callback: 1,
    tries: 0,
    id: newId(now),
    client: 'test',
    at: now,
    dlrType: 1,
  };
  const values = { to: '', from: '', given: '', provider: '', providerId: '', text: '', account: '', meta: '' };
  // Calls to loopback are not allowed: that is an answer too, and its report has to be confirmed.
  const envelopes = [
    smsAt(now),
    { ...callback, url: 'http://127.0.0.1/', values },
    smsAt(now, { provider: 'sandbox' }),
  ];
  const bus = await openBus(node.url, 'test', openLog('test'));
  await Promise.all(QUEUES.map((queue, i) => bus.publish(toQueue(queue), [envelopes[i] as Envelope])));
  await bus.close();
}, 120_000);

afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  await way?.stop();
  await Promise.all([node?.stop(), smsc?.stop()]);
  rmSync(dir, { recursive: true, force: true });
});

type Started = { child: ChildProcess; said: () => string; ended: Promise<number | null> };

/** Services in one process, which find the broker behind the proxy. */
function start(services: readonly string[]): Started {
  const amqp = new URL(node.url);
  amqp.port = String(way.port);
  const args = ['deploy/host.ts', '--services', services.join(), '--config', configFile, '--admin-port', '0'];
  const env = { ...process.env, AMQP_URL: amqp.href, HERMOD_LOG_LEVEL: 'info' };
  const child = spawn(process.execPath, args, { cwd: ROOT, env });
  running.add(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      said += chunk;
    });
  const ended = new Promise<number | null>((done) => {
    child.once('close', (code) => {
      running.delete(child);
      done(code);
    });
  });
  return { child, said: () => said, ended };
}

/** Messages that nobody has, by queue. */
async function waiting(): Promise<number[]> {
  const model = await connect(node.url);
  const channel = await model.createChannel();
  const found = [];
  for (const queue of QUEUES) found.push((await channel.checkQueue(queue)).messageCount);
  await model.close();
  return found;
}
const alarm = (on: boolean) => rabbitmqctl(node, 'set_vm_memory_high_watermark', on ? '0.0000001' : '0.8');
const untilStarted = (started: Started, count = 1) =>
  until('it is up', () => started.said().split('"msg":"started"').length > count, 60_000);
const untilHeld = () => until('each holds its message', async () => String(await waiting()) === '0,0,0', 60_000);
const untilBack = () => until('every message is back', async () => String(await waiting()) === '1,1,1', 60_000);

async function endOf(started: readonly Started[]): Promise<void> {
  const gone = Promise.all(started.map(({ ended }) => ended));
  const late = setTimeout(() => {
    for (const { child } of started) child.kill('SIGKILL');
  }, ENDS_WITHIN_MS);
  const codes = await gone;
  clearTimeout(late);
  for (const [i, { said }] of started.entries()) expect(codes[i], said()).toBe(0);
}

test('gone for good: each service ends, says what it left behind, and nothing is lost', async () => {
  await alarm(true);
  const holding = HOLDING.map((name) => start([name]));
  const idle = start(['ledger']);
  await Promise.all([...holding, idle].map((each) => untilStarted(each)));
  await untilHeld();
  await node.stop();
  for (const { child } of [...holding, idle]) child.kill('SIGTERM');
  await endOf([...holding, idle]);
  for (const { said } of holding) {
    const line = said()
      .split('\n')
      .find((one) => one.includes(LEFT));
    const reason = 'no answer from the broker for 5 s';
    expect(JSON.parse(line ?? '{}'), said()).toMatchObject({ level: 'warn', held: 1, reason });
  }
  node = await startPrivateNode({ dir, say() {} });
  await untilBack();
}, 180_000);

test('silent, with several services in one process: it ends', async () => {
  await alarm(true);
  const box = start(HOLDING);
  await untilStarted(box, HOLDING.length);
  await untilHeld();
  way.freeze();
  box.child.kill('SIGTERM');
  await endOf([box]);
  expect(box.said().split(LEFT).length - 1).toBe(HOLDING.length);
  way.heal();
  await untilBack();
}, 120_000);

test('away for a moment: it is waited for, and takes what they hold', async () => {
  const box = start(HOLDING);
  await untilStarted(box, HOLDING.length);
  await untilHeld();
  way.cut();
  await alarm(false);
  box.child.kill('SIGTERM');
  await until('it stops', () => box.said().includes('"msg":"stopping"'));
  way.heal();
  await endOf([box]);
  expect(box.said()).not.toContain(LEFT);
}, 120_000);

test('the database is locked: the ledger ends, and what it could not write is still there', async () => {
  const ledger = start(['ledger']);
  await untilStarted(ledger);
  const lock = new DatabaseSync(join(dir, 'ledger.db'));
  lock.exec('pragma busy_timeout = 10000; begin immediate');
  const bus = await openBus(node.url, 'test', openLog('test'));
  const sms = smsAt(Date.now());
  await bus.publish(toQueue(LEDGER), [sms]);
  await bus.close();
  await until('it cannot write', () => ledger.said().includes('cannot write'), 30_000);
  ledger.child.kill('SIGTERM');
  await endOf([ledger]);
  expect(ledger.said()).toMatch(new RegExp(`the ledger cannot write: .*${LEFT}`));
  lock.close();
  const again = start(['ledger']);
  await until('it is written', () => isWritten(sms.id), 60_000);
  again.child.kill('SIGTERM');
  await endOf([again]);
}, 120_000);

function isWritten(id: string): boolean {
  const db = new DatabaseSync(join(dir, 'ledger.db'), { readOnly: true });
  try {
    return db.prepare('select 1 from message where id = ? and known = 1').get(id) !== undefined;
  } finally {
    db.close();
  }
}
