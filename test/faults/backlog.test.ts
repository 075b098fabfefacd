// A backlog that a provider's long absence left: after a restart of the broker and of every service the first message goes
// out soon, and nobody holds the backlog in memory. A million messages with HERMOD_FULL=1, 20,000 else.

import { connect } from 'amqplib';
import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Bus, openBus } from '#shared/bus/bus.ts';
import { egressQueue, toSubmit } from '#shared/topology.ts';
import { useOf } from '../load/measure.ts';
import { smsAt } from '../rig/story.ts';
import { until } from '../rig/until.ts';
import { ACCOUNT } from './client.ts';
import { SERVICES } from './services.ts';
import { PROVIDER, type Stand, startStand } from './stand.ts';

const FULL = process.env.HERMOD_FULL === '1';
const BACKLOG = FULL ? 1_000_000 : 20_000;
const IN_ONE_PUBLISH = 1_000;
const FIRST_WITHIN_MS = 30_000;
const WATCH_MS = FULL ? 60_000 : 10_000;
/** The second half of the time may need so much more than the first: a heap that still settles, not a backlog. */
const MOST_GROWTH = 1.25;
const RBINDFAIL = 0x0d;

let stand: Stand;
beforeAll(async () => {
  stand = await startStand();
}, 120_000);
afterAll(() => stand?.stop(), 120_000);

async function fill(bus: Bus): Promise<void> {
  for (let sent = 0; sent < BACKLOG; sent += IN_ONE_PUBLISH) {
    const messages = Array.from({ length: IN_ONE_PUBLISH }, (_, i) => {
      const to = `${447_800_000_000 + sent + i}`;
      return smsAt(Date.now(), { client: ACCOUNT.systemId, lane: 'bulk', to, given: to, dlrMask: 0 });
    });
    await bus.publish(toSubmit('bulk'), messages);
  }
}

test('a restart with a backlog', async () => {
  const { smsc, services, amqpUrl } = stand;
  smsc.set({ refuseBinds: RBINDFAIL });
  smsc.dropAll();
  const bus = await openBus(amqpUrl, 'test', pino({ level: 'silent' }));
  await fill(bus);
  await bus.close();
  const model = await connect(amqpUrl);
  const channel = await model.createChannel();
  await until(
    'the router has handed the backlog to the provider',
    async () => (await channel.checkQueue(egressQueue(PROVIDER, 'bulk'))).messageCount * 64 >= BACKLOG * 0.9,
    FULL ? 300_000 : 60_000,
  );
  await model.close();

  const restartedAt = performance.now();
  await stand.restartBroker();
  await Promise.all(SERVICES.map((name) => services.kill(name)));
  smsc.set({ refuseBinds: 0 });
  await until('the first one goes out', () => smsc.counters().taken > 0, FIRST_WITHIN_MS);
  expect(performance.now() - restartedAt).toBeLessThan(FIRST_WITHIN_MS);

  await services.ready();
  const halves = [new Map<string, number>(), new Map<string, number>()] as const;
  for (const half of halves) {
    for (const end = performance.now() + WATCH_MS / 2; performance.now() < end; ) {
      for (const [name, pid] of services.pids())
        half.set(name, Math.max(half.get(name) ?? 0, Math.round(useOf(pid).residentMb)));
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
  const [first, second] = halves;
  if (FULL) console.log(`${smsc.counters().taken} of ${BACKLOG} handed over; resident MB`, Object.fromEntries(second));
  for (const [name, mb] of second) expect(mb, `MB of ${name}`).toBeLessThan(first.get(name)! * MOST_GROWTH);
}, 600_000);
