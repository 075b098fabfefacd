// Delivery receipts: the forms that SMSCs send, and that no input makes the parser throw or believe a message's text.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const anyUnit = fc.nat(0xffff).map((unit) => String.fromCharCode(unit));

import { kannelType, parseReceipt, type ReceiptState } from '#shared/sms/receipt.ts';

const KANNEL_RUN =
  'id:6b020cc800000001 sub:001 dlvrd:001 submit date:2611212127 done date:2611212127 stat:DELIVRD err:000 text:key word three';
const state = (text: string, tlv = {}) => parseReceipt(text, tlv)?.state;

test('reads the form of SMPP 3.4, Appendix B', () => {
  expect(parseReceipt(KANNEL_RUN, {})).toEqual({
    providerId: '6b020cc800000001',
    state: 'delivered',
    stat: 'DELIVRD',
    error: '000',
    doneAt: Date.UTC(2026, 10, 21, 21, 27),
    text: 'key word three',
  });
});

describe('state', () => {
  test.each<[string, ReceiptState, 1 | 2 | 4]>([
    ['DELIVRD', 'delivered', 1],
    ['delivrd', 'delivered', 1],
    ['DELIVERED', 'delivered', 1],
    ['EXPIRED', 'expired', 2],
    ['DELETED', 'failed', 2],
    ['UNDELIV', 'failed', 2],
    ['Undeliverable', 'failed', 2],
    ['UNDELIVERED', 'failed', 2],
    ['ACCEPTD', 'buffered', 4],
    ['ENROUTE', 'buffered', 4],
    ['BUFFRED', 'buffered', 4],
    ['UNKNOWN', 'unknown', 2],
    ['REJECTD', 'rejected', 2],
    ['REJECTED', 'rejected', 2],
    ['WHATEVER', 'unknown', 2],
    ['__proto__', 'unknown', 2],
  ])('of %s', (word, expected, type) => {
    const receipt = parseReceipt(`id:1 stat:${word} err:000`, {});
    expect(receipt).toMatchObject({ state: expected, stat: word });
    expect(kannelType(expected)).toBe(type);
  });

  test.each<[number, ReceiptState, string]>([
    [0, 'buffered', 'SCHEDULED'],
    [1, 'buffered', 'ENROUTE'],
    [2, 'delivered', 'DELIVRD'],
    [3, 'expired', 'EXPIRED'],
    [4, 'failed', 'DELETED'],
    [5, 'failed', 'UNDELIV'],
    [6, 'buffered', 'ACCEPTD'],
    [7, 'unknown', 'UNKNOWN'],
    [8, 'rejected', 'REJECTD'],
    [9, 'failed', 'SKIPPED'],
    [10, 'unknown', 'UNKNOWN'],
    [-1, 'unknown', 'UNKNOWN'],
  ])('of message_state %d', (messageState, expected, stat) => {
    expect(parseReceipt('', { receiptedMessageId: 'a', messageState })).toEqual({
      providerId: 'a',
      state: expected,
      stat,
    });
  });
});

describe('TLVs', () => {
  test('win over the text for id, state and error', () => {
    const tlv = { receiptedMessageId: 'ABC', messageState: 5, networkErrorCode: Buffer.from([3, 0, 34]) };
    expect(parseReceipt(KANNEL_RUN, tlv)).toMatchObject({
      providerId: 'ABC',
      state: 'failed',
      stat: 'DELIVRD',
      error: '034',
    });
  });

  test('leave to the text what they do not say', () => {
    expect(parseReceipt('id:7 err:12', { messageState: 2 })).toEqual({
      providerId: '7',
      state: 'delivered',
      stat: 'DELIVRD',
      error: '12',
    });
    expect(state('stat:EXPIRED', { receiptedMessageId: '7' })).toBe('expired');
    expect(state(KANNEL_RUN, { receiptedMessageId: '', messageState: 200 })).toBe('delivered');
    expect(parseReceipt(KANNEL_RUN, { networkErrorCode: Buffer.alloc(1) })?.error).toBe('000');
  });
});

