import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countSegments } from '#shared/sms/segments.ts';
import { allRules } from '../../../services/ingress-smtp/built-in.ts';
import { readMail } from '../../../services/ingress-smtp/read-mail.ts';
import { recipientFault } from '../../../services/ingress-smtp/recipients.ts';
import { judge, type Verdict } from '../../../services/ingress-smtp/rules.ts';
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

describe('a rule that cuts', () => {
  const ruleWith = (settings: string) =>
    configOf(
      guideYaml(`
    - name: cutting
      client: ise
      networks: [127.0.0.1]
      when: { to: '^(?P<phone>[^@]*)@', body: '(?s)\\A\\s*(?P<text>.*\\S)' }
      number: '{phone}'
      text: '{text}'
      ${settings}
`),
    ).mail.rules[1]!;
  const textOf = (settings: string, body: string) => {
    const verdict = judge(
      ruleWith(settings),
      { from: '', recipients: ['48501234567@x'] },
      { subject, text: body },
      nowhere,
    );
    return verdict.takes ? verdict.parts[0]!.text : verdict.reason;
  };

  test.each([
    ['cutSignature: true', 'Code 1\n-- \nBob\nAcme', 'Code 1'],
    ['cutSignature: true', 'Code 1\n--\nBob', 'Code 1'],
    ['cutSignature: true', 'a -- b\n--- \n-- x', 'a -- b\n--- \n-- x'],
    ['cutSignature: false', 'Code 1\n-- \nBob', 'Code 1\n-- \nBob'],
    ["cutAt: '(?i)^from:|_{5}'", 'Code 1\n_____\nFrom: x', 'Code 1'],
    ["cutAt: '(?i)^from:|_{5}'", 'Code 1\nfrom: x\n_____', 'Code 1'],
    ["cutAt: 'END'\n      cutSignature: true", 'Code 1\n-- \nEND', 'Code 1'],
    ["cutAt: 'END'\n      cutSignature: true", 'Code 1 END\n-- \nx', 'Code 1'],
    ["cutAt: 'Code'", 'Code 1', '`body` does not match'],
  ])('%s: %j becomes %j', (settings, body, wanted) => expect(textOf(settings, body)).toBe(wanted));

  test('no pattern sees what was cut off', () => {
    const rule = { ...guide, cutAt: ruleWith("cutAt: '^text:Password'").cutAt };
    expect(reasonOf(judge(rule, envelope, { subject, text }, nowhere))).toMatch(/nothing for `pick` 3/);
  });

  test('and one with a realm names it for the routes', () => {
    const rule = { ...guide, realm: 'guests-{username}' };
    expect(judge(rule, envelope, { subject, text }, nowhere)).toMatchObject({ parts: [{ realm: 'guests- jsmith02' }] });
  });
});

describe('mails that need no rule', () => {
  const { clients, mail } = configOf('clients: { otp: { password: x, sender: OTP }, mute: { password: x } }');
  const [recipientRule, subjectRule, ...others] = allRules({ clients, mail });
  const first = (recipients: string[], content: { subject: string; text: string }) => {
    const verdicts = [recipientRule!, subjectRule!].map((rule) =>
      judge(rule, { from: '', recipients }, content, nowhere),
    );
    return verdicts.find(({ takes }) => takes);
  };

  test('are those of clients that have a sender, and can be switched off', () => {
    expect(others).toHaveLength(0);
    expect(allRules({ clients, mail: { ...mail, builtIn: false } })).toHaveLength(0);
  });

  test.each([
    ["LinOTP's, with the number in mailto", ['+491701234567@sms.example'], '[LinOTP]', '123456\n', '491701234567'],
    ["LinOTP's documented one, with the number as subject", ['sms@x'], '+49 170 1234567', 'x 1', '491701234567'],
    ["privacyIDEA's", ['sms@x'], '491701234567', '123456', '491701234567'],
    ['one with brackets', ['sms@x'], ' (49) 170/123-4567 ', '1', '491701234567'],
  ])('%s', (_what, recipients, subject, text, number) => {
    expect(first(recipients, { subject, text })).toMatchObject({
      parts: [{ text: text.trim(), recipients: [{ e164: number }] }],
    });
  });

  test.each([
    ['no number anywhere', ['sms@x'], 'Lunch', 'Today?'],
    ['a year as subject', ['sms@x'], '2024', 'x'],
    ['a number among words', ['sms@x'], 'Call 491701234567', 'x'],
    ['a name with digits', ['bob491701234567@x'], '[LinOTP]', 'x'],
    ['no text', ['491701234567@x'], '', ' \n'],
    ['a recipient that is none beside one that is', ['491701234567@x', 'sms@x'], 'hello', 'x'],
  ])('not %s', (_what, recipients, subject, text) => expect(first(recipients, { subject, text })).toBeUndefined());
});
