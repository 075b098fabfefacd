// The ledger at its queue: scheduled messages on time and through a restart, questions of clients, and PostgreSQL with a
// ledger that stands by, one that goes away, and a database that does.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Bus, openBus } from '#shared/bus/bus.ts';
import { loadConfig } from '#shared/config/load.ts';
import type { Envelope } from '#shared/messages/envelope.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { type Host, hostServices } from '#shared/service.ts';
import { LEDGER, LEDGER_RPC, toQueue, toSchedule } from '#shared/topology.ts';
import { ledger } from '../../services/ledger/main.ts';
import { type Postgres, startPostgres } from '../peers/postgres.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { receiptOf, smsAt, takenAs } from '../rig/story.ts';
import { until } from '../rig/until.ts';

const MANY = 1_000;
/** Within a second of its time, on a machine that does nothing else. */
const LATE_MS = process.env.HERMOD_FULL === '1' ? 1_000 : 5_000;

let bus: Bus;
let rig: Rig | undefined;
const hosts: Host[] = [];

beforeAll(async () => {
  bus = await openBus(process.env.AMQP_URL!, 'test', pino({ level: 'silent' }));
});
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.stop();
  await rig?.stop();
  rig = undefined;
  delete process.env.DATABASE_URL;
});
afterAll(() => bus.close());

const ask = <T>(question: Record<string, unknown>) => bus.ask(LEDGER_RPC, question) as Promise<T>;
const list = (more: Record<string, unknown> = {}) =>
  ask<{ messages: { id: string; state: string }[]; next?: string }>({ ask: 'list', client: 'tester', ...more });
const numbered = (i: number) => `4477009${String(i).padStart(5, '0')}`;
const scheduled = (i: number, notBefore: number): Sms => {
  const to = numbered(i);
  const more = { dlrMask: 0, given: to, text: `secret ${i}` };
  return smsAt(Date.now(), { client: 'tester', to, notBefore, expiry: notBefore + 60_000, ...more });
};

describe('scheduled messages', () => {
  test('each within a second of its time, and no text of them is left', async () => {
    rig = await startRig({ smsc: { receipts: { missing: true } } });
    const start = Date.now() + 3_000;
    const messages = Array.from({ length: MANY }, (_, i) => scheduled(i, start + i));
    await bus.publish(toSchedule, messages);
    await until(
      'the ledger has them',
      async () => (await list({ state: 'scheduled', limit: 1_000 })).messages.length > 0,
    );
    const { received } = rig.smsc;
    await until('all arrive', () => received.length >= MANY, 20_000);
    expect(new Set(received.map(({ dest }) => dest.addr)).size).toBe(MANY);
    const due = new Map(messages.map(({ to, notBefore }) => [to, notBefore!]));
    const late = received.map(({ at, dest }) => at - due.get(dest.addr)!).sort((a, b) => a - b);
    expect(late[0]).toBeGreaterThanOrEqual(0);
    expect(late[Math.floor(MANY * 0.99)]).toBeLessThan(LATE_MS);
    await until('all are final', async () => (await list({ state: 'sent', limit: 1_000 })).messages.length === MANY);
    await rig.stopServices();
    for (const name of readdirSync(rig.dir).filter((file) => file.startsWith('ledger')))
      expect(readFileSync(join(rig.dir, name)).includes('secret ')).toBe(false);
  });

  test('through a restart; what was due meanwhile goes out at once; cancelled ones never', async () => {
    rig = await startRig({ smsc: { receipts: { missing: true } } });
    const soon = Date.now() + 6_000;
    const messages = [scheduled(1, soon), scheduled(2, soon), scheduled(3, soon + 3_600_000)];
    await bus.publish(toSchedule, messages);
    const [first, second, third] = messages.map(({ id }) => id) as [string, string, string];
    // A moment later the ledger may not have read it yet: a cancel waits for that.
    expect(await ask({ ask: 'cancel', id: second, client: 'tester' })).toEqual({ state: 'cancelled' });
    expect(await ask({ ask: 'cancel', id: third, client: 'another' })).toEqual({ state: 'unknown' });
    await rig.stopServices();
    await until('their time is over', () => Date.now() > soon + 100, 20_000);
    expect(rig.smsc.received).toEqual([]);
    await rig.startServices();
    await until('the first is final', async () => (await rig!.message(first))?.final);
    expect(rig.smsc.received.map(({ dest }) => dest.addr)).toEqual([numbered(1)]);
    expect(await ask({ ask: 'cancel', id: first, client: 'tester' })).toEqual({ state: 'too late' });
    expect(await rig.message(second)).toMatchObject({ state: 'cancelled', final: true });
    expect(await rig.message(third)).toMatchObject({ state: 'scheduled', final: false });
  });

  test("pages of a client's messages, newest first", async () => {
    rig = await startRig({ smsc: { receipts: { missing: true } } });
    const ids = Array.from({ length: 5 }, (_, i) => scheduled(i % 2, Date.now() + 3_600_000 + i)) as Sms[];
    await bus.publish(toSchedule, ids);
    await until('the ledger has them', async () => (await list()).messages.length === 5);
    const expected = ids
      .map(({ id }) => id)
      .sort()
      .reverse();
    const first = await list({ limit: 2 });
    const second = await list({ limit: 2, before: first.next });
    const third = await list({ limit: 2, before: second.next });
    expect([first, second, third].flatMap(({ messages }) => messages.map(({ id }) => id))).toEqual(expected);
    expect(third.next).toBeUndefined();
    expect((await list({ to: numbered(1) })).messages).toHaveLength(2);
    expect((await list({ client: 'another' })).messages).toEqual([]);
  });
});

