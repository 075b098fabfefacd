// Splitting: sizes at the limits, and for any text that the parts join to it and begin only where a part may.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeGsm7, isGsm7 } from '#shared/sms/gsm7.ts';
import {
  concatReference,
  concatUdh,
  countSegments,
  cutToSegments,
  type Encoding,
  encodingOf,
  split,
  toLatin1,
  toUcs2,
} from '#shared/sms/segments.ts';

/** What a part may hold, in octets of short_message beside the header. */
const ALONE = { gsm7: 160, latin1: 140, ucs2: 140, binary: 140 };
const PART = { gsm7: 153, latin1: 134, ucs2: 134, binary: 134 };

const BMP = Array.from({ length: 0x10000 }, (_, unit) => String.fromCharCode(unit));
const gsmText = fc.string({
  unit: fc.oneof(fc.constantFrom(...BMP.filter(isGsm7)), fc.constantFrom('€', '[', '\r\n')),
  maxLength: 700,
  size: 'max',
});
const latin1Text = fc.string({
  unit: fc.oneof(fc.constantFrom(...BMP.slice(0, 0x100)), fc.constant('\r\n')),
  maxLength: 500,
  size: 'max',
});
const ucs2Text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 300, size: 'max' }),
  fc.string({ unit: 'grapheme-composite', maxLength: 300, size: 'max' }),
  fc.string({
    unit: fc.constantFrom(
      'a',
      'я',
      'é',
      'e\u0301',
      '👍',
      '👍🏽',
      '👨‍👩‍👧‍👦',
      '🇩🇪',
      '한',
      '각',
      'क्षि',
      '\r\n',
      '\u0600',
    ),
    maxLength: 200,
    size: 'max',
  }),
);

/** Reads UTF-16BE as it stands, lone surrogates too, which TextDecoder would replace. */
const readUcs2 = (octets: Buffer) => Buffer.from(octets).swap16().toString('utf16le');
const read = (octets: Buffer, encoding: Encoding) => {
  if (encoding === 'gsm7') return decodeGsm7(octets);
  return encoding === 'ucs2' ? readUcs2(octets) : octets.toString('latin1');
};
const lengths = (text: string, encoding: Encoding) => split(text, encoding).map((part) => part.length);
const graphemesOf = (text: string) => [...new Intl.Segmenter('en').segment(text)].map(({ segment }) => segment);

