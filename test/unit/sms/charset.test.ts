// Character sets: names that mean what they say, and no octet replaced in silence.

import { describe, expect, test } from 'vitest';
import { decodeText } from '#shared/sms/charset.ts';

const decode = (octets: string, charset: string) => decodeText(Buffer.from(octets, 'hex'), charset);

test.each([
  ['UTF-8', 'c3a9e282ac', 'é€'],
  ['utf8', 'efbbbf41', 'A'],
  ['UTF-8', 'f09f918d', '👍'],
  ['ISO-8859-1', 'e980', 'é\x80'],
  [' latin1 ', 'e9', 'é'],
  ['windows-1252', 'e98092', 'é€’'],
  ['WIN-1251', 'cff0e8', 'При'],
  ['UTF-16BE', '041f04400438', 'При'],
  ['UTF-16LE', '1f0440043804', 'При'],
  ['ISO-8859-15', 'a4', '€'],
  ['US-ASCII', '41427e', 'AB~'],
  ['GB2312', 'c4e3', '你'],
  ['GB18030', 'c4e3', '你'],
  ['Big5', 'a741', '你'],
  ['Shift_JIS', '82a0', 'あ'],
  ['EUC-KR', 'c7d1', '한'],
  ['KOI8-R', 'f0', 'П'],
  ['UTF-8', '', ''],
])('%s %s', (charset, octets, text) => {
  expect(decode(octets, charset)).toBe(text);
});

describe('undefined', () => {
  test.each(['', 'unknown', 'UTF-7', 'iso-2022-kr', '__proto__', 'utf-8; q=1'])('for the name %j', (charset) => {
    expect(decode('41', charset)).toBeUndefined();
  });

  test.each([
    ['UTF-8', 'e9'],
    ['UTF-8', 'c3'],
    ['UTF-8', 'eda080'],
    ['US-ASCII', '4180'],
    ['UTF-16BE', '0041d8'],
    ['UTF-16BE', 'd8000041'],
    ['GB18030', '81'],
    ['Shift_JIS', '81'],
  ])('for %s %s, and the next text is read as if it had not been', (charset, octets) => {
    expect(decode(octets, charset)).toBeUndefined();
    expect(decode(charset === 'UTF-16BE' ? '0041' : '41', charset)).toBe('A');
  });
});
