// Second factors in both databases: set up, asked for, each code taken once, reset; and no secret to be read in the rows.
import { Secret, TOTP } from 'otpauth';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { secondFactor } from '../../../services/ledger/answers/second-factor.ts';
import { type Memory, onBoth } from '../../rig/memory.ts';

const NOW = 1_795_296_456_000;
const STEP_MS = 30_000;

onBoth((open) => {
  let memory: Memory;
  beforeEach(async () => {
    memory = await open();
  });
  afterEach(() => memory.close());
  const ask = (step: 'check' | 'begin' | 'confirm' | 'reset', code?: string, now = NOW, user = 'anna') =>
    memory.db.transaction((sql) => secondFactor(sql, memory.seal, { ask: 'second-factor', user, step, code }, now));
  const codeOf = (secret: string, now = NOW) =>
    TOTP.generate({ secret: Secret.fromBase32(secret), timestamp: now, digits: 6, period: 30, algorithm: 'SHA1' });
  /** One that is not taken: of another time. */
  const wrongOf = (secret: string) => codeOf(secret, NOW + 100 * STEP_MS);

  test('begins, counts once its first code was given, and is asked for', async () => {
    expect(await ask('check')).toEqual({ state: 'none' });
    const { state, secret = '', uri } = await ask('begin');
    expect(state).toBe('begun');
    expect(secret).toMatch(/^[A-Z2-7]{32}$/);
    expect(uri).toMatch(
      new RegExp(`^otpauth://totp/Hermod:anna\\?issuer=Hermod&secret=${secret}&algorithm=SHA1&digits=6&period=30$`),
    );
    expect(await ask('check'), 'not confirmed').toEqual({ state: 'none' });
    expect(await ask('confirm', wrongOf(secret))).toEqual({ state: 'wrong' });
    expect(await ask('confirm', codeOf(secret))).toEqual({ state: 'right' });
    expect(await ask('confirm', codeOf(secret))).toEqual({ state: 'none' });
    expect(await ask('check')).toEqual({ state: 'wanted' });
    expect(await ask('check', undefined, NOW, 'bob')).toEqual({ state: 'none' });
    expect(JSON.stringify(await memory.rows('select * from second_factor'))).not.toContain(secret);
  });

  test('a code is taken once, one step early or late, and none that is older', async () => {
    const { secret = '' } = await ask('begin');
    await ask('confirm', codeOf(secret));
    expect(await ask('check', codeOf(secret)), 'used to confirm').toEqual({ state: 'wrong' });
    const later = NOW + 4 * STEP_MS;
    expect(await ask('check', codeOf(secret, later - 2 * STEP_MS), later)).toEqual({ state: 'wrong' });
    expect(await ask('check', codeOf(secret, later - STEP_MS), later)).toEqual({ state: 'right' });
    expect(await ask('check', codeOf(secret, later - STEP_MS), later)).toEqual({ state: 'wrong' });
    expect(await ask('check', codeOf(secret, later + STEP_MS), later)).toEqual({ state: 'right' });
    expect(await ask('check', codeOf(secret, later), later), 'older than one that was taken').toEqual({
      state: 'wrong',
    });
  });

  test('another one needs a code of the first, and the first counts until the other is confirmed', async () => {
    const { secret: first = '' } = await ask('begin');
    await ask('confirm', codeOf(first));
    expect(await ask('begin')).toEqual({ state: 'wanted' });
    expect(await ask('begin', wrongOf(first))).toEqual({ state: 'wrong' });
    const later = NOW + 4 * STEP_MS;
    const { secret: second = '' } = await ask('begin', codeOf(first, later), later);
    expect(await ask('check', codeOf(first, later + STEP_MS), later)).toEqual({ state: 'right' });
    expect(await ask('confirm', codeOf(second, later), later)).toEqual({ state: 'right' });
    const end = later + 4 * STEP_MS;
    expect(await ask('check', codeOf(first, end), end)).toEqual({ state: 'wrong' });
    expect(await ask('check', codeOf(second, end), end)).toEqual({ state: 'right' });
  });

  test('a reset takes it away', async () => {
    expect(await ask('reset')).toEqual({ state: 'none' });
    const { secret = '' } = await ask('begin');
    await ask('confirm', codeOf(secret));
    expect(await ask('reset')).toEqual({ state: 'reset' });
    expect(await ask('check', codeOf(secret, NOW + STEP_MS))).toEqual({ state: 'none' });
  });
});