describe('split', () => {
  test.each<[string, string, Encoding, number[]]>([
    ['nothing', '', 'gsm7', [0]],
    ['160 septets', 'a'.repeat(160), 'gsm7', [160]],
    ['161 septets', 'a'.repeat(161), 'gsm7', [153, 8]],
    ['800 septets', 'b'.repeat(800), 'gsm7', [153, 153, 153, 153, 153, 35]],
    ['80 euro signs', '€'.repeat(80), 'gsm7', [160]],
    ['an escape pair at the end of a part', `${'a'.repeat(152)}€${'a'.repeat(10)}`, 'gsm7', [152, 12]],
    ['CR LF at the end of a part', `${'a'.repeat(152)}\r\n${'a'.repeat(10)}`, 'gsm7', [152, 12]],
    ['LF alone at the end of a part', `${'a'.repeat(153)}\n${'a'.repeat(10)}`, 'gsm7', [153, 11]],
    ['140 octets of Latin-1', 'ç'.repeat(140), 'latin1', [140]],
    ['141 octets of Latin-1', 'ç'.repeat(141), 'latin1', [134, 7]],
    ['70 units', 'я'.repeat(70), 'ucs2', [140]],
    ['71 units', 'я'.repeat(71), 'ucs2', [134, 8]],
    ['a surrogate pair at the end of a part', `${'я'.repeat(66)}👍${'я'.repeat(10)}`, 'ucs2', [132, 24]],
    ['a combining accent', `${'я'.repeat(66)}e\u0301${'я'.repeat(10)}`, 'ucs2', [132, 24]],
    ['a family of four', `${'a'.repeat(60)}👨‍👩‍👧‍👦${'я'.repeat(10)}`, 'ucs2', [120, 42]],
    ['CR LF in UCS-2', `я${'a'.repeat(65)}\r\nbbbbb`, 'ucs2', [132, 14]],
    ['a grapheme longer than a part', `e${'\u0301'.repeat(100)}`, 'ucs2', [134, 68]],
    ['such a grapheme of surrogate pairs', `e${'\u0301'.repeat(65)}${'\u{e0100}'.repeat(10)}`, 'ucs2', [132, 40]],
    ['binary, cut between CR and LF', `${'\0'.repeat(133)}\r\n${'\xff'.repeat(10)}`, 'binary', [134, 11]],
  ])('%s', (_, text, encoding, expected) => {
    expect(lengths(text, encoding)).toEqual(expected);
  });

  test('takes 255 parts and refuses the 256th', () => {
    expect(split('a'.repeat(255 * 153), 'gsm7')).toHaveLength(255);
    expect(split('я'.repeat(255 * 67), 'ucs2')).toHaveLength(255);
    const refused = /more than the 255 parts/;
    expect(() => split('a'.repeat(255 * 153 + 1), 'gsm7')).toThrow(refused);
    expect(() => countSegments('a'.repeat(255 * 153 + 1))).toThrow(refused);
    expect(split('👍'.repeat(255 * 33), 'ucs2')).toHaveLength(255);
    expect(() => split('👍'.repeat(255 * 33 + 1), 'ucs2')).toThrow(refused);
    expect(() => split('€'.repeat(255 * 153), 'gsm7')).toThrow(refused);
    expect(() => split('я'.repeat(10_000_000), 'ucs2')).toThrow(refused);
  });

  test.each<[string, Encoding]>([
    ['я', 'gsm7'],
    ['€', 'latin1'],
    ['Ā', 'binary'],
  ])('refuses %s in %s', (text, encoding) => {
    expect(() => split(text, encoding)).toThrow(RangeError);
    expect(() => countSegments(text, encoding)).toThrow(`the encoding ${encoding} cannot write`);
  });
});

const ANY_TEXT: [Encoding, fc.Arbitrary<string>][] = [
  ['gsm7', gsmText],
  ['latin1', latin1Text],
  ['ucs2', ucs2Text],
];

describe('any text', () => {
  test.each([...ANY_TEXT, ['binary', latin1Text] as const])(
    'in %s joins from parts within the limits, and is counted as it is split',
    (encoding, texts) => {
      fc.assert(
        fc.property(texts, (text) => {
          const parts = split(text, encoding);
          expect(parts.map((part) => read(part, encoding)).join('')).toBe(text);
          const limit = parts.length === 1 ? ALONE[encoding] : PART[encoding];
          expect(Math.max(...parts.map((part) => part.length))).toBeLessThanOrEqual(limit);
          if (parts.length > 1) expect(Math.min(...parts.map((part) => part.length))).toBeGreaterThan(0);
          const units = parts.reduce((sum, part) => sum + part.length, 0) / (encoding === 'ucs2' ? 2 : 1);
          expect(countSegments(text, encoding)).toEqual({ encoding, segments: parts.length, units });
        }),
      );
    },
  );

  test.each(ANY_TEXT)(
    'in %s begins each part at a grapheme, the first that the part before had no room for',
    (encoding, texts) => {
      const octetsOf = (grapheme: string) => split(grapheme, encoding)[0]!.length;
      fc.assert(
        fc.property(texts, (text) => {
          fc.pre(graphemesOf(text).every((grapheme) => octetsOf(grapheme) <= PART[encoding]));
          const parts = split(text, encoding).map((part) => graphemesOf(read(part, encoding)));
          expect(parts.flat()).toEqual(graphemesOf(text));
          for (const [i, part] of parts.slice(0, -1).entries()) {
            const filled = part.reduce((sum, grapheme) => sum + octetsOf(grapheme), 0);
            expect(filled + octetsOf(parts[i + 1]![0]!)).toBeGreaterThan(PART[encoding]);
          }
        }),
      );
    },
  );
});

