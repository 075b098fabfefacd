// Fields of a request, from any body: what was written in is read out, and what is broken is not guessed at.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { first, readFields } from '../../../services/ingress-http/shapes/fields.ts';

const read = (url: string, body?: string | Buffer) =>
  readFields(url, body === undefined ? undefined : Buffer.from(body as string), ['to', 'text'], 'text');
const seen = (url: string, body?: string | Buffer) => Object.fromEntries(read(url, body) ?? [['broken', []]]);

describe('bodies', () => {
  test.each([
    ['a form', 'To=1&text=a+b%2Bc', { to: ['1'], text: ['a b+c'] }],
    ['a form with a line end', 'to=1&text=x\r\n', { to: ['1'], text: ['x'] }],
    ['a lone per cent sign', 'to=1&text=50%25 of 10%', { to: ['1'], text: ['50% of 10%'] }],
    ['several values', 'to=1&to=2&text=x', { to: ['1', '2'], text: ['x'] }],
    ['JSON', ' {"to":["1",2],"Text":123456,"n":null}', { to: ['1', '2'], text: ['123456'], n: [] }],
    ['a bare text', 'a=b&c', { text: ['a=b&c'] }],
    ['JSON that is none', '{"to":', { broken: [] }],
    ['nested JSON', '{"to":{"a":1}}', { broken: [] }],
    ['a form that is not UTF-8', 'to=1&text=%FF', { broken: [] }],
  ])('%s', (_what, body, fields) => {
    expect(seen('/x', body)).toEqual(fields);
  });
  test('octets that are not UTF-8', () => {
    expect(seen('/x', Buffer.from([0xff, 0xfe]))).toEqual({ broken: [] });
    expect(seen('/x', Buffer.from([0x7b, 0x22, 0xff]))).toEqual({ broken: [] });
  });
  test('the body counts before the query', () => {
    const fields = read('/x?to=1&from=2', 'to=3&text=x')!;
    expect([first(fields, 'to'), first(fields, 'from')]).toEqual(['3', '2']);
  });
});

test('what a form or JSON says is what is read', () => {
  // A byte order mark in front of a value is left out, as everywhere.
  const value = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }).filter((one) => !one.startsWith('\ufeff'));
  fc.assert(
    fc.property(value, fc.array(value, { minLength: 1, maxLength: 4 }), (text, to) => {
      const form = new URLSearchParams([...to.map((one): [string, string] => ['to', one]), ['text', text]]).toString();
      const wanted = { to: to.map((one) => one.toWellFormed()), text: [text.toWellFormed()] };
      expect(seen('/x', form)).toEqual(wanted);
      expect(seen(`/x?${form}`)).toEqual(wanted);
      expect(seen('/x', JSON.stringify({ to, text }))).toEqual({ to, text: [text] });
    }),
  );
});
