// TON and NPI: Kannel's choice for each form of sender and recipient, as recorded from Kannel 1.4.5.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const anyUnit = fc.nat(0xffff).map((unit) => String.fromCharCode(unit));

import { addressOf } from '#shared/sms/address.ts';

test.each([
  ['source', '12345', 2, 1, '12345'],
  ['source', '+447700900001', 1, 1, '447700900001'],
  ['source', '00447700900001', 2, 1, '00447700900001'],
  ['source', 'Acme', 5, 0, 'Acme'],
  ['source', '+Acme', 5, 0, '+Acme'],
  ['source', '123 45', 5, 0, '123 45'],
  ['source', 'VISULOX RA 2FA PIN', 5, 0, 'VISULOX RA 2FA PIN'],
  ['source', '', 2, 1, ''],
  ['destination', '4850123456', 2, 1, '4850123456'],
  ['destination', '+447700900001', 1, 1, '447700900001'],
  ['destination', '00447700900001', 2, 1, '00447700900001'],
  ['destination', '44-7700-900001', 2, 1, '44-7700-900001'],
  ['destination', '12345', 2, 1, '12345'],
] as const)('%s %j has TON %d, NPI %d', (role, value, ton, npi, addr) => {
  expect(addressOf(value, role)).toEqual({ ton, npi, addr });
});

test('fixed values stand for numbers, not for alphanumeric senders', () => {
  expect(addressOf('12345', 'source', { ton: 3, npi: 0 })).toEqual({ ton: 3, npi: 0, addr: '12345' });
  expect(addressOf('+447700900001', 'destination', { ton: 0 })).toEqual({ ton: 0, npi: 1, addr: '447700900001' });
  expect(addressOf('447700900001', 'destination', { npi: 8 })).toEqual({ ton: 2, npi: 8, addr: '447700900001' });
  expect(addressOf('Acme', 'source', { ton: 1, npi: 1 })).toEqual({ ton: 5, npi: 0, addr: 'Acme' });
});

describe('refuses', () => {
  test.each([
    ['source', 'x'.repeat(21), /21 characters, SMPP allows 20/],
    ['destination', '1'.repeat(21), /21 characters/],
    ['source', 'Acme\0x', /printable ASCII/],
    ['source', 'Müller', /printable ASCII/],
    ['source', '\u0410cme', /printable ASCII/],
    ['source', '\u202eemcA', /printable ASCII/],
    ['source', 'Ac\u200bme', /printable ASCII/],
    ['destination', '+', /empty/],
    ['destination', '', /empty/],
  ] as const)('%s %j', (role, value, reason) => {
    expect(() => addressOf(value, role)).toThrow(reason);
  });

  test('whatever does not fit the field of the PDU', () => {
    fc.assert(
      fc.property(fc.string({ unit: anyUnit }), fc.constantFrom('source', 'destination'), (value, role) => {
        try {
          expect(addressOf(value, role as 'source').addr).toMatch(/^[ -~]{0,20}$/);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});
