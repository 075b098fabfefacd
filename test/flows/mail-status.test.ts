// What the sender of a mail hears of its SMS by mail: through the gateway's outbox and notifier to a mail server with
// STARTTLS and a login.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type MailServer, startMailServer } from '../peers/mail-server.ts';
import { newAuthority } from '../rig/certificates.ts';
import { type MailRig, startMailRig } from '../rig/mail.ts';
import { until } from '../rig/until.ts';

const FROM = 'helpdesk@example.com';
const REFUSED = '447700900001';
const UNDELIVERED = '447700900077';
const DELIVERED = '447700900123';

const authority = newAuthority();
const dir = mkdtempSync(join(tmpdir(), 'hermod-status-'));
let rig: MailRig;
let server: MailServer;
beforeAll(async () => {
  writeFileSync(join(dir, 'ca.pem'), authority.ca);
  const login = { user: 'hermod', password: 'smart host' };
  server = await startMailServer({ tls: authority.issue('localhost'), login });
  rig = await startMailRig(
    {},
    (settings) => ({
      ...settings,
      clients: {
        ...settings.clients,
        tester: { ...(settings.clients.tester as object), mail: { status: 'failures', senders: ['@example.com'] } },
      },
      callbacks: {
        retries: ['200ms'],
        mail: {
          ...{ host: '127.0.0.1', port: server.port, tls: { ca: join(dir, 'ca.pem'), serverName: 'localhost' } },
          ...{ ...login, from: 'sms@gateway.example' },
        },
      },
    }),
    {
      reject: [{ prefix: REFUSED, status: 0x0b }],
      receipts: { afterMs: 20, states: [{ suffix: '77', state: 'UNDELIV', error: '001' }] },
    },
  );
});
afterAll(async () => {
  rig?.hangUp();
  await rig?.stop();
  await server?.stop();
  rmSync(dir, { recursive: true });
});
beforeEach(() => {
  server.kept.length = 0;
  server.refuse = () => undefined;
});

/** Sends a mail whose recipient asks with NOTIFY, and gives the last reply. */
async function send(number: string, { notify = '', from = FROM, id = '' } = {}) {
  const client = await rig.open(rig.port);
  await client.say(`MAIL FROM:<${from}> ENVID=QQ314159`);
  const rcpt = await client.say(`RCPT TO:<${number}@otp.example>${notify ? ` NOTIFY=${notify}` : ''}`);
  if (rcpt.code !== 250) return rcpt;
  await client.say('DATA');
  client.write(`${id ? `Message-ID: ${id}\r\n` : ''}\r\nCode 123456\r\n.\r\n`);
  return client.reply();
}
const arrived = (count = 1) => until(`${count} mails arrived`, () => server.kept.length >= count && server.kept);

test('offers DSN, since there is a way to tell', async () => {
  const client = await rig.open(rig.port);
  expect((await client.say('EHLO test')).text).toMatch(/^DSN$/m);
});

test('a mail that asks for it hears that its SMS was delivered', async () => {
  const { text } = await send(DELIVERED, { notify: 'SUCCESS,FAILURE', id: '<77@example.com>' });
  const id = /[0-9a-f-]{36}/.exec(text)![0];
  const [kept] = await arrived();
  expect(kept).toMatchObject({ from: '', to: [FROM], secure: true, user: 'hermod' });
  const { mail, raw } = kept!;
  expect(mail).toMatchObject({
    subject: `SMS to +${DELIVERED}: delivered`,
    from: { text: 'sms@gateway.example' },
    inReplyTo: '<77@example.com>',
    text: expect.stringMatching(`The SMS to \\+${DELIVERED} was delivered\\.\\s+Message +${id}`),
  });
  expect(raw).toMatch(/^Auto-Submitted: auto-/m);
  expect(raw).toMatch(/^Content-Type: multipart\/report; report-type=delivery-status/m);
  expect(raw).toMatch(
    /^Original-Envelope-Id: QQ314159\r\n\r\nFinal-Recipient: x-sms; \+447700900123\r\nAction: delivered/m,
  );
  expect(raw).not.toMatch(/123456/);
});

test.each([
  ['its receipt says so', UNDELIVERED, /: failed$/, /was not delivered: .*001/],
  ['the provider refuses it', REFUSED, /: rejected$/, /was not delivered: .*Invalid Destination Address/],
])('a client whose row asks for failures hears of one when %s', async (_how, number, subject, text) => {
  await send(number);
  const [kept] = await arrived();
  expect(kept!.mail.subject).toMatch(subject);
  expect(kept!.mail.text?.replaceAll('\n', ' ')).toMatch(text);
  expect(kept!.raw).toMatch(/^Action: failed/m);
});

test('a server that says later is asked again, with the same Message-ID; one that says never is not', async () => {
  server.refuse = (count) => (count < 3 ? 451 : undefined);
  await send(DELIVERED, { notify: 'SUCCESS' });
  await arrived(3);
  expect(new Set(server.kept.map(({ mail }) => mail.messageId)).size).toBe(1);
  server.kept.length = 0;
  server.refuse = () => 554;
  const { text } = await send(DELIVERED, { notify: 'SUCCESS' });
  await arrived();
  const id = /[0-9a-f-]{36}/.exec(text)![0];
  const told = await until('the client is given up', async () => (await rig.message(id))?.untold || undefined);
  expect(told).toBe('the mail server answers 554');
  expect(server.kept).toHaveLength(1);
});

test('who may be the sender is the list of the client, and a mail without one is none of them', async () => {
  const client = await rig.open(rig.port);
  // The other rule is open to this network too, so the refusal is for the recipient.
  expect(await client.say('MAIL FROM:<x@elsewhere.example>')).toMatchObject({ code: 250 });
  expect(await client.say(`RCPT TO:<${DELIVERED}@otp.example>`)).toMatchObject({ code: 550 });
  expect(await send(DELIVERED, { from: '' })).toMatchObject({ code: 550 });
});
