// The router's judgement as a table: message and knowledge in, verdict out.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Route } from '#shared/config/schema.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { RETRY_STEPS_MS, retryStep } from '#shared/outcome.ts';
import { judge, type Knowledge } from '../../../services/router/judge.ts';
import { compilePolicy } from '../../../services/router/policy.ts';
import { messageAt } from './message.ts';

const NOW = 1_795_303_200_000;
const base = messageAt(NOW);
const route = (to: string[], when: Route['when'] = {}): Route => ({ when, to });
const knowing = (routes: Route[], down: readonly string[]): Knowledge => ({
  policy: compilePolicy({ routes, providers: {} }),
  standing: (provider) => ({ up: !down.includes(provider), share: down.includes(provider) ? 0 : 1, words: '' }),
});
const verdict = (message: Partial<Sms>, routes: Route[], down: string[] = []) =>
  judge({ ...base, ...message }, knowing(routes, down), NOW);

describe('which route', () => {
  const routes = [
    route(['vip'], { client: 'bank' }),
    route(['uk'], { prefix: '44', lane: 'urgent' }),
    route(['cheap'], { lane: 'bulk' }),
    route(['rest']),
  ];
  test.each([
    [{}, 'uk'],
    [{ client: 'bank' }, 'vip'],
    [{ lane: 'bulk' as const }, 'cheap'],
    [{ to: '4917012345' }, 'rest'],
  ])('%j goes to %s', (message, provider) => {
    expect(verdict(message, routes)).toMatchObject({ kind: 'send', provider, handover: 0 });
  });

  test('no route is a rejection with a reason', () => {
    expect(verdict({}, [])).toEqual({ kind: 'end', state: 'rejected', reason: 'no route leads to a provider' });
  });

  test('smsc= picks a provider of the route, and nothing else', () => {
    const two = [route(['a', 'b'])];
    expect(verdict({ smsc: 'b' }, two)).toMatchObject({ provider: 'b' });
    expect(verdict({ smsc: 'c' }, two)).toMatchObject({ kind: 'end', state: 'rejected' });
  });
});

describe('why it goes there', () => {
  const routes = [route(['a', 'b'])];
  const draining: Knowledge = {
    policy: compilePolicy({ routes, providers: {} }),
    standing: (provider) => ({ up: true, share: provider === 'a' ? 0 : 1, words: provider === 'a' ? 'drained' : 'up' }),
  };

  test('nothing is put into words for the first choice', () => {
    expect(verdict({}, routes)).not.toHaveProperty('why');
    expect(verdict({}, routes, ['b'])).not.toHaveProperty('why');
  });

  test('what keeps the ones before it is told', () => {
    expect(judge(base, draining, NOW)).toMatchObject({ provider: 'b', why: expect.stringContaining('; a: drained') });
  });

  test('a draining provider gets what no other can take', () => {
    expect(judge({ ...base, smsc: 'a' }, draining, NOW)).toMatchObject({ kind: 'send', provider: 'a' });
    expect(judge({ ...base, refusedBy: ['b'] }, draining, NOW)).toMatchObject({ kind: 'send', provider: 'a' });
  });
});

