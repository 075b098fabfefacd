// How a provider stands, second by second, from what its workers say.
import { beforeEach, describe, expect, test } from 'vitest';
import type { NewsOf } from '#shared/bus/health.ts';
import { Health } from '../../../services/router/health.ts';

type Says = Partial<NewsOf<'provider'>>;
let health: Health;
let now: number;
beforeEach(() => {
  now = 1_795_303_200_000;
  health = new Health(now);
});

const say = (says: Says = {}) =>
  health.hear(
    {
      kind: 'provider',
      provider: 'a',
      worker: 'w1',
      at: now,
      bound: 1,
      allowed: 1,
      waiting: 0,
      inFlight: 0,
      sentPerSecond: 0,
      errorsPerSecond: 0,
      failuresPerSecond: 0,
      paused: false,
      ...says,
    },
    now,
  );
/** The same news, every second. */
const seconds = (count: number, says: Says = {}) => {
  for (let i = 0; i < count; i++) {
    now += 1_000;
    say(says);
  }
};
const share = (provider = 'a') => health.standing(provider, now).share;
const up = (provider = 'a') => health.standing(provider, now).up;

describe('who is up', () => {
  test('in the first seconds everyone, then who speaks', () => {
    expect([up('a'), up('b')]).toEqual([true, true]);
    now += 4_000;
    say();
    expect([up('a'), up('b')]).toEqual([true, false]);
    expect(health.standing('b', now).words).toBe('no worker speaks for it');
  });

  test('not before its first bind; then at once and wholly, since it has lost nothing', () => {
    seconds(3, { bound: 0, lastError: 'ECONNREFUSED' });
    expect(up()).toBe(false);
    seconds(1);
    expect(share()).toBe(1);
  });

  test('who falls silent is left in less than 5 s', () => {
    seconds(2);
    now += 3_999;
    expect(up()).toBe(true);
    now += 1;
    expect(up()).toBe(false);
  });

  test('silence is no failure: when the news is back, so is the provider', () => {
    seconds(2);
    now += 60_000;
    seconds(1);
    expect(share()).toBe(1);
  });

  test('one bound worker of two is enough', () => {
    seconds(1);
    say({ worker: 'w2', bound: 0 });
    expect(share()).toBe(1);
    say({ bound: 0 });
    expect(up()).toBe(false);
  });

  test('paused by an administrator: nothing; resumed: all at once', () => {
    seconds(2);
    seconds(3, { paused: true });
    expect(health.standing('a', now)).toMatchObject({ up: false, words: 'paused by an administrator' });
    seconds(1);
    expect(share()).toBe(1);
  });
});

describe('failing', () => {
  test('a lost bind is left with the next news', () => {
    seconds(2);
    seconds(1, { bound: 0, lastError: 'connection closed' });
    expect(health.standing('a', now)).toEqual({ up: false, share: 0, words: 'connection closed' });
  });

  test.each([
    [4, 0, true],
    [5, 0, false],
    [5, 45, false],
    [5, 46, true],
  ])('%i failures and %i hand-overs in a second: up is %s', (failuresPerSecond, sentPerSecond, wanted) => {
    seconds(2);
    seconds(1, { failuresPerSecond, sentPerSecond });
    expect(up()).toBe(wanted);
  });

  test('five in 10 s, one after another, and not five in 11', () => {
    seconds(1);
    for (let i = 0; i < 4; i++) {
      seconds(1, { failuresPerSecond: 1 });
      seconds(1);
    }
    expect(up()).toBe(true);
    seconds(1, { failuresPerSecond: 1 });
    expect(up()).toBe(false);
  });

  test('five in more than 10 s are not failing', () => {
    seconds(1);
    for (let i = 0; i < 8; i++) {
      seconds(1, { failuresPerSecond: 1 });
      seconds(2);
      expect(up()).toBe(true);
    }
  });

  test('refusals of single messages are errors, not failures; older workers tell errors only', () => {
    seconds(2);
    seconds(3, { errorsPerSecond: 20, failuresPerSecond: 0 });
    expect(up()).toBe(true);
    seconds(1, { errorsPerSecond: 20, failuresPerSecond: undefined });
    expect(up()).toBe(false);
  });
});

describe('coming back', () => {
  const lose = () => {
    seconds(2);
    seconds(1, { bound: 0 });
  };

  test('a probe of one message, then 10 %, 50 %, all', () => {
    lose();
    seconds(1);
    expect(share()).toBe(1);
    health.handed('a', now);
    expect(health.standing('a', now)).toMatchObject({ up: true, share: 0 });
    seconds(1, { sentPerSecond: 1 });
    expect(share()).toBe(0.1);
    seconds(4, { sentPerSecond: 1 });
    expect(share()).toBe(0.1);
    seconds(1, { sentPerSecond: 1 });
    expect(share()).toBe(0.5);
    seconds(5, { sentPerSecond: 5 });
    expect(share()).toBe(1);
  });

  test('without traffic the probe waits for its message', () => {
    lose();
    seconds(120);
    expect(health.standing('a', now)).toMatchObject({ share: 1, words: 'up: waits for a probe' });
    health.handed('a', now);
    expect(share()).toBe(0);
  });

  test('a probe that fails: away again, and the next one after 5 s of calm', () => {
    lose();
    seconds(1);
    health.handed('a', now);
    seconds(1, { failuresPerSecond: 1 });
    expect(up()).toBe(false);
    seconds(4);
    expect(up()).toBe(false);
    seconds(1);
    expect(share()).toBe(1);
  });

  test('a probe without an answer is repeated after 10 s', () => {
    lose();
    seconds(1);
    health.handed('a', now);
    seconds(9);
    expect(share()).toBe(0);
    seconds(1);
    expect(share()).toBe(1);
  });

  test('on the way up more failures than hand-overs are too many', () => {
    lose();
    seconds(1);
    health.handed('a', now);
    seconds(1, { sentPerSecond: 1 });
    seconds(1, { sentPerSecond: 2, failuresPerSecond: 1 });
    expect(share()).toBe(0.1);
    seconds(1, { sentPerSecond: 1, failuresPerSecond: 2 });
    expect(up()).toBe(false);
  });

  test('failures that a full queue still brings do not start a probe', () => {
    seconds(2);
    seconds(8, { failuresPerSecond: 10 });
    seconds(4);
    expect(up()).toBe(false);
    seconds(1);
    expect(share()).toBe(1);
  });

  test('each change is a line for the log', () => {
    seconds(2);
    now += 1_000;
    expect(say({ bound: 0, lastError: 'closed' })).toBe('failed: closed');
    expect(say({ bound: 0, lastError: 'closed' })).toBeUndefined();
    expect(say()).toBe('probe: waits for a probe');
  });
});

describe('late receipts', () => {
  const late = (lateShare: number) => health.hear({ kind: 'receipts', provider: 'a', lateShare }, now);

  test('lower the share, but not to nothing, and for a minute', () => {
    seconds(2);
    late(0.3);
    expect(share()).toBeCloseTo(0.7);
    late(1);
    expect(share()).toBeCloseTo(0.1);
    seconds(60);
    expect(share()).toBe(1);
  });
});

test('a draining provider is well, and has no share of its own; when it is lost it is lost', () => {
  seconds(3);
  health.drain(['a']);
  expect(health.standing('a', now)).toMatchObject({ up: true, share: 0, words: expect.stringContaining('drained') });
  seconds(1, { bound: 0 });
  expect(health.standing('a', now)).toMatchObject({ up: false });
  health.drain([]);
  expect(health.standing('a', now).words).not.toContain('drained');
});
