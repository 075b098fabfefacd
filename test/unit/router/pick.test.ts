// The draw within a rank: as the weights say, the same every time, and one provider's absence moves its own messages only.
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Sms } from '#shared/messages/sms.ts';
import type { Standing } from '../../../services/router/health.ts';
import { judge } from '../../../services/router/judge.ts';
import { compilePolicy } from '../../../services/router/policy.ts';
import { messageAt } from './message.ts';

const NOW = 1_795_303_200_000;
const HOUR = 3_600_000;
const COUNT = 20_000;
/** The same ids in every run. */
const idOf = (n: number) => {
  const hex = createHash('sha256').update(String(n)).digest('hex');
  return `01a20074-2214-7${hex.slice(0, 3)}-a${hex.slice(3, 6)}-${hex.slice(6, 18)}`;
};
const sms = (change: Partial<Sms> = {}): Sms => messageAt(NOW, { id: idOf(0), expiry: NOW + 48 * HOUR, ...change });
const many = Array.from({ length: COUNT }, (_, i) => sms({ id: idOf(i), to: `4477${String(i).padStart(8, '0')}` }));
const group = compilePolicy({ routes: [{ when: {}, to: [{ a: 3, b: 1 }, 'c'] }], providers: {} });
const pinned = compilePolicy({ routes: [{ when: {}, to: [{ a: 1, b: 1, c: 2 }], pin: HOUR }], providers: {} });

const up = (share = 1): Standing => ({ up: share > 0, share, words: '' });
const pick = (message: Sms, policy = group, standings: Record<string, Standing> = {}) => {
  const verdict = judge(message, { policy, standing: (name) => standings[name] ?? up() }, NOW);
  if (verdict.kind !== 'send') throw new Error(`not sent: ${verdict.kind}`);
  return verdict.provider;
};
/** Parts of all messages, in percent. */
const parts = (providers: string[]) =>
  Object.fromEntries(
    ['a', 'b', 'c'].map((name) => [name, (providers.filter((one) => one === name).length / COUNT) * 100]),
  );
/** Within 1.25: some four standard deviations. */
const about = (percent: number) => expect.closeTo(percent, -0.4);

describe('weights', () => {
  test('3 to 1, and nothing to the next rank', () => {
    expect(parts(many.map((message) => pick(message)))).toEqual({ a: about(75), b: about(25), c: 0 });
  });

  test('a repeat draws the same, a later hand-over anew', () => {
    const first = many.map((message) => pick(message));
    expect(many.map((message) => pick({ ...message }))).toEqual(first);
    const second = many.map((message) => pick({ ...message, handover: 1 }));
    const both = second.filter((name, i) => name === 'b' && first[i] === 'b').length;
    expect((both / COUNT) * 100).toEqual(about(6.25));
  });

  test('a provider that is down moves its own messages only; the next rank is for when none is up', () => {
    const before = many.map((message) => pick(message));
    const without = many.map((message) => pick(message, group, { b: up(0) }));
    expect(without.every((name) => name === 'a')).toBe(true);
    const three = compilePolicy({ routes: [{ when: {}, to: [{ a: 1, b: 1, c: 1 }] }], providers: {} });
    const all = many.map((message) => pick(message, three));
    const less = many.map((message) => pick(message, three, { b: up(0) }));
    expect(less.filter((name, i) => name !== all[i] && all[i] !== 'b')).toEqual([]);
    expect(parts(less)).toEqual({ a: about(50), b: 0, c: about(50) });
    expect(pick(many[0]!, group, { a: up(0), b: up(0) })).toBe('c');
    expect(before).toContain('b');
  });

  test('none is up: drawn all the same, so that a dead route does not gather at one provider', () => {
    const down = { a: up(0), b: up(0), c: up(0) };
    expect(parts(many.map((message) => pick(message, group, down)))).toEqual({ a: about(75), b: about(25), c: 0 });
  });

  test('failover goes to the rest of the rank first', () => {
    for (const message of many.slice(0, 200)) {
      const first = pick(message);
      const back = { ...message, provider: first, handover: 0 };
      const second = pick(back);
      expect([first, second].sort()).toEqual(['a', 'b']);
      expect(pick({ ...back, provider: second, tried: [first], handover: 1 })).toBe('c');
    }
  });
});

describe('weight that comes back', () => {
  test('a tenth of the messages of a single provider, the rest as if it were down', () => {
    const line = compilePolicy({ routes: [{ when: {}, to: ['a', 'b'] }], providers: {} });
    expect(parts(many.map((message) => pick(message, line, { a: up(0.1) })))).toEqual({
      a: about(10),
      b: about(90),
      c: 0,
    });
    expect(parts(many.map((message) => pick(message, line, { a: up(0.5) })))).toEqual({
      a: about(50),
      b: about(50),
      c: 0,
    });
  });

  test('within a group: a tenth of its part', () => {
    const shares = many.map((message) => pick(message, group, { a: up(0.1) }));
    expect(parts(shares)).toEqual({ a: about(7.5), b: about(92.5), c: 0 });
  });

  test('better one that recovers than one that is down, and than none', () => {
    const recovering: Standing = { up: true, share: 0, words: '' };
    expect(pick(many[0]!, group, { a: up(0), b: up(0), c: recovering })).toBe('c');
    expect(pick({ ...many[0]!, provider: 'a' }, group, { a: up(0), b: up(0), c: recovering })).toBe('c');
  });
});

describe('pin', () => {
  test('by weight over many numbers', () => {
    expect(parts(many.map((message) => pick(message, pinned)))).toEqual({ a: about(25), b: about(25), c: about(50) });
  });

  test('a number stays for the hour: it changes at most once in it, and the numbers not all at once', () => {
    const moves = new Set<number>();
    for (const { to } of many.slice(0, 300)) {
      const minutes = Array.from({ length: 60 }, (_, minute) => pick(sms({ to, at: NOW + minute * 60_000 }), pinned));
      const changes = minutes.flatMap((name, minute) => (minute > 0 && name !== minutes[minute - 1] ? [minute] : []));
      expect(changes.length).toBeLessThanOrEqual(1);
      for (const minute of changes) moves.add(minute);
    }
    expect(moves.size).toBeGreaterThan(20);
  });

  test('whatever the id and the hand-over, and after a retry step', () => {
    const first = pick(sms(), pinned);
    expect(pick(sms({ handover: 7 }), pinned)).toBe(first);
  });

  test('while its provider is away a number has one other, and comes back', () => {
    const stands = { c: up(0) };
    const numbers = many.filter((message) => pick(message, pinned) === 'c').slice(0, 50);
    for (const { to } of numbers) {
      const other = pick(sms({ to }), pinned, stands);
      expect(other).not.toBe('c');
      expect(pick(sms({ to }), pinned, stands)).toBe(other);
      expect(pick(sms({ to }), pinned)).toBe('c');
    }
  });
});
