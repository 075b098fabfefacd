// Recipients: what clients write in `to`, and that nothing but whole numbers ever comes out.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const anyUnit = fc.nat(0xffff).map((unit) => String.fromCharCode(unit));

import { maskNumber, parseRecipients } from '#shared/sms/number.ts';

/** The numbers joined by a comma, or the reason. */
function parsed(to: string, defaultCountry?: string): string {
  const result = parseRecipients(to, { defaultCountry });
  return result.ok ? result.numbers.map(({ e164 }) => e164).join(',') : result.reason;
}

describe('without a default country', () => {
  test.each([
    ['447700900001', '447700900001'],
    ['+447700900001', '447700900001'],
    ['00447700900001', '447700900001'],
    [' 447700900001', '447700900001'],
    ['  447700900001 ', '447700900001'],
    ['+1 408 555 0123', '14085550123'],
    ['+49-170/123.45.67', '491701234567'],
    ['(+49) 170 1234567', '491701234567'],
    ['+49 (0)170 1234567', '491701234567'],
    ['(+49) (0) 170 1234567', '491701234567'],
    ['0049 (0) 170 1234567', '491701234567'],
    ['0049(0)1701234567', '491701234567'],
    ['12-34567', '1234567'],
    ['+491701234567 +491701234568', '491701234567,491701234568'],
    [' 491701234567  491701234568', '491701234567,491701234568'],
    ['447700900001 447700900002 447700900003', '447700900001,447700900002,447700900003'],
    ['+49-170-1234567 0049/170/1234568', '491701234567,491701234568'],
    ['+49 1701234567', '491701234567'],
    ['12345', '12345'],
    ['112', '112'],
    [' 081000 ', '081000'],
    ['12345 67890', '1234567890'],
    ['081000', '081000'],
  ])('%j is %s', (to, expected) => {
    expect(parsed(to)).toBe(expected);
  });

  test.each([
    ['', /no number/],
    ['   ', /no number/],
    ['+', /no number/],
    ['()', /no number/],
    ['abc', /only digits/],
    ['+49170abc4567', /only digits/],
    ['1-800-FLOWERS', /only digits/],
    ['447700900001,447700900002', /only digits/],
    ['447700900001 abc', /only digits/],
    ['++447700900001', /only digits/],
    ['44+7700900001', /only digits/],
    ['+49 1701234567 +49 1701234568', /only digits/],
    ['٤٤٧٧٠٠٩٠٠٠٠١', /only digits/],
    ['447700900001\n447700900002', /only digits/],
    ['0170/123 45', /country code/],
    ['0812345', /country code/],
    ['+0170123456', /country code/],
    ['00044770090000', /country code/],
    ['447700900001 0170123456', /^recipient 2 of 2: no country code/],
    ['+12345', /this one has 5/],
    [' 12345', /this one has 5/],
    ['12', /this one has 2/],
    ['12-34', /this one has 4/],
    ['1234567890123456', /this one has 16/],
  ])('refuses %j', (to, reason) => {
    expect(parsed(to)).toMatch(reason);
  });

  test('keeps the form that was given, with the plus that arrived as a blank', () => {
    expect(parseRecipients(' 447700900001')).toEqual({
      ok: true,
      numbers: [{ e164: '447700900001', given: '+447700900001' }],
    });
    expect(parseRecipients('0044-7700-900001 447700900002')).toEqual({
      ok: true,
      numbers: [
        { e164: '447700900001', given: '0044-7700-900001' },
        { e164: '447700900002', given: '447700900002' },
      ],
    });
  });
});