describe('text', () => {
  test.each([
    ['without an id', 'stat:DELIVRD err:000'],
    ['without a state', 'id:123 sub:001 err:000'],
    ['with an empty id', 'id: stat:DELIVRD'],
    ['of a person', 'Meet me at 10:30, my id: is lost'],
    ['empty', ''],
  ])('%s is no receipt', (_, text) => {
    expect(parseReceipt(text, {})).toBeUndefined();
  });

  test('of the message cannot speak for the SMSC', () => {
    expect(parseReceipt('id:1 stat:UNDELIV text:id:2 stat:DELIVRD err:9 done date:2611212127', {})).toEqual({
      providerId: '1',
      state: 'failed',
      stat: 'UNDELIV',
      text: 'id:2 stat:DELIVRD err:9 done date:2611212127',
    });
    expect(parseReceipt('err:034 text:stat:DELIVRD err:9', { receiptedMessageId: '1', messageState: 5 })).toEqual({
      providerId: '1',
      state: 'failed',
      stat: 'UNDELIV',
      error: '034',
      text: 'stat:DELIVRD err:9',
    });
  });

  test('counts the first field of a kind', () => {
    const twice = 'id:1 id:2 err:3 err:4 stat:UNDELIV stat:DELIVRD';
    expect(parseReceipt(twice, {})).toEqual({ providerId: '1', state: 'failed', stat: 'UNDELIV', error: '3' });
  });

  test('may have other keys, blanks and an end in NUL', () => {
    expect(parseReceipt('ID:a:b-c/d\nSTATUS:delivrd\0Done_Date:261121212759\0', {})).toEqual({
      providerId: 'a:b-c/d',
      state: 'delivered',
      stat: 'delivrd',
      doneAt: Date.UTC(2026, 10, 21, 21, 27, 59),
    });
    expect(parseReceipt('paid:5 id:6 mystat:X stat:EXPIRED', {})).toMatchObject({ providerId: '6', state: 'expired' });
  });

  test('is read up to 1 KiB', () => {
    expect(parseReceipt(`${'x'.repeat(1000)} id:1 stat:DELIVRD`, {})?.providerId).toBe('1');
    expect(parseReceipt(`${'x'.repeat(1020)} id:1 stat:DELIVRD`, {})).toBeUndefined();
  });
});

test.each([
  ['2611212127', Date.UTC(2026, 10, 21, 21, 27)],
  ['261121212759', Date.UTC(2026, 10, 21, 21, 27, 59)],
  ['202611212127', Date.UTC(2026, 10, 21, 21, 27)],
  ['20261121212759', Date.UTC(2026, 10, 21, 21, 27, 59)],
  ['2602302127', undefined],
  ['2613212127', undefined],
  ['2611212460', undefined],
  ['261121212760', undefined],
  ['2611002127', undefined],
  ['0000000000', undefined],
  ['26112121', undefined],
  ['2611212127+04', undefined],
])('done date %s', (digits, doneAt) => {
  expect(parseReceipt(`id:1 stat:DELIVRD done date:${digits}`, {})?.doneAt).toBe(doneAt);
});

describe('any input', () => {
  test('does not throw', () => {
    const pieces = fc.constantFrom(
      'id:',
      'stat:',
      'done date:',
      'text:',
      'err:',
      ' ',
      '\0',
      'DELIVRD',
      '2611212127',
      ':',
      'a',
    );
    const texts = fc.oneof(fc.string({ unit: anyUnit, maxLength: 2000, size: 'max' }), fc.string({ unit: pieces }));
    const tlvs = fc.record(
      {
        receiptedMessageId: fc.string(),
        messageState: fc.oneof(fc.integer(), fc.double()),
        networkErrorCode: fc.uint8Array({ maxLength: 5 }).map((octets) => Buffer.from(octets)),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(texts, tlvs, (text, tlv) => {
        const receipt = parseReceipt(text, tlv);
        if (receipt) expect(receipt.providerId && receipt.stat).not.toBe('');
        if (receipt) expect([1, 2, 4]).toContain(kannelType(receipt.state));
      }),
      { numRuns: 500 },
    );
  });

  test('with fields in any order and case, some missing, gives up its id, state and time', () => {
    const fields = fc.record({
      id: fc.stringMatching(/^[!-~]{1,64}$/),
      needed: fc.shuffledSubarray(['id', 'stat', 'done date'], { minLength: 3 }),
      others: fc.shuffledSubarray(['sub:001', 'dlvrd:001', 'submit date:2611212120', 'err:001']),
      at: fc.nat(4),
      inCapitals: fc.func(fc.boolean()),
      text: fc.constantFrom('', ' text:Your code', ' Text:id:9 stat:DELIVRD done date:2001010101'),
    });
    fc.assert(
      fc.property(fields, ({ id, needed, others, at, inCapitals, text }) => {
        const values: Record<string, string> = { id, stat: 'UNDELIV', 'done date': '2611212127' };
        const words = needed.map((key) => `${inCapitals(key) ? key.toUpperCase() : key}:${values[key]}`);
        const receipt = parseReceipt(others.toSpliced(at, 0, ...words).join(' ') + text, {});
        expect(receipt).toMatchObject({ providerId: id, state: 'failed', doneAt: Date.UTC(2026, 10, 21, 21, 27) });
      }),
    );
  });

  test('with its text in front still gives up its id and state', () => {
    expect(parseReceipt('text:Your code id:7 err:001 stat:REJECTD', {})).toEqual({
      providerId: '7',
      state: 'rejected',
      stat: 'REJECTD',
      error: '001',
      text: 'Your code',
    });
  });
});