test('any UTF-16, lone surrogates and endless graphemes included, is split without losing a unit or cutting a pair', () => {
  const units = fc.string({
    unit: fc.oneof(
      { weight: 100, arbitrary: fc.constantFrom('\u{e0100}', '\u0301') },
      { weight: 1, arbitrary: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)) },
    ),
    maxLength: 400,
    size: 'max',
  });
  fc.assert(
    fc.property(units, (text) => {
      const parts = split(text, 'ucs2').map(readUcs2);
      expect(parts.join('')).toBe(text);
      for (const [i, part] of parts.slice(1).entries()) {
        expect(/[\ud800-\udbff]$/.test(parts[i]!) && /^[\udc00-\udfff]/.test(part)).toBe(false);
      }
    }),
  );
});

describe('cutToSegments', () => {
  test('gives the beginning that fits, and all of a text that fits', () => {
    fc.assert(
      fc.property(fc.oneof(gsmText, ucs2Text), fc.integer({ min: 1, max: 3 }), (text, most) => {
        const cut = cutToSegments(text, most);
        expect(text.startsWith(cut)).toBe(true);
        expect(countSegments(cut).segments).toBeLessThanOrEqual(most);
        if (countSegments(text).segments <= most) expect(cut).toBe(text);
        else expect(cut.length).toBeGreaterThan(0);
      }),
    );
  });

  test.each([
    ['x'.repeat(161), 1, 160],
    ['x'.repeat(400), 2, 306],
    ['я'.repeat(100), 1, 70],
    [`${'x'.repeat(159)}€`, 1, 159],
    [`${'я'.repeat(69)}👍`, 1, 69],
    ['x'.repeat(100_000), 255, 255 * 153],
  ])('%s', (text, most, length) => expect(cutToSegments(text, most)).toHaveLength(length));
});

test('encodingOf is GSM 7-bit where that can write the text', () => {
  expect(encodingOf('Grüße @ 5 €')).toBe('gsm7');
  expect(encodingOf('Привет')).toBe('ucs2');
  expect(countSegments('Привет')).toEqual({ encoding: 'ucs2', segments: 1, units: 6 });
  expect(countSegments('{}')).toEqual({ encoding: 'gsm7', segments: 1, units: 4 });
});

test('toUcs2 is big-endian, toLatin1 refuses what it has not', () => {
  expect(toUcs2('При').toString('hex')).toBe('041f04400438');
  expect(toUcs2('👍').toString('hex')).toBe('d83ddc4d');
  expect(toLatin1('é\x80ÿ')?.toString('hex')).toBe('e980ff');
  expect(toLatin1('€')).toBeUndefined();
});

describe('concatenation header', () => {
  test('has the octets that Kannel sends', () => {
    expect(concatUdh(0x17, 2, 1).toString('hex')).toBe('050003170201');
    expect(concatUdh(255, 255, 255).toString('hex')).toBe('050003ffffff');
  });

  test.each([
    [256, 2, 1],
    [Number.NaN, 2, 1],
    [1, 256, 1],
    [1, 2, 0],
    [1, 2, 3],
  ])('refuses reference %d, %d parts, part %d', (reference, total, index) => {
    expect(() => concatUdh(reference, total, index)).toThrow(RangeError);
  });

  test('takes its reference from the random tail of the id', () => {
    expect(concatReference('01939b1e-7c3a-7000-8000-0000000000ff')).toBe(255);
    expect(concatReference('01939b1e-7c3a-7000-8000-000000000a07')).toBe(7);
    fc.assert(
      fc.property(fc.uuid({ version: 7 }), (id) => {
        expect(concatUdh(concatReference(id), 2, 1)).toHaveLength(6);
        expect(concatReference(id.toUpperCase())).toBe(concatReference(id));
      }),
    );
  });
});
