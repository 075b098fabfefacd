// The number as a provider wants it: what LinOTP and privacyIDEA do with their settings, and templates with tags.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseReplace, type Rewriting, rewriteNumber } from '#shared/sms/rewrite.ts';
import { fillTags } from '#shared/sms/tags.ts';

const PLAIN: Rewriting = { form: 'given', msisdn: false, suppressPrefix: '' };
const german = (given: string) => ({ given, to: '491701234567' });
const rewritten = (given: string, rules: Partial<Rewriting> & { regexp?: string }) => {
  const { regexp, ...more } = rules;
  return rewriteNumber(german(given), { ...PLAIN, ...more, ...(regexp ? { replace: parseReplace(regexp) } : {}) });
};

test.each([
  ['+491701234567', {}, '+491701234567'],
  ['491701234567', {}, '491701234567'],
  // National, or with separators: a provider abroad could not read it.
  ['0170 1234567', {}, '+491701234567'],
  ['+491701234567', { form: 'digits' }, '491701234567'],
  ['491701234567', { form: 'plus' }, '+491701234567'],
  ['491701234567', { form: '00' }, '00491701234567'],
  ['+491701234567', { msisdn: true }, '+491701234567'],
  ['491701234567', { msisdn: true }, '491701234567'],
  ['+491701234567', { suppressPrefix: '+49' }, '1701234567'],
  ['491701234567', { suppressPrefix: '+49' }, '491701234567'],
  ['+491701234567', { suppressPrefix: '+' }, '491701234567'],
  ['+491701234567', { msisdn: true, suppressPrefix: '+49' }, '1701234567'],
  ['+491701234567', { regexp: '/^\\+//' }, '491701234567'],
  ['+491701234567', { regexp: '/^\\+49/0/' }, '01701234567'],
  ['+491701234567', { regexp: '/[+ ]*(\\d\\d)(\\d+)/00\\1-\\2/' }, '0049-1701234567'],
  ['+491701234567', { regexp: '/(?P<cc>\\d\\d)170/\\g<cc>171/' }, '+491711234567'],
  ['+491701234567', { regexp: '/7/x/' }, '+491x0123456x'],
  ['+491701234567', { regexp: '/^/00/' }, '00+491701234567'],
] as const)('%s with %j is %s', (given, rules, expected) => {
  expect(rewritten(given, rules)).toBe(expected);
});

test('a short code stays as it is', () => {
  for (const form of ['given', 'digits', 'plus', '00'] as const)
    expect(rewriteNumber({ given: '12345', to: '12345' }, { ...PLAIN, form })).toBe('12345');
});

describe('/from/to/', () => {
  test.each(['', '/', '/a/', 'a/b', '/(/b/', '/a/\\1/', '/(a)/\\g<name>/', '/a(?=b)/c/', '/\\./\\//'])(
    '%s is no rule',
    (text) => {
      expect(() => parseReplace(text)).toThrow();
    },
  );

  test('whatever is written there, it is a rule or one line, and a rule always ends', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (from, to, given) => {
        let rule: ReturnType<typeof parseReplace>;
        try {
          rule = parseReplace(`/${from}/${to}/`);
        } catch (error) {
          expect((error as Error).message).not.toContain('\n');
          return;
        }
        expect(typeof rewriteNumber({ given, to: given }, { ...PLAIN, replace: rule })).toBe('string');
      }),
    );
  });
});

describe('tags', () => {
  const tags = { to: '+491701234567', text: 'Code 1 <phone> {phone}', from: 'Acme', id: 'ID' };

  test("ours, privacyIDEA's and LinOTP's; what is no tag stays", () => {
    expect(fillTags('{to} {phone} <phone>', tags)).toBe('+491701234567 +491701234567 +491701234567');
    expect(fillTags('{from}/{id}/{x}/{}/<x>/{ to }', tags)).toBe('Acme/ID/{x}/{}/<x>/{ to }');
  });

  test('a tag in a text is text', () => {
    for (const tag of ['{text}', '{otp}', '<message>', '<otp>']) expect(fillTags(tag, tags)).toBe(tags.text);
  });

  test('values are encoded, fixed words are not', () => {
    expect(fillTags('a b={to}', tags, encodeURIComponent)).toBe('a b=%2B491701234567');
  });
});
