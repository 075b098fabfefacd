// What the ledger owes a client: Kannel 1.4.5's callbacks for each dlr-mask, whatever the order in which facts arrive,
// and the outbox: one after another, repeats, giving up. Against a real database file.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Callback } from '#shared/messages/callback.ts';
import type { Envelope } from '#shared/messages/envelope.ts';
import { newId } from '#shared/messages/id.ts';
import type { ReportOf } from '#shared/messages/report.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { waitAfter } from '../../../services/ledger/callbacks/outbox.ts';
import { HOUR, type Memory, onBoth, RETRIES } from '../../rig/memory.ts';

const T0 = 1_795_296_456_000;
let memory: Memory;
/** Callbacks on the notifier's queue. */
let queued: Callback[];

const feed = async (envelope: Envelope, now = T0) => {
  queued.push(...(await memory.feed(envelope, now)));
};
const told = (callback: Callback, more: Partial<ReportOf<'told'>>, at = T0): ReportOf<'told'> => ({
  v: 1,
  type: 'report',
  kind: 'told',
  at,
  callback: callback.callback,
  tries: callback.tries,
  ok: false,
  reason: 'HTTP status 500',
  ...more,
});
/** Everything that goes out when the receiver takes it all: in order, as `type text`. */
const goesOut = async (): Promise<string[]> => {
  const out: string[] = [];
  for (let callback = queued.shift(); callback; callback = queued.shift()) {
    out.push(`${callback.dlrType} ${callback.values.text}`);
    await feed(told(callback, { ok: true, reason: '200' }));
  }
  expect(await memory.due(T0 + 48 * HOUR)).toEqual([]);
  return out;
};

const ID = newId(T0);
const sms = (dlrMask: number, change: Partial<Sms> = {}): Sms => ({
  v: 1,
  type: 'sms',
  id: ID,
  handover: 0,
  attempts: 0,
  expiry: T0 + HOUR,
  at: T0,
  traceparent: '',
  client: 'test',
  door: 'http',
  lane: 'urgent',
  to: '447700900123',
  given: '+447700900123',
  from: '12345',
  text: 'key word three',
  segments: 1,
  dlrMask,
  dlrUrl: 'http://client.example/d',
  ...change,
});
const report = { v: 1, type: 'report', at: T0 + 10, provider: 'sink' } as const;
const submitted = (providerId = 'a1', handover = 0): Envelope => ({
  ...report,
  kind: 'submitted',
  id: ID,
  handover,
  parts: [{ providerId, receipt: true }],
});
const receipt = (
  stat: string,
  state: ReportOf<'receipt'>['state'],
  change: Partial<ReportOf<'receipt'>> = {},
): Envelope => ({
  ...report,
  kind: 'receipt',
  at: T0 + 100,
  providerId: 'a1',
  state,
  stat,
  error: '000',
  to: '447700900123',
  raw: stat,
  ...change,
});
const ended = (change: Partial<ReportOf<'final'>>): Envelope => ({
  ...report,
  kind: 'final',
  id: ID,
  handover: 0,
  state: 'rejected',
  reason: 'ESME_RINVDSTADR',
  ...change,
});
const REFUSED = '16 NACK/0x0000000b/Invalid Destination Address';

// Columns: dlr-mask, then what Kannel sends when the message is taken and then …
const MASKS: [mask: number, delivered: string[], undelivered: string[], buffered: string[], refused: string[]][] = [
  [0, [], [], [], []],
  [1, ['1 DELIVRD'], [], ['1 DELIVRD'], []],
  [2, [], ['2 UNDELIV'], [], [REFUSED]],
  [3, ['1 DELIVRD'], ['2 UNDELIV'], ['1 DELIVRD'], [REFUSED]],
  [4, [], [], ['4 ENROUTE'], []],
  [7, ['1 DELIVRD'], ['2 UNDELIV'], ['4 ENROUTE', '1 DELIVRD'], [REFUSED]],
  [8, ['8 ACK/'], ['8 ACK/'], ['8 ACK/'], []],
  [16, [], [], [], [REFUSED]],
  [18, [], ['2 UNDELIV'], [], [REFUSED]],
  [19, ['1 DELIVRD'], ['2 UNDELIV'], ['1 DELIVRD'], [REFUSED]],
  [24, ['8 ACK/'], ['8 ACK/'], ['8 ACK/'], [REFUSED]],
  [31, ['8 ACK/', '1 DELIVRD'], ['8 ACK/', '2 UNDELIV'], ['8 ACK/', '4 ENROUTE', '1 DELIVRD'], [REFUSED]],
  [66, [], ['2 UNDELIV'], [], [REFUSED]],
];
const STORIES = ['delivered', 'undelivered', 'buffered', 'refused'] as const;
const storyOf = (mask: number): Record<(typeof STORIES)[number], Envelope[]> => ({
  delivered: [sms(mask), submitted(), receipt('DELIVRD', 'delivered')],
  undelivered: [sms(mask), submitted(), receipt('UNDELIV', 'failed')],
  buffered: [sms(mask), submitted(), receipt('ENROUTE', 'buffered'), receipt('DELIVRD', 'delivered', { at: T0 + 200 })],
  refused: [sms(mask), ended({ code: 11 })],
});

