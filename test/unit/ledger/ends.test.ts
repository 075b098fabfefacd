// One final state for every message: on the watermark when nothing more is heard, never twice, never backwards; scheduled
// messages and their cancellation; and what is forgotten when.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Envelope } from '#shared/messages/envelope.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { mayHaveMore, retentionSteps } from '../../../services/ledger/clock/retention.ts';
import { leftOver, release, released } from '../../../services/ledger/clock/schedule.ts';
import { HOUR, type Memory, onBoth, WITHIN } from '../../rig/memory.ts';
import { endOf, NUMBER, receiptOf, smsAt, takenAs } from '../../rig/story.ts';

const T0 = 1_795_296_456_000;
const GRACE = 30_000;
const DAY = 24 * HOUR;

onBoth((open) => {
  let memory: Memory;
  beforeEach(async () => {
    memory = await open();
  });
  afterEach(() => memory.close());
  const message = async ({ id }: Pick<Sms, 'id'>) =>
    (await memory.rows('select * from message where id = $1', id))[0] as Record<string, unknown>;

  describe('when nothing more is heard', () => {
    const DEADLINE = T0 + HOUR + WITHIN + GRACE;
    test.each<[string, number, Envelope[], string, string[]]>([
      ['a receipt was due', 31, [], 'unknown', ['2 id:a1 sub:001 dlvrd:000 stat:UNKNOWN err:000 text:']],
      ['a receipt of the first of two parts', 1, [receiptOf('a1', T0 + 9)], 'unknown', []],
      ['only failures were asked for', 2, [], 'sent', []],
      ['only failures and refusals were asked for', 18, [], 'sent', []],
    ])('%s', async (_name, dlrMask, more, state, told) => {
      const sms = smsAt(T0, { dlrMask });
      const [first] = await memory.feed([sms, takenAs(sms, T0, ['a1', 'a2']), ...more], T0 + 10);
      if (first) await memory.feed(toldOf(first.callback), T0 + 20);
      expect(await memory.judge(DEADLINE - 1)).toEqual([]);
      expect(await message(sms)).toMatchObject({ state: 'submitted', final: 0 });
      const callbacks = await memory.judge(DEADLINE);
      expect(callbacks.map(({ dlrType, values }) => `${dlrType} ${values.text}`)).toEqual(told);
      expect(await message(sms)).toMatchObject({ state, final: 1, judge_at: null });
      // A fact that comes later is stored, and changes nothing that was told.
      expect(await memory.feed(receiptOf('a1', DEADLINE + 5), DEADLINE + 5)).toEqual([]);
      expect(await memory.judge(DEADLINE + DAY)).toEqual([]);
      expect(await message(sms)).toMatchObject({ state });
      expect(memory.finals).toEqual([state]);
    });

    test('a message of which no report ever came', async () => {
      const sms = smsAt(T0);
      await memory.feed(sms, T0);
      const [callback] = await memory.judge(DEADLINE);
      expect(callback).toMatchObject({ dlrType: 16, values: { text: 'NACK/nothing was heard of it in time' } });
      expect(await message(sms)).toMatchObject({ state: 'unknown', final: 1 });
    });

    test('an outage makes nothing late: the watermark stands still, and what waited is read first', async () => {
      const sms = smsAt(T0);
      await memory.feed([sms, takenAs(sms, T0, ['a1'])], T0);
      // The ledger was away for a week; the last mark that came back is old.
      expect(await memory.judge(T0 + HOUR)).toEqual([]);
      await memory.feed(receiptOf('a1', T0 + 10), T0 + 7 * DAY);
      await memory.judge(T0 + 7 * DAY);
      expect(await message(sms)).toMatchObject({ state: 'delivered', final: 1 });
    });
  });

  test('failed at the router while a provider still has it: the provider has the last word', async () => {
    const sms = smsAt(T0);
    await memory.feed([sms, takenAs(sms, T0, ['a1']), endOf(sms, T0 + 5, { handover: 1 })], T0 + 5);
    expect(await message(sms)).toMatchObject({ state: 'submitted', final: 0 });
    await memory.feed(receiptOf('a1', T0 + 10), T0 + 10);
    expect(await message(sms)).toMatchObject({ state: 'delivered', final: 1 });
  });

  test('whatever comes in whatever order, the first final state stays and every message ends', async () => {
    let at = T0;
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 1 }), async (order) => {
        at += HOUR;
        const sms = smsAt(at);
        const id = sms.id.slice(-12);
        const facts: Envelope[] = [
          sms,
          takenAs(sms, at, [`a${id}`]),
          receiptOf(`a${id}`, at + 1),
          receiptOf(`a${id}`, at + 1, { state: 'failed', stat: 'UNDELIV' }),
          takenAs(sms, at, [`b${id}`], { handover: 1, provider: 'backup' }),
          receiptOf(`b${id}`, at + 2, { state: 'expired', stat: 'EXPIRED', provider: 'backup' }),
          endOf(sms, at + 3, { handover: 2 }),
          endOf(sms, at + 3, { handover: 2, state: 'expired' }),
        ];
        let before: Record<string, unknown> | undefined;
        for (const which of [...order, ...order]) {
          await memory.feed(facts[which]!, at);
          const now = await message(sms);
          if (before?.final) expect(now.state).toBe(before.state);
          before = now;
        }
        await memory.feed(sms, at);
        await memory.judge(at + HOUR + WITHIN + GRACE + 10);
        expect(await message(sms)).toMatchObject({ final: 1 });
      }),
      { numRuns: 40 },
    );
  });

  describe('scheduled messages', () => {
    const scheduled = (notBefore: number, change: Partial<Sms> = {}) =>
      smsAt(T0, { notBefore, expiry: notBefore + HOUR, text: 'a secret word', ...change });
    const outNow = (now: number) => memory.db.transaction((sql) => release(sql, memory.seal, now));

    test('held until their time, in its order, then given to the router without it, and forgotten', async () => {
      const [late, early] = [scheduled(T0 + 2_000), scheduled(T0 + 1_000)];
      await memory.feed([late, early, late], T0);
      expect(await message(late)).toMatchObject({ state: 'scheduled', final: 0 });
      expect(await outNow(T0 + 999)).toEqual([]);
      const { notBefore: releasedAt, ...rest } = early;
      expect(await outNow(T0 + 1_000)).toEqual([{ ...rest, releasedAt }]);
      expect(await message(early)).toMatchObject({ state: 'accepted' });
      expect((await outNow(T0 + 5_000)).map(({ id }) => id)).toEqual([late.id]);
      expect(await outNow(T0 + 9_000)).toEqual([]);
      // The ledger ends before the broker has them: they come again.
      await memory.reopen();
      const again = await leftOver(memory.db.read, memory.seal);
      expect(again.map(({ id }) => id).sort()).toEqual([early.id, late.id].sort());
      await memory.db.transaction((sql) => released(sql, again));
      expect(await memory.rows('select * from scheduled')).toEqual([]);
    });

    test('cancelled until their time, too late after it, and only by their client', async () => {
      const [mine, gone] = [scheduled(T0 + 1_000, { dlrMask: 16 }), scheduled(T0 + 500)];
      await memory.feed([mine, gone], T0);
      await outNow(T0 + 500);
      expect(await memory.cancel(gone.id, 'test')).toBe('too late');
      expect(await memory.cancel(mine.id, 'another')).toBe('unknown');
      expect(await memory.cancel('019aa8b2-7c1e-7d3a-9f00-5d2f0c7b1a44')).toBe('unknown');
      expect(await memory.cancel(mine.id, 'test')).toBe('cancelled');
      expect(await memory.cancel(mine.id)).toBe('cancelled');
      expect(await outNow(T0 + 9_000)).toEqual([]);
      expect(await message(mine)).toMatchObject({ state: 'cancelled', final: 1 });
      const [owed] = await memory.rows('select body from outbox');
      expect(JSON.parse(String(owed!.body))).toMatchObject({
        dlrType: 16,
        values: { text: 'NACK/cancelled before its release' },
      });
    });
  });

  test('numbers are cut and still found by who knows them; then everything goes, open messages never', async () => {
    const [old, waiting] = [smsAt(T0 - 40 * DAY), smsAt(T0 - 40 * DAY + 1)];
    const done = [takenAs(old, T0 - 40 * DAY, ['a1']), receiptOf('a1', T0 - 40 * DAY + 9)];
    const said = [40, 20].map(
      (days): Envelope => ({
        ...{ v: 1, type: 'report', kind: 'incoming', at: T0 - days * DAY, provider: 'main', providerId: `${days}` },
        ...{ from: NUMBER, to: '12345', text: 'hello' },
      }),
    );
    await memory.feed([old, waiting, ...done, ...said], T0 - 40 * DAY);
    await memory.rows('select 1 as n');
    const steps = retentionSteps(
      { texts: undefined, incoming: 7 * DAY, numbers: 30 * DAY, messages: 365 * DAY },
      memory.seal,
    );
    const forget = async (now: number) => {
      for (const step of steps) while (mayHaveMore(await memory.db.transaction((sql) => step(sql, now))));
    };
    await forget(T0);
    expect(await message(old)).toMatchObject({ number: '4477..23', given: '', dlr_url: '' });
    const found = await memory.rows('select id from message where number_hash = $1', memory.seal.hash(NUMBER));
    expect(found).toEqual([{ id: old.id }]);
    expect(await message(waiting)).toMatchObject({ number: NUMBER });
    const senders = await memory.rows('select sender from incoming order by at');
    expect(senders.map(({ sender }) => sender)).toEqual(['4477..23', NUMBER]);
    await forget(T0 + 400 * DAY);
    expect(await message(old)).toBeUndefined();
    expect(await memory.rows('select * from attempt')).toEqual([]);
    expect(await message(waiting)).toMatchObject({ number: NUMBER });
  });
});

const toldOf = (callback: number): Envelope => ({
  v: 1,
  type: 'report',
  kind: 'told',
  at: T0 + 20,
  callback,
  tries: 0,
  ok: true,
  reason: '200',
});
