// Nothing is lost, whatever fails: every accepted message reaches the SMSC and one final state, and its client is told.
// The short form of the matrix; `npm run faults` runs all of it with more messages.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../rig/until.ts';
import { CASES } from './cases.ts';
import { faultsOf, runCase } from './matrix.ts';
import { type Stand, startStand } from './stand.ts';

const SHORT = { messages: 400, perSecond: 500, length: 'short' } as const;

let stand: Stand;
beforeAll(async () => {
  stand = await startStand();
}, 120_000);
afterAll(() => stand?.stop(), 60_000);

test.each(CASES.filter(({ short }) => short))(
  '$name',
  async (one) => {
    const row = await runCase(stand, one, SHORT);
    expect(faultsOf(row, one, SHORT)).toEqual([]);
  },
  120_000,
);

test('a memory alarm closes the doors within 2 s, and what they took before goes out when it ends', async () => {
  const { client } = stand;
  await client.offer(100, SHORT.perSecond);
  await stand.alarm(true);
  try {
    await until('a refusal', async () => {
      const { status, body, ms } = await client.ask();
      expect(ms).toBeLessThan(2_500);
      if (status === 503) expect(body).toBe('Temporal failure, try again later.');
      return status === 503;
    });
    // By now the broker has said that it blocks: the next answers come at once.
    const { status, ms } = await client.ask();
    expect(status).toBe(503);
    expect(ms).toBeLessThan(500);
  } finally {
    await stand.alarm(false);
  }
  await until('the doors open again', async () => (await client.ask()).status === 202);
  expect(await stand.tally()).toMatchObject({ lost: 0, open: 0, untold: 0 });
}, 90_000);
