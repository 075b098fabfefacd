// Programs that exist, at every variant of the mail door: Debian's swaks, and Python's smtplib as LinOTP and privacyIDEA use
// it. Each is judged as it judges itself.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { linotpSends, privacyideaSends } from '../peers/smtplib.ts';
import { swaks } from '../peers/swaks.ts';
import { newAuthority } from '../rig/certificates.ts';
import { type MailRig, startMailRig } from '../rig/mail.ts';
import { freePort } from '../rig/port.ts';

const NUMBER = '447700900123';
const SENDER = 'otp@example.com';
const authority = newAuthority();
const dir = mkdtempSync(join(tmpdir(), 'hermod-clients-'));
const caFile = join(dir, 'ca.pem');

let rig: MailRig;
let smtps: number;
beforeAll(async () => {
  const tls = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') };
  const { cert, key } = authority.issue('localhost', '127.0.0.1');
  writeFileSync(tls.cert, cert);
  writeFileSync(tls.key, key);
  writeFileSync(caFile, authority.ca);
  smtps = await freePort();
  rig = await startMailRig({ auth: 'clear', tls }, (settings) => ({
    ...settings,
    listen: { ...(settings.listen as object), smtps: { port: smtps, tls } },
    clients: {
      ...settings.clients,
      otp: {
        password: 'correct horse',
        sender: 'OTP',
        validity: '2min',
        mail: { networks: ['127.0.0.1'], senders: [SENDER] },
      },
      web: { password: 'battery staple', sender: 'Web', country: 'GB' },
    },
    mail: { rules: [] },
  }));
}, 120_000);
afterAll(async () => {
  await rig?.stop();
  rmSync(dir, { recursive: true });
});
beforeEach(() => rig.fresh());

const texts = async () =>
  (await rig.passed()).map(({ source, dest, shortMessage }) => [
    source.addr,
    dest.addr,
    shortMessage.toString('latin1'),
  ]);

describe("Debian's swaks", () => {
  const mail = ['--from', SENDER, '--to', `${NUMBER}@sms.example`, '--header', 'Subject: x', '--body', 'Code 123456'];
  const login = (method: string) => ['--auth', method, '--auth-user', 'web', '--auth-password', 'battery staple'];
  const verified = ['--tls-verify', '--tls-ca-path', caFile];

  test.each([
    ['in clear text, known by its network', 'smtp', [], 'OTP'],
    ['with STARTTLS', 'smtp', ['--tls', ...verified], 'OTP'],
    ['with TLS from the first octet', 'smtps', ['--tls-on-connect', ...verified], 'OTP'],
    ['with AUTH PLAIN', 'smtp', login('PLAIN'), 'Web'],
    ['with AUTH LOGIN', 'smtp', login('LOGIN'), 'Web'],
    ['with STARTTLS and AUTH PLAIN', 'smtp', ['--tls', ...verified, ...login('PLAIN')], 'Web'],
    ['with STARTTLS and AUTH LOGIN', 'smtp', ['--tls', ...verified, ...login('LOGIN')], 'Web'],
    ['with SMTPS and AUTH PLAIN', 'smtps', ['--tls-on-connect', ...verified, ...login('PLAIN')], 'Web'],
    ['with SMTPS and AUTH LOGIN', 'smtps', ['--tls-on-connect', ...verified, ...login('LOGIN')], 'Web'],
  ])('%s', async (_how, listener, args, sender) => {
    const { exit, output } = await swaks(listener === 'smtp' ? rig.port : smtps, [...mail, ...args]);
    expect({ exit, output }).toEqual({ exit: 0, output: expect.stringMatching(/250 2\.6\.0 accepted as /) });
    expect(await texts()).toEqual([[sender, NUMBER, 'Code 123456']]);
  });

  test('is told when password, sender or recipient are wrong', async () => {
    const wrong = ['--auth', 'PLAIN', '--auth-user', 'web', '--auth-password', 'guess'];
    expect((await swaks(rig.port, [...mail, ...wrong])).output).toMatch(/535 5\.7\.8/);
    const other = await swaks(rig.port, ['--from', 'x@y', '--to', `${NUMBER}@sms.example`]);
    expect(other.output).toMatch(/550 5\.7\.1 this sender is not among the mail\.senders/);
    expect(other.exit).not.toBe(0);
    const name = await swaks(rig.port, ['--from', SENDER, '--to', 'bob@sms.example', '--header', 'Subject: hello']);
    expect(name.output).toMatch(/550 5\.7\.1 no mail rule takes this mail/);
    expect(await texts()).toEqual([]);
  });
});