/** All orders in which the bus can bring these. */
function orders<T>(items: T[]): T[][] {
  if (items.length < 2) return [items];
  return items.flatMap((item, i) => orders(items.toSpliced(i, 1)).map((rest) => [item, ...rest]));
}

onBoth((open) => {
  beforeEach(async () => {
    queued = [];
    memory = await open();
  });
  afterEach(() => memory.close());

  describe.each(MASKS)('dlr-mask %i', (mask, ...expected) => {
    test.each(STORIES.map((story, i) => [story, expected[i]!] as const))('%s', async (story, callbacks) => {
      for (const envelope of storyOf(mask)[story]) await feed(envelope);
      expect(await goesOut()).toEqual(callbacks);
    });
  });

  describe('in any order, and with everything delivered twice, a client hears the same', () => {
    test.each(STORIES.filter((story) => story !== 'buffered'))('%s', async (story) => {
      for (const order of orders(storyOf(31)[story])) {
        for (const envelope of [...order, ...order]) await feed(envelope);
        const out = await goesOut();
        expect(out).toEqual(MASKS.find(([mask]) => mask === 31)![STORIES.indexOf(story) + 1]);
        await memory.close();
        memory = await open();
      }
    });
    test('an intermediate notification never comes after the final receipt, and once each', async () => {
      const [message, taken, enroute, final] = storyOf(31).buffered as [Envelope, Envelope, Envelope, Envelope];
      for (const envelope of [message, taken, enroute, enroute, final, enroute, final]) await feed(envelope);
      expect(await goesOut()).toEqual(['8 ACK/', '4 ENROUTE', '1 DELIVRD']);
    });
    test('a receipt that overtakes the answer to its submit comes behind it, in its full length but for the text', async () => {
      const raw =
        'id:a1 sub:001 dlvrd:001 submit date:2611212127 done date:2611212127 stat:DELIVRD err:000 text:key word three';
      await feed(receipt('DELIVRD', 'delivered', { raw }));
      await feed(submitted());
      expect(queued).toEqual([]);
      await feed(sms(31));
      expect(await goesOut()).toEqual(['8 ACK/', `1 ${raw.replace('key word three', '')}`]);
    });
  });

  describe('what a callback says', () => {
    const values = () => queued.shift()!;
    test('the answer to the submit', async () => {
      await feed(sms(31));
      await feed(submitted('6b020cc800000001'));
      expect(values()).toMatchObject({
        id: ID,
        client: 'test',
        at: T0 + 10,
        url: 'http://client.example/d',
        dlrType: 8,
        values: {
          given: '+447700900123',
          from: '12345',
          provider: 'sink',
          providerId: '6b020cc800000001',
          text: 'ACK/',
          account: '',
          meta: '?smpp_resp??orig_msg?dlr_mask=31&',
        },
      });
    });
    test('a receipt: the provider id in the form of the submit, the account, the error', async () => {
      await feed(sms(3));
      memory.forms.sink = 'decimal';
      await feed(submitted('ff'));
      await feed(
        receipt('UNDELIV', 'failed', { providerId: '255', error: '123', raw: 'id:255 stat:UNDELIV err:123 text:key' }),
      );
      expect(values()).toMatchObject({
        at: T0 + 100,
        dlrType: 2,
        values: {
          providerId: 'ff',
          text: 'id:255 stat:UNDELIV err:123 text:key',
          account: 'sink-user',
          meta: '?orig_msg?dlr_mask=3&?smpp?dlr_err=%03%00%7B&',
        },
      });
    });
    test.each([
      [undefined, '?orig_msg?dlr_mask=3&'],
      ['abc', '?orig_msg?dlr_mask=3&?smpp?dlr_err=%03%00%00&'],
      ['321', '?orig_msg?dlr_mask=3&?smpp?dlr_err=%03%01A&'],
    ])('meta data for error %s', async (error, meta) => {
      await feed(sms(3));
      await feed(submitted());
      const { error: _error, ...bare } = receipt('UNDELIV', 'failed') as ReportOf<'receipt'>;
      await feed(error === undefined ? bare : { ...bare, error });
      expect(values().values.meta).toBe(meta);
    });
    test.each<[Partial<ReportOf<'final'>>, string]>([
      [{ code: 11, reason: 'ESME_RINVDSTADR' }, 'NACK/0x0000000b/Invalid Destination Address'],
      [{ code: 1, reason: 'ESME_RINVMSGLEN' }, 'NACK/0x00000001/Message Length is invalid'],
      [
        { code: 0x400, reason: '0x00000400' },
        'NACK/0x00000400/Vendor-specific error, please refer to your SMPP provider',
      ],
      [{ code: 0x39, reason: '0x00000039' }, 'NACK/0x00000039/Unknown/Reserved'],
      [{ reason: 'every provider refused it: ESME_RSUBMITFAIL' }, 'NACK/0x00000045/Submit failed'],
      [
        { reason: 'every provider refused it: 0x00000400' },
        'NACK/0x00000400/Vendor-specific error, please refer to your SMPP provider',
      ],
      [{ state: 'failed', reason: 'no time left to try again: ESME_RSYSERR' }, 'NACK/0x00000008/System Error'],
      [{ reason: 'no route leads to a provider' }, 'NACK/no route leads to a provider'],
      [{ state: 'expired', reason: 'its validity was over' }, 'NACK/validity expired'],
      [{ code: 400, reason: 'the number is blocked' }, 'NACK/0x00000190/the number is blocked'],
    ])('an end: %o', async (change, text) => {
      await feed(sms(16));
      await feed(ended(change));
      expect(values()).toMatchObject({ dlrType: 16, values: { text, providerId: '', account: '' } });
    });
  });

  describe('one story, one set of callbacks', () => {
    test('a message that two providers took is acknowledged once', async () => {
      await feed(sms(31));
      await feed(submitted('a1', 0));
      await feed(submitted('b1', 1));
      expect(await goesOut()).toEqual(['8 ACK/']);
    });
    test('failed after another part was delivered, and delivered after it failed: the first final state stays', async () => {
      await feed(sms(31));
      await feed({
        ...submitted(),
        parts: ['a1', 'a2'].map((providerId) => ({ providerId, receipt: true })),
      } as Envelope);
      await feed(receipt('DELIVRD', 'delivered', { providerId: 'a1' }));
      await feed(receipt('UNDELIV', 'failed', { providerId: 'a2' }));
      await feed(receipt('ENROUTE', 'buffered', { providerId: 'a1', at: T0 + 900 }));
      expect(await goesOut()).toEqual(['8 ACK/', '2 UNDELIV']);
    });
    test('no URL, nothing owed; a receipt for another handset is not this one', async () => {
      const { dlrUrl: _none, ...without } = sms(31);
      await feed(without);
      await feed(submitted());
      await feed(receipt('DELIVRD', 'delivered'));
      expect(queued).toEqual([]);
      const other = newId(T0);
      await feed(sms(1, { id: other }));
      await feed({ ...submitted('z9'), id: other } as Envelope);
      await feed(receipt('DELIVRD', 'delivered', { providerId: 'z9', to: '447700900999' }));
      expect(queued).toEqual([]);
    });
  });

  describe('the outbox', () => {
    const begin = async (): Promise<Callback> => {
      await feed(sms(31));
      await feed(submitted());
      await feed(receipt('DELIVRD', 'delivered'));
      expect(queued).toHaveLength(1);
      return queued.shift()!;
    };
    /** The callback that is due next, and when: not a millisecond earlier. */
    const nextDue = async (): Promise<{ callback: Callback; at: number } | undefined> => {
      const [row] = await memory.rows('select min(due_at) as at from outbox where published = 0 and tries > 0');
      const at = Number(row?.at);
      expect(await memory.due(at - 1)).toEqual([]);
      const [callback] = await memory.due(at);
      return callback && { callback, at };
    };

    test('the second callback waits for the first', async () => {
      const first = await begin();
      expect(first.dlrType).toBe(8);
      await feed(told(first, {}, T0 + 50), T0 + 60);
      expect(queued).toEqual([]);
      expect(await memory.due(T0 + 4_000)).toEqual([]);
      const again = (await nextDue())!.callback;
      expect(again).toEqual({ ...first, tries: 1 });
      queued.push(again);
      await feed(told(queued.shift()!, { ok: true }, T0 + 6_000), T0 + 6_000);
      expect(queued.map(({ dlrType }) => dlrType)).toEqual([1]);
    });

    test('the ladder: each wait longer, hourly in the end, given up after a day with its reason', async () => {
      let callback: Callback | undefined = await begin();
      let at = T0;
      const waits: number[] = [];
      while (callback) {
        await feed(told(callback, {}, at), at);
        const next = await nextDue();
        if (!next) break;
        waits.push((next.at - at) / 1_000);
        ({ callback, at } = next);
        queued.push(callback);
        queued.length = 0;
      }
      expect(waits.slice(0, 8)).toEqual([5, 15, 60, 300, 900, 1_800, 3_600, 3_600]);
      expect(waits.length).toBe(29);
      expect(at - T0).toBeLessThanOrEqual(24 * HOUR);
      expect(memory.untold).toEqual([{ callback, reason: 'HTTP status 500' }]);
      const rows = await memory.rows('select untold from message where id = $1', ID);
      expect(rows).toEqual([{ untold: 'HTTP status 500' }]);
      // It holds back the second one until it is in safe keeping.
      expect(queued).toEqual([]);
      expect((await memory.dropped(callback!, at)).map(({ dlrType }) => dlrType)).toEqual([1]);
    });

    test('a receiver that is away for an hour gets everything, in order', async () => {
      const back = T0 + HOUR;
      const out: number[] = [];
      queued.push(await begin());
      for (let at = T0; at < T0 + 3 * HOUR; at += 5_000) {
        queued.push(...(await memory.due(at)));
        for (const callback of queued.splice(0)) {
          if (at >= back) out.push(callback.dlrType);
          await feed(told(callback, at < back ? {} : { ok: true, reason: '200' }, at), at);
        }
      }
      expect(out).toEqual([8, 1]);
    });

    test('what would end the same way each time is given up at once', async () => {
      const first = await begin();
      await feed(told(first, { permanent: true, reason: '10.0.0.1 is a private address' }));
      expect(memory.untold.map(({ reason }) => reason)).toEqual(['10.0.0.1 is a private address']);
      expect(await nextDue()).toBeUndefined();
    });

    test('a busy receiver: again soon, and not everyone at the same moment', async () => {
      const waits: number[] = [];
      for (let i = 0; i < 40; i++) {
        const id = newId(T0 + i);
        await feed(sms(8, { id }));
        await feed({ ...submitted(`p${i}`), id } as Envelope);
        const callback = queued.shift()!;
        await feed(told(callback, { busy: true, reason: 'receiver busy' }, T0 + 90_000), T0 + 90_000);
        const [row] = await memory.rows('select due_at, tries from outbox where id = $1', callback.callback);
        expect(row!.tries).toBe(1);
        waits.push(Number(row!.due_at) - T0 - 90_000);
      }
      for (const wait of waits) {
        expect(wait).toBeGreaterThanOrEqual(5_000);
        expect(wait).toBeLessThanOrEqual(300_000);
      }
      expect(new Set(waits).size).toBeGreaterThan(30);
    });

    test('an answer that comes twice, or late, counts once', async () => {
      const first = await begin();
      await feed(told(first, {}, T0 + 50));
      await feed(told(first, {}, T0 + 50));
      const { callback } = (await nextDue())!;
      expect(callback.tries).toBe(1);
      queued.push(callback);
      await feed(told(first, { ok: true }));
      expect(queued.map(({ tries }) => tries)).toEqual([1]);
    });

    test('what was on its way when the ledger ended goes out again, with the same number', async () => {
      const first = await begin();
      expect(await memory.due(T0)).toEqual([]);
      await memory.reopen();
      expect(await memory.due(T0)).toEqual([first]);
    });

    test('what an SMSC repeats of the text is not in the database in plain, and is told', async () => {
      await feed(sms(1));
      await feed(submitted());
      await feed(receipt('DELIVRD', 'delivered', { raw: 'id:a1 stat:DELIVRD err:000 text:key word three' }));
      const [row] = await memory.rows('select body from outbox');
      expect(row!.body).toContain('stat:DELIVRD err:000 text:"');
      expect(row!.body).not.toContain('key word');
      await memory.reopen();
      const [again] = await memory.due(T0);
      expect(again!.values.text).toBe('id:a1 stat:DELIVRD err:000 text:key word three');
    });

    test('the ladder is a function of age', () => {
      expect(
        [0, 4_999, 5_000, 19_999, 20_000, 79_999, 80_000, 20 * HOUR].map((age) => waitAfter(RETRIES, age)),
      ).toEqual([5_000, 5_000, 15_000, 15_000, 60_000, 60_000, 300_000, HOUR]);
    });
  });
});
