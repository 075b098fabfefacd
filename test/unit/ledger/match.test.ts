// Which message a delivery receipt belongs to: the corpus of spellings and orders that providers are known for. A receipt
// that is matched later is better than one that is matched wrongly.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ReportOf } from '#shared/messages/report.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { type Form, idKey, keysOf } from '../../../services/ledger/record/match.ts';
import { HOUR, type Memory, onBoth } from '../../rig/memory.ts';
import { receiptOf, smsAt, takenAs } from '../../rig/story.ts';

const T0 = 1_795_296_456_000;
const OTHER = '447700900456';
const SOON = 6_000;

const UUID = '8d3c1f5e-0a2b-4c6d-9e8f-102030405060';
/** The answer's id, the receipt's, and the form that this is. */
const SPELLINGS: [answer: string, receipt: string, form: Form][] = [
  ['6b020cc8', '6b020cc8', 'same'],
  ['1795303201', '1795303201', 'same'],
  ['0000001795303201', '1795303201', 'same'],
  ['1795303201', '0001795303201', 'same'],
  ['6B020CC8', '6b020cc8', 'same'],
  ['6b020cc8', '006B020CC8', 'same'],
  [UUID, UUID.replaceAll('-', ''), 'same'],
  [UUID.replaceAll('-', '').toUpperCase(), UUID, 'same'],
  ['6b020cc8', '1795296456', 'decimal'],
  ['6B020CC8', '01795296456', 'decimal'],
  ['0000000A', '10', 'decimal'],
  ['10', '16', 'decimal'],
  ['6b020cc800000001', '7710739565144702977', 'decimal'],
  ['1795296456', '6b020cc8', 'hex'],
  ['1795296456', '6B020CC8', 'hex'],
  ['16', '10', 'hex'],
  ['6b020cc800000001', '6b020cc800', 'cut'],
  [UUID, UUID.slice(0, 10), 'cut'],
];

