// Mail, script and push from the HTTP door to the far side, with the three egress services in a process of their own that
// is ended with SIGTERM under load.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Child, startChild } from '../../deploy/child.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { router } from '../../services/router/main.ts';
import { fcmError, type Google, startGoogle } from '../peers/google.ts';
import { type MailGateway, startMailGateway } from '../peers/mail-gateway.ts';
import { newAuthority } from '../rig/certificates.ts';
import { freePort } from '../rig/port.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const SECRETS = { password: 'mail-password-1', text: 'Wachtwoord' };
const LOGIN = { user: 'hermod', password: SECRETS.password };
const DEVICE = 'fGx1:APA91b-device_token';
/** One line for each run; slow ones for texts that ask for it. */
const SCRIPT = `#!/bin/sh
read -r text
case "$text" in *slow*) sleep 0.3 ;; esac
printf '%s %s %s\\n' "$HERMOD_ID" "$1" "$text" >> runs
`;

let dir: string;
let mail: MailGateway;
let google: Google;
let rig: Rig;
let egress: Child;
const output: string[] = [];

const startEgress = async () => {
  const services = ['egress-smtp', 'egress-script', 'egress-push'];
  process.env.HERMOD_LOG_LEVEL = 'debug';
  process.env.HERMOD_ACCESS_LOG = '-';
  const say = (line: string) => output.push(line);
  egress = startChild({
    services,
    configFile: rig.configFile,
    amqpUrl: rig.amqpUrl,
    adminPort: 0,
    output: say,
    say,
  });
  process.env.HERMOD_LOG_LEVEL = 'fatal';
  process.env.HERMOD_ACCESS_LOG = 'off';
  await egress.ready;
};

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hermod-bearers-'));
  chmodSync(dir, 0o755);
  mkdirSync(join(dir, 'scripts'), { mode: 0o755 });
  writeFileSync(join(dir, 'scripts', 'send'), SCRIPT);
  chmodSync(join(dir, 'scripts', 'send'), 0o755);
  const authority = newAuthority();
  writeFileSync(join(dir, 'ca.pem'), authority.ca);
  mail = await startMailGateway({ security: 'starttls', tls: authority.issue('127.0.0.1'), login: LOGIN });
  google = await startGoogle();
  google.writeAccount(join(dir, 'account.json'));
  writeFileSync(join(dir, 'devices.json'), JSON.stringify({ 447700900001: DEVICE, 447700900002: DEVICE }));
  const gateway = {
    bearer: 'smtp',
    host: '127.0.0.1',
    port: mail.port,
    tls: { ca: join(dir, 'ca.pem') },
    ...LOGIN,
    from: 'otp@example.org',
    to: '{to}@sms.example.net',
    number: { form: 'digits' },
    responseTimeout: '2s',
  };
  const nobody = await freePort();
  rig = await startRig({
    services: [ledger, router, ingressHttp],
    settings: (standard) => ({
      ...standard,
      limits: { failoverAfter: '2s' },
      scripts: { folder: join(dir, 'scripts') },
      providers: {
        mail: { ...gateway, onUnknown: 'park' },
        away: { ...gateway, port: nobody },
        script: { bearer: 'script', script: 'send' },
        push: {
          bearer: 'push',
          serviceAccount: join(dir, 'account.json'),
          devices: join(dir, 'devices.json'),
          endpoint: `http://127.0.0.1:${google.port}`,
        },
      },
      routes: [
        { when: { prefix: '44770090000' }, to: ['push', 'script'] },
        { when: { prefix: '44770091' }, to: ['away', 'script'] },
        { when: { prefix: '4479' }, to: ['script'] },
        { to: ['mail'] },
      ],
    }),
  });
  await startEgress();
});
afterAll(async () => {
  await egress?.stop();
  await rig?.stop();
  await mail?.stop();
  await google?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const send = async (to: string, text = `${SECRETS.text} 4711`) => {
  const { status, ids } = await rig.send({ to: `+${to}`, text });
  expect(status).toBe(202);
  return ids[0]!;
};
const runs = () => {
  const file = join(dir, 'scripts', 'runs');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
};

describe('each bearer', () => {
  test('mail, over STARTTLS and AUTH', async () => {
    const id = await send('447700900123');
    expect(await rig.final(id)).toMatchObject({ state: 'sent', provider: 'mail' });
    expect(mail.taken).toMatchObject([{ to: '447700900123@sms.example.net', user: 'hermod', encrypted: true }]);
    expect(mail.taken[0]!.data).toContain(`${SECRETS.text} 4711`);
  });

  test('script', async () => {
    const id = await send('447900900123');
    expect(await rig.final(id)).toMatchObject({ state: 'sent', provider: 'script' });
    expect(runs()).toEqual([`${id} +447900900123 ${SECRETS.text} 4711`]);
  });

  test('push', async () => {
    const id = await send('447700900001');
    expect(await rig.final(id)).toMatchObject({ state: 'sent', provider: 'push' });
    expect(google.sent[0]!.body).toMatchObject({
      message: { token: DEVICE, notification: { body: `${SECRETS.text} 4711` } },
    });
  });
});

describe('what goes wrong', () => {
  test('who has no device gets an SMS, however many they are, and push stays in use', async () => {
    const ids = await Promise.all(Array.from({ length: 12 }, () => send('447700900009')));
    for (const id of ids) expect(await rig.final(id)).toMatchObject({ state: 'sent', provider: 'script' });
    expect(await rig.final(await send('447700900001'))).toMatchObject({ provider: 'push' });
  });

  test('an app that is gone is refused for good, and the next provider asked', async () => {
    google.answers.push(fcmError(404, 'UNREGISTERED'));
    const id = await send('447700900002');
    expect(await rig.final(id)).toMatchObject({ state: 'sent', provider: 'script' });
    expect((await rig.message(id))!.attempts).toMatchObject([
      { provider: 'push', outcome: 'refused', reason: 'FCM answered 404 UNREGISTERED' },
      { provider: 'script', outcome: 'submitted' },
    ]);
  });

  test('a mail server that is away is left for the next provider', async () => {
    expect(await rig.final(await send('447700910001'))).toMatchObject({ state: 'sent', provider: 'script' });
  });

  test('a mail server that hangs once it has the mail: unknown, parked as its row says', async () => {
    mail.replies.mail = ['hang'];
    expect(await rig.final(await send('447700900124'))).toMatchObject({
      state: 'unknown',
      provider: 'mail',
      reason: 'the mail server did not answer within 2 s',
    });
  });

  test('a mail server that goes away and comes back: the message waits, and is sent once', async () => {
    const before = mail.taken.length;
    // The connection that is open, and the next one: nothing was handed over.
    mail.replies.MAIL = ['cut', 'cut'];
    const id = await send('447700900125');
    expect(await rig.final(id, 15_000)).toMatchObject({ state: 'sent', provider: 'mail' });
    expect(mail.taken.length).toBe(before + 1);
  });
});

test('SIGTERM under load: every message runs once, and ends', async () => {
  const before = runs().length;
  const ids = await Promise.all(
    Array.from({ length: 24 }, (_, i) => send(`4479009001${String(i).padStart(2, '0')}`, `slow ${i}`)),
  );
  await until('some have run', () => runs().length > before + 4);
  await egress.stop();
  const atStop = runs().length;
  expect(atStop).toBeLessThan(before + 24);
  await startEgress();
  for (const id of ids) expect(await rig.final(id)).toMatchObject({ state: 'sent' });
  const ran = runs().slice(before);
  expect(output.filter((line) => line.includes('unexpectedly'))).toEqual([]);
  expect(ran.map((line) => line.split(' ')[0]).sort()).toEqual(ids.toSorted());
});

test('no text, no full number and no secret is in what the services wrote', () => {
  const written = output.join('\n');
  expect(written).toMatch(/"service":"egress-smtp"/);
  expect(written).toMatch(/4477\.\.23/);
  expect(written).not.toMatch(/Wachtwoord|447[79]009\d{5}|44770091\d{4}/);
  expect(written).not.toContain(SECRETS.password);
  expect(written).not.toContain(DEVICE);
  expect(written).not.toMatch(/PRIVATE KEY|token-\d/);
});
