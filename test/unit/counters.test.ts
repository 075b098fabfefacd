// Counts in memory: windows, what gives way to what, and rates as windows.
import { expect, test } from 'vitest';
import { openCounters, windowOf } from '#shared/counters.ts';

test('points of a window, counted by key; what is refused is not counted', async () => {
  const { take } = await openCounters();
  const window = { points: 2, seconds: 60 };
  expect(await take('a', 1, window)).toBe(0);
  expect(await take('a', 1, window)).toBe(0);
  for (let i = 0; i < 3; i++) {
    const wait = await take('a', 1, window);
    expect(wait).toBeGreaterThan(30_000);
    expect(wait).toBeLessThanOrEqual(60_000);
  }
  expect(await take('b', 1, window)).toBe(0);
});

test('what is given back is free again', async () => {
  const { take, giveBack } = await openCounters();
  const window = { points: 1, seconds: 60 };
  expect(await take('a', 1, window)).toBe(0);
  giveBack('a', 1, window);
  expect(await take('a', 1, window)).toBe(0);
  expect(await take('a', 1, window)).toBeGreaterThan(0);
});

test('many at once fill as many windows', async () => {
  const { take } = await openCounters();
  expect(await take('a', 30, { points: 10, seconds: 60 })).toBe(0);
  expect(await take('a', 1, { points: 10, seconds: 60 })).toBeGreaterThan(120_000);
});

test.each([
  [100, { points: 100, seconds: 1 }],
  [1, { points: 1, seconds: 1 }],
  [1.5, { points: 10, seconds: 7 }],
  [10 / 60, { points: 10, seconds: 60 }],
  [1 / 3_600, { points: 10, seconds: 36_000 }],
  [12.5, { points: 12, seconds: 1 }],
])('%d a second is %o', (perSecond, window) => {
  expect(windowOf(perSecond)).toEqual(window);
});

test('what stands for a value does not show it, and differs between processes', async () => {
  const [one, other] = [await openCounters(), await openCounters()];
  expect(one.conceal('client', '447700900123')).toBe(one.conceal('client', '447700900123'));
  expect(one.conceal('client', '447700900123')).not.toBe(other.conceal('client', '447700900123'));
  expect(one.conceal('a', 'bc')).not.toBe(one.conceal('ab', 'c'));
});
