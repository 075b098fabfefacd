// The PDUs of a modem: against a decoder that was written from the specification alone, and hostile octets. What libgammu
// makes of them is in test/flows.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Sms } from '#shared/messages/sms.ts';
import { gsm7Length, isGsm7 } from '#shared/sms/gsm7.ts';
import { relativeValidity } from '../../../services/egress-modem/pdu/fields.ts';
import { readPdu, statusOf } from '../../../services/egress-modem/pdu/received.ts';
import { fillBits, packSeptets, unpackSeptets } from '../../../services/egress-modem/pdu/septets.ts';
import { type SubmitOptions, segmentsOf, submitPdu } from '../../../services/egress-modem/pdu/submit.ts';
import { readSubmit, writeDeliver, writeStatusReport } from '../../peers/modem/tpdu.ts';

const ID = '019aa000-0000-7000-8000-0000000000a7';
const GSM7 = [...'@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡AZÄÖÑÜ§¿azäöñüà^{}\\[~]|€'];

const message = (more: Partial<Sms>) => ({ id: ID, to: '491701234567', text: 'Hello', ...more });
const sent = (more: Partial<Sms>, options: SubmitOptions = { statusReport: false }) =>
  segmentsOf(message(more)).map((segment) => {
    const { hex, length } = submitPdu(segment, options);
    return readSubmit(hex, length);
  });

const gsm7Text = fc.string({ unit: fc.constantFrom(...GSM7), maxLength: 500 });
const anyText = fc.string({ unit: 'grapheme', maxLength: 300 });

describe('SMS-SUBMIT', () => {
  test('the octets that a modem was seen to take', () => {
    const [segment] = segmentsOf(message({}));
    expect(submitPdu(segment!, { statusReport: true })).toEqual({
      hex: '0021000C91947110325476000005C8329BFD06',
      length: 18,
    });
  });

  test('any text arrives, in as many parts as it needs, and no part is over 140 octets', () => {
    fc.assert(
      fc.property(fc.oneof(gsm7Text, anyText), (text) => {
        const parts = sent({ text });
        expect(parts.map((part) => part.text).join('')).toBe(text);
        expect(parts.every(({ alphabet }) => alphabet === (isGsm7(text) ? 'gsm7' : 'ucs2'))).toBe(true);
        if (parts.length === 1) expect(parts[0]!.header).toBe('');
        else
          for (const [i, { concat }] of parts.entries())
            expect(concat).toEqual({ reference: 0xa7, total: parts.length, part: i + 1 });
      }),
    );
  });

  test('binary octets, with and without a header of their own', () => {
    const octets = fc.uint8Array({ maxLength: 130 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
    fc.assert(
      fc.property(octets, fc.boolean(), (text, header) => {
        const udh = header ? '06050415810000' : undefined;
        const [only, ...more] = sent({ text, encoding: 'binary', ...(udh ? { udh } : {}) });
        expect(more).toEqual([]);
        expect(only).toMatchObject({ text, alphabet: 'binary', header: udh ?? '' });
      }),
    );
  });

  test('a part that the client made keeps its header, and its septets begin on a boundary', () => {
    const headers = fc.uint8Array({ minLength: 1, maxLength: 20 }).map((ie) => Buffer.from([ie.length, ...ie]));
    fc.assert(
      fc.property(headers, fc.string({ unit: fc.constantFrom(...'abcXYZ 019'), maxLength: 130 }), (udh, text) => {
        const [only] = sent({ udh: udh.toString('hex'), text, encoding: 'gsm7' });
        expect(only).toMatchObject({ header: udh.toString('hex'), text });
      }),
    );
  });

  test('flash, Latin-1, short codes, a service centre, a validity', () => {
    expect(sent({ messageClass: 0 })[0]).toMatchObject({ class: 0, alphabet: 'gsm7' });
    expect(sent({ messageClass: 0, text: 'Привет' })[0]).toMatchObject({ class: 0, alphabet: 'ucs2', text: 'Привет' });
    expect(sent({ encoding: 'latin1', text: 'grün' })[0]).toMatchObject({ alphabet: 'gsm7', text: 'grün' });
    expect(sent({ encoding: 'latin1', text: 'þ' })[0]).toMatchObject({ alphabet: 'ucs2', text: 'þ' });
    expect(sent({ to: '12345' })[0]!.to).toBe('12345');
    expect(sent({})[0]!.to).toBe('+491701234567');
    const options = { smsc: '+491710760000', statusReport: true, validityMs: 3_600_000 };
    expect(sent({}, options)[0]).toMatchObject({
      smsc: '+491710760000',
      statusReport: true,
      validityMs: 3_600_000,
    });
  });

  test('the validity is never longer than asked, but for the five minutes that are the least', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 * 7 * 86_400_000 }), (validityMs) => {
        const told = sent({}, { statusReport: false, validityMs })[0]!.validityMs!;
        expect(told).toBeLessThanOrEqual(Math.max(validityMs, 300_000));
        if (validityMs < 63 * 7 * 86_400_000) expect(told * 2).toBeGreaterThan(validityMs / 1.01);
      }),
    );
    expect(relativeValidity(120_000)).toBe(0);
  });

  test('what a modem cannot send is said in words', () => {
    expect(() => segmentsOf(message({ to: 'ALERT' }))).toThrow('a modem sends to numbers only');
    const udh = '050003010201';
    expect(() => segmentsOf(message({ udh, text: 'x'.repeat(154), encoding: 'gsm7' }))).toThrow('161 septets');
    expect(() => segmentsOf(message({ udh, text: 'x'.repeat(135), encoding: 'binary' }))).toThrow('141 octets');
  });
});