describe('what comes back', () => {
  const two = [route(['a', 'b'])];
  const failed = (outcome: 'retry' | 'unavailable' | 'refused' | 'unknown') => ({
    provider: 'a',
    last: { outcome, reason: 'why' },
  });

  test('a provider that is down is not the first choice', () => {
    expect(verdict({}, two, ['a'])).toMatchObject({ provider: 'b', handover: 0 });
    expect(verdict({}, two, ['a', 'b'])).toMatchObject({ provider: 'a' });
  });

  test('waited too long: the next one, as a new hand-over', () => {
    expect(verdict({ provider: 'a' }, two)).toMatchObject({ provider: 'b', handover: 1, attempts: 0, tried: ['a'] });
  });

  test('waited too long and no other is up: the same queue, the same hand-over, so that a copy is recognised', () => {
    expect(verdict({ provider: 'a', handover: 3 }, [route(['a'])])).toMatchObject({
      provider: 'a',
      handover: 3,
      tried: [],
    });
    expect(verdict({ provider: 'a', handover: 3 }, two, ['b'])).toMatchObject({ provider: 'a', handover: 3 });
  });

  test('an answer that asks for another try counts as an attempt and goes to the next one at once', () => {
    expect(verdict(failed('retry'), two)).toMatchObject({ kind: 'send', provider: 'b', handover: 1, attempts: 1 });
  });

  test('with nobody left it waits for a step, which grows with the attempts', () => {
    expect(verdict(failed('retry'), [route(['a'])])).toMatchObject({ kind: 'wait', step: 0, attempts: 1 });
    expect(verdict({ ...failed('retry'), attempts: 2 }, [route(['a'])])).toMatchObject({
      kind: 'wait',
      step: 2,
      attempts: 3,
    });
  });

  test('a step that would end after the expiry is not taken', () => {
    const soon = { ...failed('retry'), attempts: 3, expiry: NOW + 20_000 };
    expect(verdict(soon, [route(['a'])])).toMatchObject({ kind: 'wait', step: 1 });
    expect(verdict({ ...soon, expiry: NOW + 900 }, [route(['a'])])).toMatchObject({ kind: 'end', state: 'failed' });
  });

  test('refused at one provider: the next; refused by all: rejected with the reason', () => {
    expect(verdict(failed('refused'), two)).toMatchObject({ provider: 'b', refusedBy: ['a'] });
    expect(verdict({ ...failed('refused'), refusedBy: ['b'] }, two)).toEqual({
      kind: 'end',
      state: 'rejected',
      reason: 'every provider refused it: why',
    });
  });

  test('an answer that was lost again and again ends as unknown: each may have been an SMS', () => {
    expect(verdict({ ...failed('unknown'), attempts: 5 }, [route(['a'])])).toMatchObject({
      kind: 'end',
      state: 'unknown',
    });
  });

  test('after its expiry nothing is sent', () => {
    expect(verdict({ expiry: NOW }, two)).toMatchObject({ kind: 'end', state: 'expired' });
  });
});

test('every message gets a provider of its route, a step before its expiry, or an end with a reason', () => {
  const names = fc.constantFrom('a', 'b', 'c');
  const message = fc.record({
    expiry: fc.integer({ min: NOW - 10_000, max: NOW + 3_600_000 }),
    attempts: fc.nat(20),
    handover: fc.nat(20),
    provider: fc.option(names, { nil: undefined }),
    tried: fc.uniqueArray(names),
    refusedBy: fc.uniqueArray(names),
    last: fc.option(
      fc.record({
        outcome: fc.constantFrom('retry' as const, 'unavailable' as const, 'refused' as const, 'unknown' as const),
        reason: fc.string(),
      }),
      { nil: undefined },
    ),
  });
  fc.assert(
    fc.property(message, fc.uniqueArray(names), fc.uniqueArray(names), (change, to, down) => {
      const answer = judge({ ...base, ...change } as Sms, knowing(to.length > 0 ? [route(to)] : [], down), NOW);
      if (answer.kind === 'send') {
        expect(to as string[]).toContain(answer.provider);
        expect(answer.refusedBy).not.toContain(answer.provider);
        expect(answer.handover).toBeGreaterThanOrEqual(change.handover);
        if (change.provider && answer.provider !== change.provider) expect(answer.handover).toBe(change.handover + 1);
        expect(change.expiry).toBeGreaterThan(NOW);
      } else if (answer.kind === 'wait') expect(NOW + RETRY_STEPS_MS[answer.step]!).toBeLessThan(change.expiry);
      else expect(answer.reason).not.toBe('');
    }),
  );
});

test('retry steps grow and stop at the longest', () => {
  const far = NOW + 86_400_000;
  expect([1, 2, 3, 4, 5, 6, 60].map((attempts) => retryStep(attempts, NOW, far))).toEqual([0, 1, 2, 3, 4, 4, 4]);
});
