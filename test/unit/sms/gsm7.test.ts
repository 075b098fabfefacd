// GSM 7-bit: the tables of TS 23.038 against recorded octets, and the round trip for every text of the alphabet.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeGsm7, encodeGsm7, gsm7End, gsm7Length, isGsm7 } from '#shared/sms/gsm7.ts';

const hex = (text: string) => encodeGsm7(text).toString('hex');
const BMP = Array.from({ length: 0x10000 }, (_, unit) => String.fromCharCode(unit));
const ALPHABET = BMP.filter(isGsm7);
const gsmText = (size: fc.StringSharedConstraints = {}) => fc.string({ unit: fc.constantFrom(...ALPHABET), ...size });

describe('encodeGsm7', () => {
  test('writes the octets that Kannel sent for the ISE guest message', () => {
    const octets = encodeGsm7('ISE Guest portal Username:  jsmith02 Password:  t6ub79_6r');
    expect(octets).toHaveLength(57);
    expect(octets.toString('hex')).toBe(
      '49534520477565737420706f7274616c20557365726e616d653a20206a736d6974683032' +
        '2050617373776f72643a2020743675623739113672',
    );
  });

  test('writes what Kannel wrote for the recorded requests', () => {
    expect(hex('é€')).toBe('051b65');
    expect(hex('@{}[]')).toBe('001b281b291b3c1b3e');
    expect(hex('hello')).toBe('68656c6c6f');
  });

  test.each([
    ['@£$¥èéùìòÇ\nØø\rÅå', '000102030405060708090a0b0c0d0e0f'],
    ['Δ_ΦΓΛΩΠΨΣΘΞÆæßÉ', '101112131415161718191a1c1d1e1f'],
    [' !"#¤%&\'()*+,-./', '202122232425262728292a2b2c2d2e2f'],
    ['09:;<=>?¡AZÄÖÑÜ§¿azäöñüà', '30393a3b3c3d3e3f40415a5b5c5d5e5f60617a7b7c7d7e7f'],
    ['\f^{}\\[~]|€', '1b0a1b141b281b291b2f1b3c1b3d1b3e1b401b65'],
    ['', ''],
  ])('writes %j', (text, octets) => {
    expect(hex(text)).toBe(octets);
  });

  test('knows 127 characters and 10 of the extension table, and no other', () => {
    expect(ALPHABET).toHaveLength(137);
    expect(ALPHABET.filter((char) => gsm7Length(char) === 2).join('')).toBe('\f[\\]^{|}~€');
  });

  test.each(['ç', '`', '\t', '\x1b', 'я', '“', '\u00a0', '👍', '\ud800'])('refuses %j', (char) => {
    expect(isGsm7(`a${char}`)).toBe(false);
    expect(gsm7Length(`a${char}`)).toBe(-1);
    expect(() => encodeGsm7(`a${char}`)).toThrow(RangeError);
  });
});

describe('decodeGsm7', () => {
  const decode = (octets: string) => decodeGsm7(Buffer.from(octets, 'hex'));

  test('shows an unknown extension as the main character, and an ESC without one as a space', () => {
    expect(decode('1b41')).toBe('A');
    expect(decode('1b00')).toBe('@');
    expect(decode('411b')).toBe('A ');
    expect(decode('1b1b41')).toBe(' A');
    expect(decode('1b1b')).toBe(' ');
  });

  test('shows an octet that is no septet as U+FFFD', () => {
    expect(decode('4180ff1b80')).toBe('A\ufffd\ufffd\ufffd');
  });

  test('gives back every text of the alphabet', () => {
    fc.assert(
      fc.property(gsmText(), (text) => {
        const octets = encodeGsm7(text);
        expect(decodeGsm7(octets)).toBe(text);
        expect(octets).toHaveLength(gsm7Length(text));
        expect(octets.every((octet) => octet < 0x80)).toBe(true);
      }),
    );
  });

  test('reads any octets, and what it reads is written as septets again', () => {
    fc.assert(
      fc.property(fc.uint8Array({ max: 0x7f }), (octets) => {
        const text = decodeGsm7(octets);
        expect(text.length).toBeLessThanOrEqual(octets.length);
        expect(decodeGsm7(encodeGsm7(text))).toBe(text);
      }),
    );
  });
});

test('gsm7End stops before the character that no longer fits', () => {
  expect(gsm7End('aaaa', 0, 3)).toBe(3);
  expect(gsm7End('aa€a', 0, 3)).toBe(2);
  expect(gsm7End('aa€a', 1, 3)).toBe(3);
  fc.assert(
    fc.property(
      gsmText({ maxLength: 40, size: 'max' }),
      fc.nat(40),
      fc.integer({ min: 2, max: 50 }),
      (text, at, room) => {
        const start = Math.min(at, text.length);
        const end = gsm7End(text, start, room);
        expect(gsm7Length(text.slice(start, end))).toBeLessThanOrEqual(room);
        if (end < text.length) expect(gsm7Length(text.slice(start, end + 1))).toBeGreaterThan(room);
      },
    ),
  );
});