describe('septets', () => {
  test('packed and unpacked behind any header', () => {
    const septets = fc.array(fc.integer({ min: 0, max: 127 }), { maxLength: 160 });
    fc.assert(
      fc.property(septets, fc.integer({ min: 0, max: 140 }), (list, header) => {
        const packed = packSeptets(Buffer.from(list), fillBits(header));
        expect([...unpackSeptets(packed, list.length, fillBits(header))]).toEqual(list);
      }),
    );
  });
});

describe('what arrives', () => {
  const at = Date.UTC(2026, 10, 21, 21, 26, 32);

  test('any text from a number or a name, in any zone', () => {
    const from = fc.oneof(
      fc.constantFrom('+491701234567', '12345', 'ALERT', 'Bank7', '+1'),
      fc.constant('ABCDEFGHIJK'),
    );
    const text = fc.oneof(
      gsm7Text.filter((one) => gsm7Length(one) <= 160),
      anyText.filter((one) => one.length <= 70),
    );
    fc.assert(
      fc.property(from, text, fc.integer({ min: -48, max: 56 }), (sender, one, quarters) => {
        const alphabet = isGsm7(one) ? 'gsm7' : 'ucs2';
        const read = readPdu(writeDeliver({ from: sender, text: one, alphabet, at, quarters }));
        expect(read).toEqual({ kind: 'deliver', from: sender, text: one.toWellFormed(), encoding: alphabet, at });
      }),
    );
  });

  test('parts of a long message, with a reference of one octet or two', () => {
    const read = (header: string) => readPdu(writeDeliver({ from: '+49170', text: 'part', header, at }));
    expect(read('050003a70201')).toMatchObject({ text: 'part', concat: { reference: 0xa7, total: 2, part: 1 } });
    expect(read('06080412340302')).toMatchObject({ text: 'part', concat: { reference: 0x1234, total: 3, part: 2 } });
    expect(read('0b0504158100000003a70202')).toMatchObject({ concat: { reference: 0xa7, total: 2, part: 2 } });
    expect(read('050003a70203')).not.toHaveProperty('concat');
  });

  test('a status report that was seen, and any other', () => {
    const seen = '0006020C91947110325476621112126223006211121262330000';
    expect(readPdu(seen)).toEqual({
      kind: 'status-report',
      reference: 2,
      to: '+491701234567',
      takenAt: Date.UTC(2026, 10, 21, 21, 26, 32),
      doneAt: Date.UTC(2026, 10, 21, 21, 26, 33),
      status: 0,
    });
    fc.assert(
      fc.property(fc.nat(255), fc.nat(255), (reference, status) => {
        const report = { reference, to: '+491701234567', takenAt: at, doneAt: at + 60_000, status };
        expect(readPdu(writeStatusReport(report))).toEqual({ kind: 'status-report', ...report });
        expect(statusOf(status).stat).toMatch(/^[A-Z]{7}$/);
      }),
    );
  });

  test('octets of any kind are read or refused in words, and never more', () => {
    const start = fc.constantFrom('', '00', '0004', '0006', '0044', '07919471060040340404D0');
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 180 }), (head, rest) => {
        try {
          const read = readPdu(head + Buffer.from(rest).toString('hex'));
          if (read.kind === 'deliver') expect(read.text.length).toBeLessThanOrEqual(160);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
      { numRuns: 2_000 },
    );
    expect(() => readPdu('xyz')).toThrow('not in hex');
  });
});
