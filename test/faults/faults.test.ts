// Nothing is lost when services are killed and the broker is restarted: every message that got a 202 reaches the SMSC
// and a final state. HERMOD_FULL=1 offers 20,000 messages instead of 2,000.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../rig/until.ts';
import { SERVICES, type ServiceName, type Stand, startStand, WINDOW } from './stand.ts';

const FULL = process.env.HERMOD_FULL === '1';
const MESSAGES = FULL ? 20_000 : 2_000;
const PER_SECOND = 500;

let stand: Stand;
beforeAll(async () => {
  stand = await startStand();
}, 120_000);
afterAll(() => stand?.stop(), 60_000);

test('the broker is restarted: nothing lost, nothing repeated', async () => {
  let restarted: Promise<void> | undefined;
  await stand.offer(MESSAGES / 2, PER_SECOND, (sent) => {
    if (sent >= MESSAGES / 8) restarted ??= stand.restartBroker();
  });
  await restarted;
  await stand.offer(100, PER_SECOND);
  const tally = await stand.tally();
  expect(tally).toMatchObject({ lost: 0, open: 0, untold: 0, repeated: 0 });
  expect(tally.accepted).toBeGreaterThanOrEqual((MESSAGES / 2) * 0.95);
}, 180_000);

test('each service is killed in turn: nothing lost, repeats only as many as the worker held', async () => {
  const before = (await stand.tally()).repeated;
  const kills: Promise<void>[] = [];
  let next = 0;
  const killNext = () => {
    const name: ServiceName | undefined = SERVICES[next++];
    if (name) kills.push(stand.kill(name));
  };
  await stand.offer(MESSAGES / 2, PER_SECOND, (sent) => {
    if (sent >= (next + 1) * (MESSAGES / 16)) killNext();
  });
  while (next < SERVICES.length) killNext();
  await Promise.all(kills);
  await stand.offer(100, PER_SECOND);
  const tally = await stand.tally();
  expect(tally).toMatchObject({ lost: 0, open: 0, untold: 0 });
  expect(tally.repeated - before).toBeLessThanOrEqual(2 * WINDOW);
  expect(tally.accepted).toBeGreaterThanOrEqual((MESSAGES / 2) * 0.95);
}, 180_000);

test('a memory alarm closes the doors within 2 s, and what they took before goes out when it ends', async () => {
  await stand.offer(100, PER_SECOND);
  await stand.alarm(true);
  try {
    await until('a refusal', async () => {
      const { status, body, ms } = await stand.ask();
      expect(ms).toBeLessThan(2_500);
      if (status === 503) expect(body).toBe('Temporal failure, try again later.');
      return status === 503;
    });
    // By now the broker has said that it blocks: the next answers come at once.
    const { status, ms } = await stand.ask();
    expect(status).toBe(503);
    expect(ms).toBeLessThan(500);
  } finally {
    await stand.alarm(false);
  }
  await until('the doors open again', async () => (await stand.ask()).status === 202);
  expect(await stand.tally()).toMatchObject({ lost: 0, open: 0, untold: 0 });
}, 90_000);
