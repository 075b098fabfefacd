// Lines in front of hosts: concurrency, what waits, what is sent back, and that hosts do not feel one another.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Lines } from '../../../services/notifier/lines.ts';

let lines: Lines<string>;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearInterval', 'performance'] });
  lines = new Lines<string>(4, () => false);
});
afterEach(() => {
  lines.close();
  vi.useRealTimers();
});

const calls = { underWay: 0, most: 0 };
const callOf = (ms: number) => async () => {
  calls.most = Math.max(calls.most, ++calls.underWay);
  await new Promise((resolve) => setTimeout(resolve, ms));
  calls.underWay--;
  return 'done';
};
const start = (host: string, count: number, ms: number) => {
  Object.assign(calls, { underWay: 0, most: 0 });
  const outcomes: string[] = [];
  for (let i = 0; i < count; i++) void lines.run(host, callOf(ms)).then((outcome) => outcomes.push(outcome));
  return outcomes;
};
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

test('so many calls to one host at a time, and all of them in the end', async () => {
  const outcomes = start('a', 100, 5);
  await pass(200);
  expect(outcomes).toEqual(Array(100).fill('done'));
  expect(calls.most).toBe(4);
});

test('behind a slow host waits what it does in four seconds, and the rest is sent back', async () => {
  const outcomes = start('slow', 500, 100);
  await pass(1_000);
  // 36 to 40 done in a second, 4 at a time: some 150 may wait.
  const busy = outcomes.filter((outcome) => outcome === 'busy').length;
  expect(busy).toBeGreaterThan(280);
  expect(busy).toBeLessThan(330);
  const later = start('slow', 50, 100);
  await pass(0);
  expect(later.length).toBeGreaterThan(40);
  await pass(5_000);
  expect(outcomes).toHaveLength(500);
  expect(later).toHaveLength(50);
});

test('behind a host that hangs waits next to nothing, and another host feels nothing of it', async () => {
  const hangs = start('hangs', 200, 60_000);
  await pass(1_000);
  expect(hangs).toEqual(Array(192).fill('busy'));
  const again = start('hangs', 50, 60_000);
  const other = start('other', 50, 5);
  await pass(100);
  expect(other).toEqual(Array(50).fill('done'));
  expect(again).toEqual(Array(50).fill('busy'));
});

test('a quick host is never sent anything back', async () => {
  const outcomes = start('quick', 2_000, 2);
  await pass(1_100);
  expect(outcomes).toEqual(Array(2_000).fill('done'));
});

test('a burst just before the measure is not taken for a slow host', async () => {
  await pass(990);
  const outcomes = start('burst', 100, 20);
  await pass(600);
  expect(outcomes).toEqual(Array(100).fill('done'));
});

test('a host that is quick again gets its room again', async () => {
  start('host', 20, 900);
  await pass(8_000);
  const outcomes = start('host', 300, 2);
  await pass(400);
  expect(outcomes).toEqual(Array(300).fill('done'));
});

test('while this process has no time itself, no host is taken for slow', async () => {
  lines.close();
  let hadNoTime = true;
  lines = new Lines<string>(4, () => hadNoTime);
  const outcomes = start('host', 500, 100);
  await pass(2_000);
  expect(outcomes).not.toContain('busy');
  hadNoTime = false;
  await pass(1_000);
  expect(outcomes).toContain('busy');
});

test('a host that hangs is found out all the same', async () => {
  lines.close();
  lines = new Lines<string>(4, () => true);
  const outcomes = start('hangs', 200, 60_000);
  await pass(1_000);
  expect(outcomes).toEqual(Array(192).fill('busy'));
});

test('closing sends back what waits and lets what is under way end', async () => {
  const outcomes = start('host', 10, 50);
  lines.close();
  await pass(60);
  expect(outcomes.toSorted()).toEqual([...Array(6).fill('busy'), ...Array(4).fill('done')]);
});
