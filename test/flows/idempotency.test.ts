// Idempotency keys over two doors: Debian's Redis holds them for both, and what it holds shows no number and no text.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openCounters } from '#shared/counters.ts';
import { begin } from '../../services/ingress-http/rest/idempotency.ts';
import { type RedisServer, startRedis } from '../peers/redis.ts';

let redis: RedisServer;
let stopped = false;
let doors: Awaited<ReturnType<typeof openCounters>>[];
beforeAll(async () => {
  redis = await startRedis();
  doors = [await openCounters(redis.url), await openCounters(redis.url)];
}, 120_000);
afterAll(async () => {
  for (const door of doors ?? []) door.close();
  if (!stopped) await redis?.stop();
});

const REQUEST = { to: '+447700900123', text: 'Your code is 123456' };

test('what one door began and ended, the other one knows', async () => {
  const [one, other] = doors as [(typeof doors)[0], (typeof doors)[0]];
  const first = await begin(one, 'portal', 'key-1', REQUEST);
  expect(first).toMatchObject({ sent: false, ids: [] });
  await expect(begin(other, 'portal', 'key-1', REQUEST)).rejects.toMatchObject({ kind: 'in-progress', retryAfterS: 1 });
  await first.done(['id-1']);
  expect(await begin(other, 'portal', 'key-1', REQUEST)).toMatchObject({ sent: true, ids: ['id-1'] });
  await expect(begin(other, 'portal', 'key-1', { ...REQUEST, text: 'x' })).rejects.toMatchObject({
    kind: 'key-reused',
  });
  expect(await begin(other, 'visulox', 'key-1', REQUEST)).toMatchObject({ sent: false });
  expect((await redis.keys()).join()).not.toMatch(/key-1|portal|447700900123/);
});

test('a refused request frees its key; one whose answer was lost keeps its ids, also when the repeat is refused', async () => {
  const [one, other] = doors as [(typeof doors)[0], (typeof doors)[0]];
  await (await begin(one, 'portal', 'key-2', REQUEST)).refused();
  const again = await begin(other, 'portal', 'key-2', REQUEST);
  expect(again).toMatchObject({ sent: false, ids: [] });
  await again.lost(['id-2']);
  const repeat = await begin(one, 'portal', 'key-2', REQUEST);
  expect(repeat).toMatchObject({ sent: false, ids: ['id-2'] });
  await repeat.refused();
  expect(await begin(other, 'portal', 'key-2', REQUEST)).toMatchObject({ sent: false, ids: ['id-2'] });
});

test('without Redis each process remembers for itself', async () => {
  const alone = await openCounters();
  await (await begin(alone, 'portal', 'key-3', REQUEST)).done(['id-3']);
  expect(await begin(alone, 'portal', 'key-3', REQUEST)).toMatchObject({ sent: true, ids: ['id-3'] });
  await redis.stop();
  stopped = true;
  const [one] = doors;
  await (await begin(one!, 'portal', 'key-4', REQUEST)).done(['id-4']);
  expect(await begin(one!, 'portal', 'key-4', REQUEST)).toMatchObject({ sent: true, ids: ['id-4'] });
});
