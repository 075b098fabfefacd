// What a client may send, as every door judges it: senders, recipients, and the settings as they are written.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '#shared/config/load.ts';
import type { Client } from '#shared/config/schema.ts';
import { notPermitted, permittedSender } from '#shared/doors/permits.ts';

/** A client as the configuration file has it. */
const client = (settings: object = {}): Client =>
  parseConfig(JSON.stringify({ clients: { c: { password: 'x', ...settings } } }), 'test.yaml', {}).clients.c!;
const fault = (settings: object) => {
  try {
    client(settings);
  } catch (error) {
    return (error as Error).message;
  }
  return 'no fault';
};
const to = (...numbers: string[]) => numbers.map((e164) => ({ e164, given: e164 }));

describe('senders', () => {
  test.each([
    ['what VISULOX sends is cut, and trimmed', {}, 'VISULOX RA 2FA PIN', 'VISULOX RA'],
    ['eleven characters stay', {}, 'ACME-GmbH 1', 'ACME-GmbH 1'],
    ['a number is no name, however long', {}, '+441234567890123', '+441234567890123'],
    ['another in its place', { longSender: { replace: 'ACME' } }, 'ACME Incorporated', 'ACME'],
    ['one of those that are allowed', { senders: ['Acme', '12345'] }, 'Acme', 'Acme'],
    ['a number with and without its plus', { senders: ['+44123456'] }, '44123456', '44123456'],
    ["the client's own", { senders: ['Acme'], sender: 'Mine' }, 'Mine', 'Mine'],
    ['forced', { forcedSender: 'Forced' }, 'Acme', 'Forced'],
    ['forced, although others are allowed', { forcedSender: 'Forced', senders: ['Acme'] }, 'Other', 'Forced'],
  ])('%s', (_case, settings, asked, wanted) => {
    expect(permittedSender(asked, client(settings))).toBe(wanted);
  });

  test.each([
    ['too long, and refused', { longSender: 'refuse' }, 'ACME Incorporated'],
    ['not one of those that are allowed', { senders: ['Acme'] }, 'Other'],
    ['nothing but blanks', {}, '            x'],
    ['a Cyrillic letter that looks the same', { senders: ['Acme'] }, '\u0410cme'],
    ['a letter of full width', { senders: ['Acme'] }, '\uff21cme'],
    ['one that reads the same from right to left', { senders: ['Acme'] }, '\u202eemcA'],
    ['one with a letter that nobody sees', { senders: ['Acme'] }, 'Ac\u200bme'],
    ['one in small letters', { senders: ['Acme'] }, 'acme'],
  ])('%s', (_case, settings, asked) => {
    expect(permittedSender(asked, client(settings))).toMatchObject({ reason: 'sender' });
  });

  test('a handset can show every sender that is let through', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 20 }), (asked) => {
        const from = permittedSender(asked, client());
        if (typeof from !== 'string') return;
        if (!/^\+?\d+$/.test(from)) expect(from.length).toBeLessThanOrEqual(11);
        expect(asked.startsWith(from) || asked.trimStart().startsWith(from)).toBe(true);
      }),
    );
  });
});

describe('recipients', () => {
  const uk = '447700900123';
  test.each([
    ['no rule', {}, uk, true],
    ['country', { countries: ['GB'] }, uk, true],
    ['another country', { countries: ['DE', 'FR'] }, uk, false],
    ['a short code has no country', { countries: ['GB'] }, '80800', false],
    ['allowed prefix', { allowedPrefixes: ['49', '+4477'] }, uk, true],
    ['another prefix', { allowedPrefixes: ['0049'] }, uk, false],
    ['denied prefix', { deniedPrefixes: ['44'] }, uk, false],
    ['not denied', { deniedPrefixes: ['49'] }, uk, true],
    ['both: allowed outweighs', { allowedPrefixes: ['4477'], deniedPrefixes: ['44'] }, uk, true],
    ['both: neither', { allowedPrefixes: ['4477'], deniedPrefixes: ['49'] }, '33612345678', true],
    ['on the white list', { whiteList: ['+44 7700 900123'.replaceAll(' ', '')] }, uk, true],
    ['not on it', { whiteList: ['447700900124'] }, uk, false],
    ['an empty white list', { whiteList: [] }, uk, false],
    ['on the black list', { blackList: '# fraud\n+447700900123 ; 0044-7700-900124\n' }, uk, false],
    ['on it in another form', { blackList: '# fraud\n+447700900123 ; 0044-7700-900124\n' }, '447700900124', false],
    ['not on it', { blackList: '447700900125 # 447700900123' }, uk, true],
  ])('%s', (_case, settings, number, allowed) => {
    expect(notPermitted(to(number), client(settings)) === undefined).toBe(allowed);
  });

  test('one of several refuses all, and the reason has no number', () => {
    const no = notPermitted(to('447700900123', '491701234567'), client({ countries: ['GB'] }));
    expect(no).toEqual({ refused: 'recipient 2: its country is not allowed', reason: 'number' });
  });
});

test.each([
  [{ countries: ['UK'] }, /clients\.c\.countries\.0: two capital letters/],
  [{ allowedPrefixes: ['0170'] }, /must be the first digits of international numbers/],
  [{ blackList: ['447700900123', 'abc'] }, /clients\.c\.blackList: entry 2 is not a number/],
  [{ longSender: { replace: 'longer than eleven' } }, /longSender/],
  [{ rate: 5 }, /clients\.c\.rate/],
])('a wrong setting is refused: %o', (settings, words) => {
  expect(fault(settings)).toMatch(words);
});