describe('PostgreSQL', () => {
  let postgres: Postgres;
  beforeAll(async () => {
    postgres = await startPostgres({ durable: true });
  });
  afterAll(() => postgres.stop());

  /** Two ledgers on one database; the first works. */
  async function twoLedgers(): Promise<void> {
    process.env.DATABASE_URL = await postgres.fresh();
    const key = 'a key of thirty-two octets or more';
    rig = await startRig({
      settings: (standard) => ({ ...standard, ledger: { key } }),
      services: [],
      waitForBind: false,
    });
    const loaded = loadConfig(rig.configFile);
    for (let i = 0; i < 2; i++) hosts.push(await hostServices([ledger], { loaded, amqpUrl: rig.amqpUrl }));
  }
  const story = (i: number): Envelope[] => {
    const sms = smsAt(Date.now(), { client: 'tester', to: numbered(i), dlrMask: 1, dlrUrl: '' });
    return [sms, takenAs(sms, Date.now(), [`a${i}`]), receiptOf(`a${i}`, Date.now(), { to: numbered(i) })];
  };
  const publish = (stories: Envelope[][]) =>
    Promise.all(stories.flat().map((envelope) => bus.publish(toQueue(LEDGER), [envelope])));
  const delivered = async () => (await list({ state: 'delivered', limit: 1_000 })).messages.length;

  test('the one that stands by takes over, and nothing is lost', async () => {
    await twoLedgers();
    const stories = Array.from({ length: 400 }, (_, i) => story(i));
    await publish(stories.slice(0, 200));
    await until('the first half is delivered', async () => (await delivered()) === 200);
    const later = publish(stories.slice(200));
    await hosts.shift()!.stop();
    await later;
    await until('all are delivered', async () => (await delivered()) === 400, 20_000);
  });

  test('a database that goes away is waited for', async () => {
    await twoLedgers();
    await publish(Array.from({ length: 50 }, (_, i) => story(i)));
    await until('the first are delivered', async () => (await delivered()) === 50);
    await postgres.kill();
    const later = publish(Array.from({ length: 100 }, (_, i) => story(50 + i)));
    await later;
    await postgres.start();
    await until('all are delivered', async () => (await delivered()) === 150, 20_000);
  });

  test('without a key of its own it does not start', async () => {
    process.env.DATABASE_URL = await postgres.fresh();
    await expect(startRig({ services: [ledger], waitForBind: false })).rejects.toThrow(/set ledger\.key/);
  });
});
