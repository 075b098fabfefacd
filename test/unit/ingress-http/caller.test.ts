// The Authorization header: what a client writes is read, and nothing that it could write is a fault.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { presentedIn } from '../../../services/ingress-http/caller.ts';
import { basicAuth } from '../../rig/api.ts';

test.each([
  ['Bearer KEY', { secret: 'KEY' }],
  ['bearer   KEY', { secret: 'KEY' }],
  [basicAuth('ise', 'a:b'), { name: 'ise', secret: 'a:b' }],
  [basicAuth('', 'x'), { name: '', secret: 'x' }],
  [`Basic ${Buffer.from('no colon').toString('base64')}`, undefined],
  ['Basic', undefined],
  ['KEY', undefined],
  ['Digest x', undefined],
  ['Bearer a b', undefined],
  [undefined, undefined],
])('%s', (header, presented) => {
  expect(presentedIn(header)).toEqual(presented);
});

test('any name without a colon and any password come back', () => {
  const name = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((one) => !one.includes(':'));
  fc.assert(
    fc.property(name, fc.string({ unit: 'grapheme', maxLength: 40 }), (user, secret) => {
      expect(presentedIn(basicAuth(user, secret))).toEqual({ name: user, secret });
    }),
  );
});

test('any header at all is read or not, and nothing else', () => {
  fc.assert(fc.property(fc.string({ maxLength: 2_000 }), (header) => void presentedIn(header)));
});
