// `hermod rule`: what a person sees of a mail and the rules, without anything being sent.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, expect, test, vi } from 'vitest';
import { addRule } from '../../../deploy/cli/rule.ts';
import { GUIDE_MAIL, GUIDE_TEXT, guideYaml } from './guide.ts';

const dir = mkdtempSync(join(tmpdir(), 'hermod-rule-'));
const config = join(dir, 'gateway.yaml');
const second = `
    - name: otp
      client: ise
      networks: [127.0.0.1]
      when: { to: '^(?P<phone>\\d+)@otp$', body: 'Password:\\s*(?P<otp>\\d{6})' }
      number: '{phone}'
      text: 'Code {otp}'
`;
writeFileSync(config, guideYaml(second));
afterAll(() => rmSync(dir, { recursive: true }));

async function rule(mail: string, ...args: string[]): Promise<string> {
  const file = join(dir, 'mail.eml');
  writeFileSync(file, mail, 'latin1');
  const written: string[] = [];
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => written.push(String(chunk)) > 0);
  try {
    const program = new Command('hermod').option('--config <file>').option('--json').exitOverride();
    addRule(program);
    await program.parseAsync(['rule', file, '--config', config, ...args], { from: 'user' });
  } finally {
    spy.mockRestore();
  }
  return written.join('');
}

test("shows the fields, number, text and segments of the guide's mail, and why the other rule does not take it", async () => {
  expect(await rule(GUIDE_MAIL)).toBe(`from     sponsor@test-cisco.com
to       sms@test-cisco.com
subject  Guest Text Notification
body     3 lines

ise-guest (client ise): takes it
  {to}  "48501234567"
  {username}  " jsmith02"
  {password}  " t6ub79_6r"
  to       48501234567
  text     "${GUIDE_TEXT}"
  as       gsm7, 57 septets, 1 segment

otp (client ise): no: \`to\` does not match every recipient
`);
});

test('takes line ends as they are in a file, and an envelope from its options', async () => {
  const mail = GUIDE_MAIL.replaceAll('\r\n', '\n').replace('t6ub79_6r', '123456 \xe9');
  const said = await rule(mail, '--from', 'x@y', '--to', '447700900123@otp', '447700900124@otp');
  expect(said).toContain('from     x@y\nto       447700900123@otp, 447700900124@otp\n');
  expect(said).toContain('ise-guest (client ise): no: the text has octets that do not fit');
  expect(said).toContain('otp (client ise): takes it\n');
  expect(said).toContain(
    '  to       447700900123, 447700900124\n  text     "Code 123456"\n  as       gsm7, 11 septets',
  );
});

test('tells machines the same, and the limit that a mail passes', async () => {
  const long = GUIDE_MAIL.replace('t6ub79_6r', 'x'.repeat(2_000));
  expect(JSON.parse(await rule(GUIDE_MAIL, '--json')).rules[0]).toEqual({
    rule: 'ise-guest',
    client: 'ise',
    fields: { to: '48501234567', username: ' jsmith02', password: ' t6ub79_6r' },
    messages: [{ to: ['48501234567'], text: GUIDE_TEXT, encoding: 'gsm7', segments: 1, units: 57 }],
  });
  expect(await rule(long)).toContain('ise-guest (client ise): refuses it: the text needs 14 segments, 10 are allowed');
});

test('says in one line what is wrong with the file', async () => {
  await expect(rule(`X: ${'x'.repeat(70_000)}\n\nx`)).rejects.toThrow(
    /mail\.eml: the mail cannot be read: a header over/,
  );
  await expect(rule('Subject: x\n\nx')).rejects.toThrow(/names no recipient: give one with --to/);
});
