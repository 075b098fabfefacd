import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countSegments } from '#shared/sms/segments.ts';
import { readMail } from '../../../services/ingress-smtp/mail.ts';
import { judge, recipientFault, type Verdict } from '../../../services/ingress-smtp/rules.ts';
import { configOf, GUIDE_MAIL, GUIDE_TEXT, guideYaml } from './guide.ts';

const rules = configOf(
  guideYaml(`
    - name: linotp
      client: ise
      networks: [127.0.0.1]
      when:
        to: '^(?P<phone>[^@]*)@sms\\.example$'
        body: '(?s)\\A\\s*(?P<otp>.*\\S)'
      number: '{phone}'
      text: 'Code {otp}'
`),
).mail.rules;
const [guide, linotp] = [rules[0]!, rules[1]!];
const nowhere = () => undefined;
const envelope = { from: 'sponsor@test-cisco.com', recipients: ['sms@test-cisco.com'] };
const text = 'to:48501234567\ntext:Username: jsmith02\ntext:Password: t6ub79_6r\n';
const subject = 'Guest Text Notification';
const reasonOf = (verdict: Verdict) => (verdict.takes ? 'taken' : verdict.reason);

describe("the guide's rule", () => {
  test('makes the text of the guide out of its mail, to the character', async () => {
    const verdict = judge(guide, envelope, await readMail(Buffer.from(GUIDE_MAIL)), nowhere);
    expect(verdict).toMatchObject({
      takes: true,
      fields: { to: '48501234567', username: ' jsmith02', password: ' t6ub79_6r' },
      parts: [{ recipients: [{ e164: '48501234567', given: '48501234567' }], text: GUIDE_TEXT }],
    });
    expect(countSegments(GUIDE_TEXT)).toEqual({ encoding: 'gsm7', segments: 1, units: 57 });
  });

  test('takes whatever the fields hold, as it stands', () => {
    const line = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
      .filter((s) => !/[\0-\x1f\x7f\ufffd]/.test(s));
    fc.assert(
      fc.property(line, line, (username, password) => {
        const body = `to:48501234567\ntext:Username:${username}\ntext:Password:${password}\n`;
        const verdict = judge(guide, envelope, { subject, text: body }, nowhere);
        const wanted = `ISE Guest portal Username: ${username} Password: ${password}`;
        expect(verdict).toMatchObject({ takes: true, parts: [{ text: wanted }] });
      }),
    );
  });

  test.each([
    ['another subject', { subject: 'Your invoice', text }, '`subject` does not match'],
    [
      'no password',
      { subject, text: text.replace('Password', 'Pass') },
      'the text has nothing for `pick` 3 (password)',
    ],
    ['an empty name', { subject, text: text.replace(' jsmith02', '') }, 'the field username is empty'],
    ['a bad number', { subject, text: text.replace('48501234567', 'me') }, /^the number: /],
    ['a number without country code', { subject, text: text.replace('48501', '0501') }, /country code/],
    ['a hole in the text', { subject, text: text.replace('t6', '\ufffd') }, /character set/],
    ['a control character', { subject, text: text.replace('t6', '\0') }, /control characters/],
    ['a very long text', { subject, text: `${text}${'x'.repeat(40_000)}` }, /over 32768 characters/],
  ])('does not take a mail with %s', (_what, content, reason) => {
    expect(reasonOf(judge(guide, envelope, content, nowhere))).toMatch(reason);
  });

  test("reads a number without country code as one of the client's country", () => {
    const content = { subject, text: text.replace('48501234567', ' 501 234 567') };
    expect(judge(guide, envelope, content, () => 'PL')).toMatchObject({
      parts: [{ recipients: [{ e164: '48501234567' }] }],
    });
  });

  test('does not fill in fields that a value names', () => {
    const content = { subject, text: text.replace(' jsmith02', '{password}') };
    expect(judge(guide, envelope, content, nowhere)).toMatchObject({
      parts: [{ text: 'ISE Guest portal Username: {password} Password:  t6ub79_6r' }],
    });
  });

  test('sends one SMS, however many recipients of the mail stand for the number', () => {
    const many = { ...envelope, recipients: ['sms@a.example', 'sms@b.example'] };
    const verdict = judge(guide, many, { subject, text }, nowhere);
    expect(verdict).toMatchObject({ parts: [{ recipients: [{ e164: '48501234567' }] }] });
  });
});

describe('a rule with the number in the recipient', () => {
  test('sends one SMS for each recipient', () => {
    const recipients = ['+48501234567@sms.example', '48501234568@sms.example', '48501234567@sms.example'];
    const verdict = judge(linotp, { from: '', recipients }, { subject: '', text: '\n123456\n' }, nowhere);
    expect(verdict).toMatchObject({
      takes: true,
      parts: [{ recipients: [{ e164: '48501234567' }, { e164: '48501234568' }], text: 'Code 123456' }],
    });
  });

  test.each([
    ['48501234567@sms.example', undefined],
    ['48501234567@other.example', 'recipient'],
    ['mallory@sms.example', 'number'],
    ['0501234567@sms.example', 'number'],
    ['12@sms.example', 'number'],
  ])('tells at RCPT about %s: %s', (recipient, kind) => {
    expect(recipientFault(linotp, recipient, nowhere)?.kind).toBe(kind);
  });

  test('says nothing at RCPT about numbers that only the body has', () => {
    expect(recipientFault(guide, 'anyone@anywhere.example', nowhere)).toBeUndefined();
  });
});