describe('with a default country', () => {
  test.each([
    ['US', '(408) 555-0123', '14085550123'],
    ['US', '408-555-0123', '14085550123'],
    ['US', '4085550123', '14085550123'],
    ['US', '1 (408) 555-0123', '14085550123'],
    ['US', '14085550123', '14085550123'],
    ['US', '447700900001', '447700900001'],
    ['US', '011 44 7700 900001', '447700900001'],
    ['US', '4085550123 4085550124', '14085550123,14085550124'],
    ['US', ' 447700900001', '447700900001'],
    ['DE', '0170/123 45 67', '491701234567'],
    ['DE', '0170.123.4567', '491701234567'],
    ['DE', '1701234567', '491701234567'],
    ['DE', '491701234567', '491701234567'],
    ['DE', '+49 (0)170 1234567', '491701234567'],
    ['DE', '447700900001', '447700900001'],
    ['DE', '0044 7700 900001', '447700900001'],
    ['DE', '+49 1701234567', '491701234567'],
    ['DE', '0170/1234567 0170/1234568', '491701234567,491701234568'],
    ['GB', '07700 900001', '447700900001'],
    ['GB', '447700900001', '447700900001'],
    ['IT', '3931234567', '393931234567'],
    ['IT', '393331234567', '393331234567'],
    ['ES', '912345678', '34912345678'],
    ['PL', '501 234 567', '48501234567'],
    ['DE', '015123 456789', '4915123456789'],
    ['DE', '12345', '12345'],
  ])('in %s %j is %s', (country, to, expected) => {
    expect(parsed(to, country)).toBe(expected);
  });

  test.each([
    ['US', '555-0123', /neither a number of US/],
    ['US', '5550123 5550124', /^recipient 1 of 2: neither/],
    ['DE', '0170/1234567 abc', /only digits/],
    ['DE', '0', /neither a number of DE/],
  ])('in %s refuses %j', (country, to, reason) => {
    expect(parsed(to, country)).toMatch(reason);
  });
});

describe('any input', () => {
  const countries = fc.constantFrom(undefined, 'US', 'DE', 'GB', 'IT', 'XX');

  test('ends in whole numbers of digits or in a reason that holds no number', () => {
    const pieces = fc.constantFrom(
      ' ',
      '+',
      '0',
      '00',
      '1',
      '49',
      '(',
      ')',
      '-',
      '/',
      '.',
      '170',
      '1234567',
      'x',
      '\n',
      '٣',
    );
    const inputs = fc.oneof(fc.string({ unit: anyUnit }), fc.string({ unit: pieces, maxLength: 30, size: 'max' }));
    fc.assert(
      fc.property(inputs, countries, (to, defaultCountry) => {
        const result = parseRecipients(to, { defaultCountry });
        if (result.ok) {
          expect(result.numbers.length).toBeGreaterThan(0);
          for (const { e164 } of result.numbers) expect(e164).toMatch(/^(?:[1-9]\d{6,14}|\d{3,6})$/);
          if (result.numbers.length > 1) for (const { e164 } of result.numbers) expect(e164.length).toBeGreaterThan(6);
        } else {
          expect(result.reason).not.toMatch(/\d{4}/);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('finds every number of a list, however its digits are grouped, and drops no digit', () => {
    const number = fc.stringMatching(/^[1-9]\d{6,14}$/);
    const list = fc.array(fc.tuple(number, fc.constantFrom('+', '00', ''), fc.constantFrom('', '-', '.', '/')), {
      minLength: 1,
      maxLength: 20,
      size: 'max',
    });
    fc.assert(
      fc.property(list, (items) => {
        const to = items.map(([digits, prefix, separator]) => `${prefix}${digits.match(/.{1,3}/g)!.join(separator)}`);
        expect(parsed(to.join(' '))).toBe(items.map(([digits]) => digits).join(','));
      }),
    );
  });

  test('sends to all or to none: one part that is no number refuses the list', () => {
    const good = fc.array(fc.stringMatching(/^\+[1-9]\d{9,14}$/), { minLength: 1, maxLength: 5, size: 'max' });
    fc.assert(
      fc.property(good, fc.stringMatching(/^[a-z0-9]{0,9}[a-z]$/), fc.nat(5), (numbers, bad, at) => {
        const list = numbers.toSpliced(Math.min(at, numbers.length), 0, bad);
        expect(parseRecipients(list.join(' ')).ok).toBe(false);
      }),
    );
  });
});

test('maskNumber shows the first four digits and the last two, and of short numbers the last two only', () => {
  expect(maskNumber('447700900001')).toBe('4477..01');
  expect(maskNumber('1234567890')).toBe('1234..90');
  expect(maskNumber('123456789')).toBe('..89');
  expect(maskNumber('12345')).toBe('..45');
  expect(maskNumber('12')).toBe('..');
});
