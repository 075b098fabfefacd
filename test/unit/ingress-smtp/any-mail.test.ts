// Any mail: what a well-made one says arrives to the character, however it was encoded; what a hostile one says becomes a
// whole SMS or none.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allRules } from '../../../services/ingress-smtp/built-in.ts';
import { Unreadable } from '../../../services/ingress-smtp/mail.ts';
import { readMail } from '../../../services/ingress-smtp/read-mail.ts';
import { judge, type Verdict } from '../../../services/ingress-smtp/rules.ts';
import { hostileMails } from '../../peers/hostile-mails.ts';
import { configOf, guideYaml } from './guide.ts';

const rules = allRules(configOf(guideYaml()));
const nowhere = () => undefined;
const judgeAll = (recipients: string[], mail: { subject: string; text: string }): Verdict[] =>
  rules.map((rule) => judge(rule, { from: 'a@b', recipients }, mail, nowhere));

const CONTROL = /[\0-\x08\x0b-\x1f\x7f\ufffd]/;
const line = fc
  .string({ unit: 'grapheme', maxLength: 60 })
  .filter((text) => !CONTROL.test(text) && !/[\x80-\x9f\n\t]/.test(text));
/** With something to read at both ends: blank space around a text is the mail's layout. */
const text = fc
  .array(line, { minLength: 1, maxLength: 5 })
  .map((lines) => lines.join('\n').trim())
  .filter((whole) => whole !== '');

const crlf = (whole: string) => Buffer.from(whole.replaceAll('\n', '\r\n'));
const folded = (encoded: string) => encoded.replaceAll(/.{76}/g, '$&\r\n');
/** RFC 2045, 6.7: everything that may not stand as it is becomes =XX; a line has 76 characters at most. */
const quoted = (octets: Buffer) =>
  Array.from(octets.toString('latin1').split('\r\n'), (one) =>
    one
      .replaceAll(/[^!-<>-~]/g, (octet) => `=${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
      .replaceAll(/(?:=..|[^=]){24}/g, '$&=\r\n'),
  ).join('\r\n');
const BODIES: Record<string, (whole: string) => string> = {
  base64: (whole) => folded(crlf(whole).toString('base64')),
  'quoted-printable': (whole) => quoted(crlf(whole)),
  '8bit': (whole) => crlf(whole).toString('latin1'),
};

test('a text comes out as it went in, whatever the transfer encoding; the number too, plain or as an encoded word', async () => {
  const encoding = fc.constantFrom(...Object.keys(BODIES));
  await fc.assert(
    fc.asyncProperty(text, encoding, fc.boolean(), async (whole, transfer, word) => {
      const subject = word ? `=?utf-8?b?${Buffer.from('+49 170 1234567').toString('base64')}?=` : '+49 170 1234567';
      const head = [
        'Content-Type: text/plain; charset=utf-8',
        `Content-Transfer-Encoding: ${transfer}`,
        `Subject: ${subject}`,
      ];
      const octets = Buffer.from(`${head.join('\r\n')}\r\n\r\n${BODIES[transfer]!(whole)}`, 'latin1');
      const taken = judgeAll(['sms@x'], await readMail(octets)).filter(({ takes }) => takes);
      expect(taken).toMatchObject([{ parts: [{ text: whole, recipients: [{ e164: '491701234567' }] }] }]);
    }),
    { numRuns: 300 },
  );
});

function expectWholeOrNone(verdict: Verdict): void {
  if (!verdict.takes) {
    expect(verdict.reason).toMatch(/^[ -~]{5,400}$/);
    return;
  }
  expect(verdict.parts.length).toBeGreaterThan(0);
  for (const part of verdict.parts) {
    expect(part.text.trim()).not.toBe('');
    expect(part.text).not.toMatch(CONTROL);
    expect(part.recipients.length).toBeGreaterThan(0);
    for (const { e164 } of part.recipients) expect(e164).toMatch(/^\d{3,15}$/);
  }
}

test('no hostile mail becomes half an SMS, and no reason repeats what it said', async () => {
  for (const { name, data } of hostileMails()) {
    const mail = await readMail(Buffer.from(data, 'latin1')).catch((error) => {
      expect(error, name).toBeInstanceOf(Unreadable);
    });
    if (!mail) continue;
    for (const verdict of judgeAll(['sms@x', '491701234567@x'], mail)) {
      expectWholeOrNone(verdict);
      if (!verdict.takes) expect(verdict.reason).not.toMatch(/jsmith02|t6ub79|48501234567/);
    }
  }
});

test('nor do any octets, any recipients and any subject', async () => {
  const octets = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  const recipient = fc.oneof(
    fc.emailAddress(),
    fc.string({ maxLength: 40 }),
    fc.nat().map((number) => `${number}@x`),
  );
  const subject = fc.oneof(fc.string({ maxLength: 40 }), fc.nat().map(String));
  await fc.assert(
    fc.asyncProperty(
      octets,
      fc.array(recipient, { minLength: 1, maxLength: 4 }),
      subject,
      async (body, recipients, about) => {
        const mail = await readMail(Buffer.concat([Buffer.from('Subject: x\r\n\r\n'), body]));
        for (const verdict of judgeAll(recipients, { ...mail, subject: about })) expectWholeOrNone(verdict);
      },
    ),
    { numRuns: 300 },
  );
});
