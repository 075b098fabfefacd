// A mail door with TLS and AUTH: what it offers when, who may use which rules, and what it does with those who guess.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { createTransport } from 'nodemailer';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { clientOn } from '../peers/smtp-client.ts';
import { newAuthority } from '../rig/certificates.ts';
import { SPONSOR } from '../rig/guide.ts';
import { type MailRig, RULES, startMailRig } from '../rig/mail.ts';

const authority = newAuthority();
const trust = { ca: authority.ca, servername: 'localhost' };
const dir = mkdtempSync(join(tmpdir(), 'hermod-login-'));
const login = {
  name: 'login',
  client: 'webmail',
  when: { to: '^(?P<phone>[^@]*)@login\\.example$' },
  number: '{phone}',
  text: 'Hello',
};

let rig: MailRig;
beforeAll(async () => {
  const tls = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') };
  const { cert, key } = authority.issue('localhost');
  writeFileSync(tls.cert, cert);
  writeFileSync(tls.key, key);
  rig = await startMailRig({ auth: 'tls', tls, requireTls: true }, (settings) => ({
    ...settings,
    clients: {
      ...settings.clients,
      webmail: { password: 'correct horse', sender: 'Web' },
      ise: { password: 'guest-portal', sender: '12345', networks: ['10.0.0.0/8'] },
    },
    mail: { builtIn: false, rules: [...RULES.map(({ networks: _networks, ...rule }) => rule), login] },
  }));
});
afterAll(async () => {
  await rig?.stop();
  rmSync(dir, { recursive: true });
});
beforeEach(() => rig.fresh());
afterEach(() => rig.hangUp());

type Login = { user: string; pass: string };
const send = async (to: string, auth?: Login) => {
  const transport = createTransport({ host: '127.0.0.1', port: rig.port, requireTLS: true, tls: trust, auth });
  const mail = { envelope: { from: SPONSOR, to }, raw: 'Subject: x\r\n\r\nx' };
  return transport.sendMail(mail).finally(() => transport.close());
};
/** The connection behind STARTTLS, with `pipelined` sent in clear right after the command. */
async function startTls(pipelined = '') {
  const plain = await rig.open(rig.port);
  plain.write(`STARTTLS\r\n${pipelined}`);
  await plain.reply();
  plain.socket.removeAllListeners('data');
  return clientOn(connectTls({ socket: plain.socket, ...trust }));
}
const plainAuth = (password: string) => `AUTH PLAIN ${Buffer.from(`\0webmail\0${password}`).toString('base64')}`;

test('offers STARTTLS, and AUTH only over it', async () => {
  const client = await rig.open(rig.port);
  const { text } = await client.say('EHLO test');
  expect(text).toMatch(/STARTTLS/);
  expect(text).not.toMatch(/AUTH/);
  expect(await client.say(plainAuth('correct horse'))).toMatchObject({ code: 500 });
  expect(await client.say(`MAIL FROM:<${SPONSOR}>`)).toMatchObject({ code: 530 });
});

test('takes mail from a client that logs in, for the rules of this client only', async () => {
  const webmail = { user: 'webmail', pass: 'correct horse' };
  expect((await send('447700900123@login.example', webmail)).response).toMatch(/^250 2\.6\.0/);
  await expect(send('447700900123@otp.example', webmail)).rejects.toThrow(/550 5\.1\.1 no mail rule is for this/);
  const pdus = await rig.passed();
  expect(pdus).toMatchObject([{ source: { addr: 'Web' }, dest: { addr: '447700900123' } }]);
});

test.each([
  ['a wrong password', { user: 'webmail', pass: 'wrong' }],
  ['an unknown name', { user: 'nobody', pass: 'correct horse' }],
  ['an address outside its networks', { user: 'ise', pass: 'guest-portal' }],
])('refuses %s, all alike', async (_what, auth) => {
  await expect(send('447700900123@login.example', auth)).rejects.toThrow(/535 5\.7\.8 the name or password is wrong/);
});

test('refuses mail without a login, and ends a connection that guesses', async () => {
  await expect(send('447700900123@login.example')).rejects.toThrow(/530 5\.7\.0 authentication required/);
  const client = await startTls();
  await client.say('EHLO test');
  expect((await client.say(plainAuth('guess'))).code).toBe(535);
  expect((await client.say(plainAuth('guess'))).code).toBe(535);
  expect((await client.say(plainAuth('guess'))).code).toBe(421);
  await client.ended;
});

test('throws away what came in clear behind STARTTLS', async () => {
  const client = await startTls('NOOP\r\nMAIL FROM:<a@b>\r\n');
  expect((await client.say('EHLO test')).text).toMatch(/AUTH PLAIN LOGIN/);
  client.close();
});
