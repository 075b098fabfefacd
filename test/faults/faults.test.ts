// Nothing is lost, whatever fails: every accepted message reaches the SMSC and one final state, and its client is told.
// The short form of the matrix; `npm run faults` runs all of it with more messages.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ANSWERED_MS } from '../peers/tcp-proxy.ts';
import { until } from '../rig/until.ts';
import { CASES } from './cases.ts';
import { ACCOUNT } from './client.ts';
import { runCase } from './matrix.ts';
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
    expect((await runCase(stand, one, SHORT)).wrong).toEqual([]);
  },
  120_000,
);

/** One request at the HTTP door, and how long its answer took. */
async function ask(): Promise<{ status: number; body: string; ms: number }> {
  const startedAt = performance.now();
  const to = stand.recipients.next();
  const query = `username=${ACCOUNT.systemId}&password=${ACCOUNT.password}&to=${to}&text=x`;
  const answer = await fetch(`http://127.0.0.1:${stand.httpPort}/cgi-bin/sendsms?${query}`);
  const body = await answer.text();
  if (answer.status === 202) stand.recipients.accept(to, false);
  return { status: answer.status, body, ms: performance.now() - startedAt };
}

test('a memory alarm closes the doors within 2 s, and what they took before goes out when it ends', async () => {
  const { client, recipients } = stand;
  const [from, since] = [recipients.count, Date.now()];
  await client.offer(100, SHORT.perSecond);
  await stand.alarm('memory', true);
  try {
    await until('a refusal', async () => {
      const { status, body, ms } = await ask();
      expect(ms).toBeLessThan(ANSWERED_MS);
      if (status === 503) expect(body).toBe('Temporal failure, try again later.');
      return status === 503;
    });
    // By now the broker has said that it blocks: answers come at once. Without it a door waits 1.8 s for the confirm.
    await until('a refusal at once', async () => {
      const { status, ms } = await ask();
      return status === 503 && ms < 1_500;
    });
  } finally {
    await stand.alarm('memory', false);
  }
  await until('the doors open again', async () => (await ask()).status === 202);
  expect(await stand.settle(from, since, 60_000)).toMatchObject({ lost: 0, open: 0, untold: 0 });
}, 90_000);
