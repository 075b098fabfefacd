// What the console adds up from the news, how refusals are put together, and how two configuration files differ.
import { expect, test } from 'vitest';
import type { News } from '#shared/bus/health.ts';
import { changesBetween } from '../../../services/console/configuration.ts';
import { together } from '../../../services/console/denials.ts';
import { LastHour } from '../../../services/console/flow.ts';

const T0 = 1_800_000_000_000;
const MINUTE = 60_000;

const worker = { worker: 'w', at: T0, bound: 1, allowed: 1, waiting: 0, inFlight: 0, paused: false } as const;
const took = (provider: string, endings: Record<string, number>, urgentMs = 0) =>
  ({ kind: 'provider', provider, ...worker, sentPerSecond: 0, errorsPerSecond: 0, endings, urgentMs }) as const;

test('the last minute and the last hour, and what is older is forgotten', () => {
  const hour = new LastHour(T0);
  const accepted = (n: number) =>
    ({ kind: 'counts', of: 'accepted', since: T0, counts: [{ n, door: 'http', client: 'ise' }] }) satisfies News;
  hour.hear(accepted(5), T0);
  hour.hear(accepted(3), T0 + 30 * MINUTE);
  hour.hear(
    { kind: 'counts', of: 'refused', since: T0, counts: [{ n: 2, door: 'http', reason: 'rate' }] },
    T0 + 30 * MINUTE,
  );
  hour.hear({ kind: 'counts', of: 'final', since: T0, counts: [{ n: 7, state: 'delivered' }] }, T0 + 30 * MINUTE);
  expect(hour.view(T0 + 30 * MINUTE)).toMatchObject({
    since: T0,
    doors: [{ door: 'http', accepted: { minute: 3, hour: 8 }, refused: { minute: 2, hour: 2 } }],
    clients: [{ client: 'ise', accepted: { minute: 3, hour: 8 }, lastAt: T0 }],
    ended: { delivered: 7 },
  });
  expect(hour.view(T0 + 65 * MINUTE)).toMatchObject({
    since: T0 + 5 * MINUTE,
    doors: [{ door: 'http', accepted: { minute: 0, hour: 3 } }],
  });
  expect(hour.view(T0 + 100 * MINUTE)).toMatchObject({ doors: [], clients: [], ended: {} });
});

test('providers: their share is that of what was taken; the slowest urgent message of the last minute', () => {
  const hour = new LastHour(T0);
  hour.hear(took('main', { done: 3, retry: 9 }, 40), T0);
  hour.hear(took('spare', { done: 1 }, 900), T0 + 1_000);
  const { providers, urgentMs } = hour.view(T0 + 2_000);
  expect(providers).toEqual([
    { provider: 'main', taken: { minute: 3, hour: 3 }, share: 0.75, endings: { done: 3, retry: 9 } },
    { provider: 'spare', taken: { minute: 1, hour: 1 }, share: 0.25, endings: { done: 1 } },
  ]);
  expect(urgentMs).toBe(900);
  expect(hour.view(T0 + 2 * MINUTE).urgentMs).toBe(0);
});

test('refusals of one client, address and reason are one, the latest first', () => {
  const one = { at: T0, address: '10.0.0.1', reason: 'authorization', detail: 'wrong password', claimed: 'ise' };
  const answers = [
    { door: 'http', refusals: [one, { ...one, at: T0 + 5 }, { at: T0 + 9, address: '10.0.0.2', reason: 'request' }] },
    { door: 'smpp', refusals: [{ at: T0 + 2, address: '10.0.0.1', reason: 'binds', client: 'ise' }] },
  ];
  expect(together(answers)).toMatchObject([
    { claimed: false, address: '10.0.0.2', count: 1, detail: '' },
    { client: 'ise', claimed: true, count: 2, firstAt: T0, lastAt: T0 + 5 },
    { client: 'ise', claimed: false, door: 'smpp', count: 1 },
  ]);
  expect(together(answers)[0]).not.toHaveProperty('client');
});

test('two files differ in these settings, whose values are not told', () => {
  const before = 'clients:\n  ise: { password: old, rate: 5/s }\nroutes:\n  - { to: [a] }\n';
  const after = 'clients:\n  ise: { password: new-secret }\n  otp: { password: x }\nroutes:\n  - { to: [a] }\n';
  const changes = changesBetween(before, after);
  expect(changes).toEqual([
    { path: 'clients.ise.password', how: 'changed' },
    { path: 'clients.ise.rate', how: 'removed' },
    { path: 'clients.otp.password', how: 'added' },
  ]);
  expect(JSON.stringify(changes)).not.toContain('secret');
  expect(changesBetween(before, before)).toEqual([]);
  expect(changesBetween(before, '{ a: [')).toHaveLength(3);
  expect(changesBetween('', '')).toEqual([]);
});