describe('LinOTP', () => {
  const definition = () => ({
    mailserver: '127.0.0.1',
    mailserver_port: rig.port,
    mailsender: SENDER,
    mailto: '<phone>@sms.example',
  });
  const message = { phone: `+${NUMBER}`, otp: '123456' };

  test.each([
    ['its default subject and body', {}, '123456'],
    ['STARTTLS', { start_tls: true }, '123456'],
    [
      'the example of its manual, with the number as subject',
      { mailto: 'sms@gateway.example', subject: '<phone>', body: 'This is your OTP-value: <otp>' },
      'This is your OTP-value: 123456',
    ],
  ])('with %s', async (_what, change, text) => {
    expect(await linotpSends({ ...definition(), ...change }, message)).toEqual({ sent: true });
    expect(await texts()).toEqual([['OTP', NUMBER, text]]);
  });

  test('over SMTPS, and with a text of several lines that begin with dots', async () => {
    const secure = { ...definition(), mailserver_port: smtps, use_ssl: true };
    expect(await linotpSends(secure, { ...message, otp: '.one\n..two' })).toEqual({ sent: true });
    expect(await texts()).toEqual([['OTP', NUMBER, '.one\n..two']]);
  });

  test('hears of it when the number is none, or the sender a stranger', async () => {
    const noNumber = { ...definition(), mailto: 'bob@sms.example' };
    expect(await linotpSends(noNumber, message)).toEqual({ sent: false, error: 'SMTPDataError', code: 550 });
    expect(await linotpSends({ ...definition(), mailsender: 'x@y' }, message)).toMatchObject({
      sent: false,
      code: 550,
    });
    expect(await texts()).toEqual([]);
  });
});

describe('privacyIDEA', () => {
  const gateway = () => ({ server: '127.0.0.1', port: rig.port, sender: SENDER, MAILTO: 'sms@gateway.example' });
  const message = { phone: `+${NUMBER}`, otp: '123456' };

  test.each([
    ['its default subject and body', {}, '123456', 'OTP'],
    ['STARTTLS', { tls: true }, '123456', 'OTP'],
    ['a login', { tls: true, username: 'web', password: 'battery staple' }, '123456', 'Web'],
    ['a text beyond ASCII', { BODY: 'Schlüssel für {phone}: {otp}' }, `Schl~ssel f~r +${NUMBER}: 123456`, 'OTP'],
    ['the number in MAILTO', { MAILTO: '{phone}@sms.example', SUBJECT: 'Schlüssel' }, '123456', 'OTP'],
  ])('with %s', async (_what, change, text, sender) => {
    expect(await privacyideaSends({ ...gateway(), ...change }, message)).toEqual({ sent: true });
    expect(await texts()).toEqual([[sender, NUMBER, text]]);
  });

  test('over smtps://, with a national number of a client that has a country', async () => {
    const secure = { ...gateway(), port: smtps, smtps: true, username: 'web', password: 'battery staple' };
    expect(await privacyideaSends(secure, { ...message, phone: '07700 900123' })).toEqual({ sent: true });
    expect(await texts()).toEqual([['Web', NUMBER, '123456']]);
  });

  test('sees an error when the password is wrong, or the number none', async () => {
    const guess = { ...gateway(), username: 'web', password: 'guess' };
    expect(await privacyideaSends(guess, message)).toMatchObject({
      sent: false,
      error: 'SMTPAuthenticationError',
      code: 535,
    });
    const noNumber = await privacyideaSends(gateway(), { ...message, phone: 'unknown' });
    expect(noNumber).toEqual({ sent: false, error: 'SMTPDataError', code: 550 });
  });
});
