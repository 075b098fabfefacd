// Lines in front of hosts: concurrency, what waits, what is sent back, and that hosts do not feel one another.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Lines } from '../../../services/notifier/lines.ts';

let lines: Lines<string>;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearInterval', 'performance'] });
  lines = new Lines<string>(4);
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

test('so many calls to one host at a time, and all of them in the end', async () => {
  const outcomes = start('a', 100, 5);
  await vi.advanceTimersByTimeAsync(200);
  expect(outcomes).toEqual(Array(100).fill('done'));
  expect(calls.most).toBe(4);
});

test('a slow host keeps what it can do in a second, the rest is sent back at once', async () => {
  start('slow', 4, 500);
  await vi.advanceTimersByTimeAsync(499);
  const outcomes = start('slow', 100, 500);
  await vi.advanceTimersByTimeAsync(0);
  // 4 at a time, of which the oldest takes 499 ms by now: room for 8.
  expect(outcomes).toEqual(Array(92).fill('busy'));
});

test('how long its calls took decides too, when those under way have only just begun', async () => {
  start('slow', 40, 200);
  await vi.advanceTimersByTimeAsync(801);
  const outcomes = start('slow', 100, 200);
  await vi.advanceTimersByTimeAsync(0);
  expect(outcomes.length).toBeGreaterThan(80);
});

test('nothing waits longer than a second, and another host feels nothing of it', async () => {
  const slow = start('hangs', 200, 60_000);
  await vi.advanceTimersByTimeAsync(1_500);
  expect(slow).toEqual(Array(196).fill('busy'));
  const again = start('hangs', 50, 60_000);
  const other = start('other', 50, 5);
  await vi.advanceTimersByTimeAsync(100);
  expect(other).toEqual(Array(50).fill('done'));
  expect(again.length).toBeGreaterThanOrEqual(48);
});

test('a host that is quick again gets its room again', async () => {
  start('host', 8, 800);
  await vi.advanceTimersByTimeAsync(1_700);
  for (let i = 0; i < 10; i++) {
    start('host', 4, 2);
    await vi.advanceTimersByTimeAsync(5);
  }
  const outcomes = start('host', 300, 2);
  await vi.advanceTimersByTimeAsync(400);
  expect(outcomes).toEqual(Array(300).fill('done'));
});

test('closing sends back what waits and lets what is under way end', async () => {
  const outcomes = start('host', 10, 50);
  lines.close();
  await vi.advanceTimersByTimeAsync(60);
  expect(outcomes.toSorted()).toEqual([...Array(6).fill('busy'), ...Array(4).fill('done')]);
});