onBoth((open) => {
  let memory: Memory;
  beforeEach(async () => {
    memory = await open();
  });
  afterEach(() => memory.close());

  const stateOf = async ({ id }: Sms) => (await memory.rows('select state from message where id = $1', id))[0]?.state;
  const kept = async () => Number((await memory.rows('select count(*) as n from unmatched_receipt'))[0]!.n);
  const taken = async (answer: string, at = T0, change: Partial<Sms> = {}): Promise<Sms> => {
    const sms = smsAt(at, change);
    await memory.feed([sms, takenAs(sms, at, [answer])], at);
    return sms;
  };
  const receive = (id: string, at: number, change: Partial<ReportOf<'receipt'>> = {}) =>
    memory.feed(receiptOf(id, at, change), at);

  describe('spellings', () => {
    test.each(SPELLINGS)('%s and %s: %s', async (answer, receipt, form) => {
      memory.forms.main = form;
      const declared = await taken(answer);
      await receive(receipt, T0 + 10);
      if (form === 'cut') await memory.tryAgain(T0 + SOON);
      expect(await stateOf(declared)).toBe('delivered');
      // Without a word in the configuration it may take a second look, but not a wrong one.
      delete memory.forms.main;
      const other = await taken(answer, T0 + HOUR, { to: OTHER });
      await receive(receipt, T0 + HOUR + 10, { to: OTHER });
      await memory.tryAgain(T0 + HOUR + SOON);
      expect(await stateOf(other)).toBe('delivered');
      expect(await kept()).toBe(0);
    });

    test('nothing else: another form than the declared one, too short a beginning, another provider', async () => {
      memory.forms.main = 'same';
      const sms = await taken('10');
      const long = await taken('6b020cc800000001', T0 + 1, { to: OTHER });
      await receive('16', T0 + 10);
      await receive('6b020cc', T0 + 10, { to: OTHER });
      await receive('10', T0 + 10, { provider: 'backup' });
      await memory.tryAgain(T0 + SOON);
      expect([await stateOf(sms), await stateOf(long)]).toEqual(['submitted', 'submitted']);
      expect(await kept()).toBe(3);
    });

    test('a form is learned from receipts that could be nothing else', async () => {
      for (let i = 0; i < 5; i++) {
        await taken((4_000 + i).toString(16), T0 + i, { to: OTHER });
        await receive(String(4_000 + i), T0 + 10 + i, { to: OTHER });
        await memory.tryAgain(T0 + SOON + i);
      }
      expect(await kept()).toBe(0);
      // Now at first sight, and although another message has the number as its own id.
      const [ten, sixteen] = [await taken('10'), await taken('16', T0 + 1)];
      await receive('16', T0 + 20);
      expect([await stateOf(ten), await stateOf(sixteen)]).toEqual(['delivered', 'submitted']);
      await receive('22', T0 + 30);
      expect(await stateOf(sixteen)).toBe('delivered');
    });
  });

  describe('what could be two messages is none', () => {
    test('"16" against hex 10: the recipient decides, else nobody does', async () => {
      const [ten, sixteen] = [await taken('10'), await taken('16', T0 + 1, { to: OTHER })];
      await receive('16', T0 + 10, { to: OTHER });
      expect([await stateOf(ten), await stateOf(sixteen)]).toEqual(['submitted', 'delivered']);
      const [twenty, thirtyTwo] = [await taken('20', T0 + 2), await taken('32', T0 + 3)];
      await receive('32', T0 + 20);
      await memory.tryAgain(T0 + SOON);
      expect([await stateOf(twenty), await stateOf(thirtyTwo)]).toEqual(['submitted', 'submitted']);
      expect(await kept()).toBe(1);
    });

    test('a beginning that two ids share', async () => {
      const [one, two] = [await taken('6b020cc8000001'), await taken('6b020cc8000002', T0 + 1)];
      await receive('6b020cc8', T0 + 10);
      await memory.tryAgain(T0 + SOON);
      expect([await stateOf(one), await stateOf(two)]).toEqual(['submitted', 'submitted']);
      await receive('6b020cc8000002', T0 + 20);
      expect(await stateOf(two)).toBe('delivered');
    });

    test('a receipt that overtakes its answer does not take another message of the same handset', async () => {
      const ten = await taken('10');
      await receive('16', T0 + 10);
      expect(await stateOf(ten)).toBe('submitted');
      const sixteen = await taken('16', T0 + 5);
      expect([await stateOf(ten), await stateOf(sixteen)]).not.toContain('unknown');
      expect(await stateOf(ten)).toBe('submitted');
    });
  });

  describe('orders and times', () => {
    test('before the answer, and before the message itself', async () => {
      const sms = smsAt(T0);
      await receive('a1', T0 + 1);
      await memory.feed(takenAs(sms, T0, ['a1']), T0 + 2);
      expect(await kept()).toBe(1);
      await memory.feed(sms, T0 + 3);
      expect([await stateOf(sms), await kept()]).toEqual(['delivered', 0]);
    });

    test('in one batch with its message and its answer, in any order', async () => {
      const sms = smsAt(T0);
      await memory.feed([receiptOf('a1', T0 + 1), takenAs(sms, T0, ['a1']), sms], T0 + 2);
      expect([await stateOf(sms), await kept()]).toEqual(['delivered', 0]);
    });

    test('after a restart, and 72 hours later', async () => {
      const sms = await taken('0a1');
      await memory.reopen();
      await receive('A1', T0 + 72 * HOUR);
      expect(await stateOf(sms)).toBe('delivered');
    });

    test('an id that comes again months later belongs to the new message, whichever comes first', async () => {
      const old = await taken('a1');
      const later = T0 + 90 * 24 * HOUR;
      await receive('a1', later);
      expect(await stateOf(old)).toBe('submitted');
      const fresh = await taken('a1', later + 5);
      expect([await stateOf(old), await stateOf(fresh)]).toEqual(['submitted', 'delivered']);
    });

    test('of two attempts with the same id the newest', async () => {
      const [first, second] = [await taken('a1'), await taken('a1', T0 + HOUR)];
      await receive('a1', T0 + HOUR + 10);
      expect([await stateOf(first), await stateOf(second)]).toEqual(['submitted', 'delivered']);
    });

    test('two providers with the same id', async () => {
      const [here, there] = [smsAt(T0), smsAt(T0 + 1)];
      await memory.feed([here, takenAs(here, T0, ['7']), there, takenAs(there, T0, ['7'], { provider: 'backup' })], T0);
      await receive('7', T0 + 10, { provider: 'backup' });
      expect([await stateOf(here), await stateOf(there)]).toEqual(['submitted', 'delivered']);
    });

    test('a receipt without a recipient matches what is spelt alike, and nothing else', async () => {
      const [alike, hex] = [await taken('a1'), await taken('ff', T0 + 1)];
      for (const id of ['00A1', '255']) {
        const { to: _none, ...receipt } = receiptOf(id, T0 + 10);
        await memory.feed(receipt, T0 + 10);
      }
      await memory.tryAgain(T0 + SOON);
      expect([await stateOf(alike), await stateOf(hex)]).toEqual(['delivered', 'submitted']);
    });

    test('kept for 72 hours, then gone', async () => {
      await receive('nobody', T0);
      for (const hours of [1, 24, 72]) {
        await memory.tryAgain(T0 + hours * HOUR);
        expect(await kept()).toBe(1);
      }
      await memory.tryAgain(T0 + 73 * HOUR);
      expect(await kept()).toBe(0);
    });
  });

  describe('several parts', () => {
    test('one that fails makes the message fail; delivered when all are', async () => {
      const [bad, good] = [smsAt(T0), smsAt(T0 + 1, { to: OTHER })];
      await memory.feed([bad, takenAs(bad, T0, ['a1', 'a2', 'a3']), good, takenAs(good, T0, ['b1', 'b2'])], T0);
      await receive('a1', T0 + 10);
      await receive('a3', T0 + 11, { state: 'failed', stat: 'UNDELIV' });
      await receive('a2', T0 + 12);
      await receive('b2', T0 + 13, { to: OTHER });
      expect([await stateOf(bad), await stateOf(good)]).toEqual(['failed', 'submitted']);
      await receive('b1', T0 + 14, { to: OTHER });
      expect(await stateOf(good)).toBe('delivered');
    });

    test('failed at one provider while another has it is not the end', async () => {
      const sms = smsAt(T0);
      const second = takenAs(sms, T0 + 5, ['b1'], { provider: 'backup', handover: 1 });
      await memory.feed([sms, takenAs(sms, T0, ['a1']), second], T0 + 5);
      await receive('a1', T0 + 10, { state: 'failed', stat: 'UNDELIV' });
      expect(await stateOf(sms)).toBe('submitted');
      await receive('b1', T0 + 20, { provider: 'backup' });
      expect(await stateOf(sms)).toBe('delivered');
    });
  });
});

test('every spelling of a number finds every other one by a key', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), fc.nat(4), fc.boolean(), (number, zeros, capital) => {
      const hex = '0'.repeat(zeros) + number.toString(16);
      const written = capital ? hex.toUpperCase() : hex;
      const keys = (id: string) => keysOf(idKey(id)).map(({ key }) => key);
      expect(keys(number.toString())).toContain(idKey(written));
      expect(keys(written)).toContain(idKey(number.toString()));
    }),
  );
});
