// Texts of the settings smartText, shiftTables and splitChars, and user data with a header of the client's own.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeGsm7, isGsm7 } from '#shared/sms/gsm7.ts';
import { countSegments, split, splitOctets } from '#shared/sms/segments.ts';
import { shifted } from '#shared/sms/shift.ts';
import { plainText } from '#shared/sms/smart.ts';

describe('smart text', () => {
  test.each([
    ['\u201eCode\u201c \u2013 \u20185\u2019\u2026', '"Code" - \'5\'...'],
    ['a\u00a0b\u202fc\u200bd', 'a b cd'],
    ['\u201cГ\u201d: Пароль', '\u201cГ\u201d: Пароль'],
    ['@ €\r\n\n{}', '@ €\r\n\n{}'],
  ])('%j becomes %j', (text, plain) => {
    expect(plainText(text)).toBe(plain);
  });
  test('is GSM or the text itself, and line breaks stay', () => {
    const text = fc
      .array(fc.constantFrom('a', '\r\n', '\n', '\r', '\u2019', '\u2026', '\u00a0', 'Я', '€'))
      .map((list) => list.join(''));
    fc.assert(
      fc.property(text, (given) => {
        const plain = plainText(given);
        expect(plain === given || isGsm7(plain)).toBe(true);
        expect(plain.replaceAll(/[^\r\n]/g, '')).toBe(given.replaceAll(/[^\r\n]/g, ''));
      }),
    );
  });
});

describe('national single shift tables', () => {
  test.each([
    ['turkish', 'Şifreniz: 123456', '03240101', `1b53${Buffer.from('ifreniz: 123456').toString('hex')}`],
    ['spanish', 'Código: 12', '03240102', `431b6f${Buffer.from('digo: 12').toString('hex')}`],
    ['portuguese', 'Não 1', '03240103', '4e1b7b6f2031'],
  ] as const)('%s: %s', (language, text, udh, octets) => {
    const found = shifted(text, [language]);
    expect({ ...found, text: Buffer.from(found!.text, 'latin1').toString('hex') }).toEqual({
      udh,
      text: octets,
      encoding: 'gsm7',
    });
  });
  test.each([
    ['a text that needs none', 'Hello é'],
    ['a letter that it lacks', 'Şifre Я'],
  ])('not for %s', (_case, text) => {
    expect(shifted(text, ['turkish', 'spanish', 'portuguese'])).toBeUndefined();
  });
  test('never more segments than UCS-2, and no escape pair is cut', () => {
    const letters = fc.array(fc.constantFrom('Ş', 'ğ', 'a', ' ', '€', 'ı'), { minLength: 1, maxLength: 500 });
    fc.assert(
      fc.property(letters, (list) => {
        const text = list.join('');
        const found = shifted(text, ['turkish']);
        if (!found) return;
        const parts = splitOctets(Buffer.from(found.udh, 'hex'), Buffer.from(found.text, 'latin1'), 'gsm7', 7);
        expect(parts.length).toBeLessThanOrEqual(countSegments(text, 'ucs2').segments);
        const bodies = parts.map((part) => part.subarray(part[0]! + 1));
        expect(Buffer.concat(bodies).toString('latin1')).toBe(found.text);
        for (const [i, part] of parts.entries()) {
          expect(Math.ceil(((part[0]! + 1) * 8) / 7) + bodies[i]!.length).toBeLessThanOrEqual(160);
          expect(bodies[i]!.at(-1)).not.toBe(0x1b);
        }
      }),
    );
  });
});

test('split characters: a part ends behind the last of them, where there is one', () => {
  const text = 'abcdefg. '.repeat(40);
  const parts = split(text, 'gsm7', '.').map((part) => decodeGsm7(part));
  expect(parts.join('')).toBe(text);
  for (const part of parts.slice(0, -1)) expect(part.endsWith('.')).toBe(true);
  expect(countSegments(text, 'gsm7', '.').segments).toBe(parts.length);
  expect(split('a'.repeat(400), 'gsm7', '.').map((part) => part.length)).toEqual([153, 153, 94]);
});

test('user data with a header: whole when it fits, else parts with a concatenation element each', () => {
  const header = fc.uint8Array({ minLength: 2, maxLength: 20 }).map((rest) => Buffer.from([rest.length, ...rest]));
  const encoding = fc.constantFrom('gsm7' as const, 'ucs2' as const, 'binary' as const);
  fc.assert(
    fc.property(header, fc.uint8Array({ maxLength: 900 }), encoding, (udh, given, how) => {
      const octets = Buffer.from(
        how === 'ucs2' ? given.subarray(0, given.length & ~1) : given.map((octet) => octet & 0x7f),
      );
      const parts = splitOctets(udh, octets, how, 42);
      const bodies = parts.map((part) => part.subarray(part[0]! + 1));
      expect(Buffer.concat(bodies)).toEqual(octets);
      if (how === 'ucs2') for (const body of bodies) expect(body.length % 2).toBe(0);
      if (parts.length === 1) expect(parts[0]).toEqual(Buffer.concat([udh, octets]));
      for (const [i, part] of parts.entries()) {
        const most = how === 'gsm7' ? 160 - Math.ceil(((part[0]! + 1) * 8) / 7) : 140 - part[0]! - 1;
        expect(bodies[i]!.length).toBeLessThanOrEqual(most);
        if (parts.length > 1)
          expect([...part.subarray(part[0]! - 4, part[0]! + 1)]).toEqual([0, 3, 42, parts.length, i + 1]);
      }
    }),
  );
});
