// A real Postfix as the mail gateway: STARTTLS and AUTH, a mail all the way through it, and what it refuses.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { simpleParser } from 'mailparser';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { egressSmtp } from '../../services/egress-smtp/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { router } from '../../services/router/main.ts';
import { type MailGateway, startMailGateway } from '../peers/mail-gateway.ts';
import { type Postfix, startPostfix } from '../peers/postfix.ts';
import { newAuthority } from '../rig/certificates.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const DOMAIN = 'sms-gateway.example';
const LOGIN = { user: 'hermod', password: 'p=ss word' };

let dir: string;
let behind: MailGateway;
let postfix: Postfix;
let rig: Rig;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hermod-smtp-'));
  const authority = newAuthority();
  writeFileSync(join(dir, 'ca.pem'), authority.ca);
  behind = await startMailGateway();
  postfix = await startPostfix(DOMAIN, behind.port, { ...authority.issue('127.0.0.1'), ...LOGIN });
  const mail = {
    bearer: 'smtp',
    host: '127.0.0.1',
    port: postfix.port,
    tls: { ca: join(dir, 'ca.pem') },
    from: `otp@${DOMAIN}`,
    to: `{to}@${DOMAIN}`,
    subject: 'SMS',
    ...LOGIN,
  };
  rig = await startRig({
    services: [ledger, router, egressSmtp, ingressHttp],
    settings: (standard) => ({
      ...standard,
      providers: { mail, elsewhere: { ...mail, to: '{to}@not-here.example' } },
      routes: [{ when: { prefix: '4479' }, to: ['elsewhere'] }, { to: ['mail'] }],
    }),
  });
}, 300_000);
afterAll(async () => {
  await rig?.stop();
  postfix?.stop();
  await behind?.stop();
  rmSync(dir, { recursive: true, force: true });
});

test('a mail goes through it to the far side', async () => {
  const { ids } = await rig.send({ to: '+447700900123', text: 'Grüße\n.\nCode: 4711' });
  expect(await rig.final(ids[0]!)).toMatchObject({ state: 'sent', provider: 'mail' });
  await until('it is at the far side', () => behind.taken.length === 1);
  expect(behind.taken[0]).toMatchObject({ from: `otp@${DOMAIN}`, to: `+447700900123@${DOMAIN}` });
  const parsed = await simpleParser(behind.taken[0]!.data);
  expect(parsed).toMatchObject({ subject: 'SMS', messageId: expect.stringContaining(ids[0]!) });
  expect(parsed.text!.trimEnd()).toBe('Grüße\n.\nCode: 4711');
  expect(postfix.log()).toMatch(/TLS connection established from/);
  expect(postfix.log()).toMatch(/sasl_method=PLAIN, sasl_username=hermod/);
});

test('what it does not relay for anyone is refused, and the number is in no reason', async () => {
  const { ids } = await rig.send({ to: '+447900900123', text: 'x' });
  const final = await rig.final(ids[0]!);
  expect(final).toMatchObject({ state: 'rejected', reason: expect.stringMatching(/RCPT TO: 554 5\.7\.1/) });
  expect(String(final.reason)).not.toContain('447900900123');
});
