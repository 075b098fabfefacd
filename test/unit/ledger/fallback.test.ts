// Fallback in the ledger: once, at its time, never after the validity, and one final state whatever comes in whatever
// order; on real databases, with a ledger that ends in the middle.
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Envelope } from '#shared/messages/envelope.ts';
import type { Sms } from '#shared/messages/sms.ts';
import {
  FALLBACK_HANDOVER,
  fallbackReleased,
  leftOverFallbacks,
  releaseFallbacks,
} from '../../../services/ledger/clock/fallback.ts';
import { type Memory, onBoth } from '../../rig/memory.ts';
import { endOf, receiptOf, smsAt, takenAs } from '../../rig/story.ts';

const T0 = 1_795_296_456_000;
const AFTER = 30_000;
const DUE = T0 + AFTER;

const askedBy = (sms: Sms): Envelope => ({
  ...{ v: 1, type: 'report', kind: 'fallback', at: sms.at, id: sms.id, due: sms.at + AFTER },
  message: { ...sms, fallback: ['push'] },
});
/** By the other bearer, which gives no receipts unless `ids` are asked for. */
const pushed = (sms: Sms, at: number, receipt = false): Envelope => ({
  ...{ v: 1, type: 'report', kind: 'submitted', at, id: sms.id, handover: FALLBACK_HANDOVER, provider: 'push' },
  parts: [{ providerId: `p${sms.id}`, receipt }],
});

onBoth((open) => {
  let memory: Memory;
  beforeEach(async () => {
    memory = await open();
  });
  afterEach(() => memory.close());
  const release = (now: number, mark = now) =>
    memory.db.transaction((sql) => releaseFallbacks(sql, memory.seal, memory.fallbacks, mark, now));
  const started = async (change: Partial<Sms> = {}) => {
    const sms = smsAt(T0, change);
    await memory.feed([sms, askedBy(sms), takenAs(sms, T0, [`a${sms.id}`])], T0);
    return sms;
  };
  const stateOf = async ({ id }: Sms) => {
    const [row] = await memory.rows('select state, final, provider from message where id = $1', id);
    return `${row!.state}${row!.final ? ' by ' : ' still at '}${row!.provider}`;
  };

  test('at its time, when all that came before is read, and once', async () => {
    const sms = await started();
    expect(await release(DUE - 1)).toEqual([]);
    expect(await release(DUE + 5_000, DUE - 1)).toEqual([]);
    const [again] = await release(DUE);
    expect(again).toEqual({ ...sms, handover: FALLBACK_HANDOVER, fallback: ['push'] });
    expect(await release(DUE)).toEqual([]);
    // The router told twice: it repeats itself after a crash.
    await memory.feed(askedBy(sms), DUE + 1);
    expect(await release(DUE + 2)).toEqual([]);
    // The ledger ended before the broker had it.
    await memory.reopen();
    expect(await leftOverFallbacks(memory.db.read, memory.seal)).toEqual([again]);
    await memory.db.transaction((sql) => fallbackReleased(sql, [again!]));
    await memory.reopen();
    expect(await leftOverFallbacks(memory.db.read, memory.seal)).toEqual([]);
    expect(await release(DUE + 2)).toEqual([]);
    expect(await memory.rows("select id from fallback where sealed <> ''")).toEqual([]);
    await memory.feed(pushed(sms, DUE + 10), DUE + 10);
    expect(await stateOf(sms)).toBe('sent by push');
    // A late receipt of the first is stored, and changes nothing.
    expect(await memory.feed(receiptOf(`a${sms.id}`, DUE + 20), DUE + 20)).toEqual([]);
    expect(await stateOf(sms)).toBe('sent by push');
    expect(memory.finals).toEqual(['sent']);
    const [first] = await memory.rows('select receipt_state from attempt where handover = 0');
    expect(first!.receipt_state).toBe('delivered');
  });

  test('not when it is delivered, and not after its validity', async () => {
    const delivered = await started();
    const late = await started({ expiry: DUE });
    await memory.feed(receiptOf(`a${delivered.id}`, T0 + 10), T0 + 10);
    expect(await release(DUE)).toEqual([]);
    expect(await stateOf(delivered)).toBe('delivered by main');
    expect(await stateOf(late)).toBe('submitted still at main');
    expect(await memory.rows('select distinct state, sealed from fallback')).toEqual([{ state: 2, sealed: '' }]);
  });

  test('a failure brings it forward, and is not the end; over a restart too', async () => {
    const [failed, refused] = [await started(), smsAt(T0)];
    await memory.feed([refused, askedBy(refused)], T0);
    await memory.feed(receiptOf(`a${failed.id}`, T0 + 10, { state: 'failed', stat: 'UNDELIV' }), T0 + 10);
    await memory.reopen();
    await memory.feed(endOf(refused, T0 + 10), T0 + 10);
    expect(memory.finals).toEqual([]);
    expect((await release(T0 + 10)).map(({ id }) => id).toSorted()).toEqual([failed.id, refused.id].toSorted());
    await memory.reopen();
    // It is on its way: still not the end.
    await memory.feed(endOf(refused, T0 + 20, { handover: 1 }), T0 + 20);
    expect(memory.finals).toEqual([]);
    await memory.feed([pushed(failed, T0 + 30), endOf(refused, T0 + 30, { handover: FALLBACK_HANDOVER })], T0 + 30);
    expect([await stateOf(failed), await stateOf(refused)]).toEqual([
      'sent by push',
      expect.stringMatching(/^\w+ by /),
    ]);
    expect(memory.finals).toHaveLength(2);
  });

  test('whatever comes in whatever order: one final state, at most one fallback', async () => {
    let at = T0;
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7, 8], { minLength: 3 }), async (order) => {
        at += 3_600_000;
        const sms = smsAt(at, { dlrMask: 31 });
        const first = `a${sms.id}`;
        const steps: (() => Promise<unknown>)[] = [
          () => memory.feed(sms, at),
          () => memory.feed(askedBy(sms), at),
          () => memory.feed(takenAs(sms, at, [first]), at),
          () => memory.feed(receiptOf(first, at + 5), at + 5),
          () => memory.feed(receiptOf(first, at + 6, { state: 'failed', stat: 'UNDELIV' }), at + 6),
          () => memory.feed(endOf(sms, at + 7, { handover: 1 }), at + 7),
          () => memory.reopen(),
          () => memory.feed(pushed(sms, at + AFTER, true), at + AFTER),
          () => memory.feed(receiptOf(`p${sms.id}`, at + AFTER, { provider: 'push' }), at + AFTER),
        ];
        memory.finals.length = 0;
        let released = 0;
        for (const step of order) {
          await steps[step]!();
          released += (await release(at + AFTER)).filter(({ id }) => id === sms.id).length;
        }
        await memory.judge(at + 90 * 24 * 3_600_000);
        expect(released).toBeLessThanOrEqual(1);
        expect(memory.finals.length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 40 },
    );
  });
});
