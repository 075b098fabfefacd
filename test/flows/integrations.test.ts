// The scripts that ship for ISE and VISULOX, run as a mail system and VISULOX run them, against the gateway.
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { egressSmpp } from '../../services/egress-smpp/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ingressSmtp } from '../../services/ingress-smtp/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { notifier } from '../../services/notifier/main.ts';
import { router } from '../../services/router/main.ts';
import { newAuthority } from '../rig/certificates.ts';
import { GUIDE_RULE, GUIDE_SHORT_MESSAGE, guideMail } from '../rig/guide.ts';
import { freePort } from '../rig/port.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const SCRIPTS = resolve(import.meta.dirname, '../../deploy/integrations');
const SECRET = 'correct horse';
let rig: Rig;
let receiver: Receiver;
let smtpPort: number;
let nobody: number;
const authority = newAuthority();
const dir = mkdtempSync(join(tmpdir(), 'hermod-integrations-'));

beforeAll(async () => {
  [smtpPort, nobody] = [await freePort(), await freePort()];
  receiver = await startReceiver();
  rig = await startRig({
    settings: (standard) => ({
      ...standard,
      listen: { ...standard.listen, smtp: { port: smtpPort, auth: 'tls', tls: writeCertificate() } },
      clients: {
        visulox: { password: SECRET, networks: ['127.0.0.1'], callbacks: { allow: ['127.0.0.1'] } },
        ise: { password: SECRET, sender: '12345' },
      },
      mail: {
        rules: [
          GUIDE_RULE,
          { name: 'by-login', client: 'ise', when: { to: '^(?P<to>\\d+)@login$' }, number: '{to}', text: 'Hello' },
        ],
      },
    }),
    services: [ledger, router, egressSmpp, ingressHttp, ingressSmtp, notifier],
  });
});
afterAll(async () => {
  await rig?.stop();
  await receiver?.stop();
  rmSync(dir, { recursive: true });
});
beforeEach(() => {
  rig.smsc.received.length = 0;
  receiver.seen.length = 0;
});

function writeCertificate(): { cert: string; key: string } {
  const { cert, key } = authority.issue('localhost', '127.0.0.1');
  for (const [name, content] of Object.entries({ cert, key, ca: authority.ca }))
    writeFileSync(join(dir, name), content);
  return { cert: join(dir, 'cert'), key: join(dir, 'key') };
}

type Ran = { exit: number; stderr: string; argv: string };
type Run = { args?: string[]; stdin?: string; env: Record<string, string> };

/** Runs a script with nothing in its environment but PATH and `env`; a curl in front of the real one notes its arguments. */
function run(script: string, { args = [], stdin = '', env }: Run): Promise<Ran> {
  const bin = join(dir, 'bin');
  const noted = join(dir, 'argv');
  mkdirSync(bin, { recursive: true });
  writeFileSync(noted, '');
  writeFileSync(join(bin, 'curl'), `#!/bin/sh\nprintf '%s\\n' "$@" >> ${noted}\nPATH=/usr/bin:/bin exec curl "$@"\n`);
  chmodSync(join(bin, 'curl'), 0o755);
  return new Promise((done) => {
    const options = { env: { PATH: `${bin}:/usr/bin:/bin`, HERMOD_SETTINGS: '/nonexistent', ...env } };
    const child = execFile(join(SCRIPTS, script), args, options, (error, _stdout, stderr) => {
      done({ exit: error ? Number(error.code) : 0, stderr, argv: readFileSync(noted, 'utf8') });
    });
    child.stdin!.on('error', () => {});
    child.stdin!.end(stdin);
  });
}

const arrived = () => until('the PDU arrives', () => rig.smsc.received[0]);

describe('ise-mailfilter', () => {
  /** As a mail system pipes it: with the line that begins a mail in a mailbox, and LF. */
  const mail = (subject?: string, end = '\n') =>
    ['From sponsor Sat Nov 30 22:39:47 2013', guideMail(subject ? { subject } : {}), '.', '']
      .join('\r\n')
      .replaceAll('\r\n', end);
  const env = () => ({ HERMOD_SMTP: `smtp://127.0.0.1:${smtpPort}`, SENDER: 'sponsor@x', RECIPIENT: 'sms@x' });

  test.each([
    ['LF, as a mail system pipes it', '\n'],
    ['CR LF', '\r\n'],
  ])("hands the guide's mail over, with %s", async (_what, end) => {
    expect(await run('ise-mailfilter', { stdin: mail(undefined, end), env: env() })).toMatchObject({
      exit: 0,
      stderr: '',
    });
    expect((await arrived()).shortMessage.toString('hex')).toBe(GUIDE_SHORT_MESSAGE);
  });

  test('takes sender and recipient as arguments too, and a bounce without a sender', async () => {
    const { HERMOD_SMTP } = env();
    const args = ['MAILER-DAEMON', 'sms@x'];
    expect(await run('ise-mailfilter', { args, stdin: mail(), env: { HERMOD_SMTP } })).toMatchObject({ exit: 0 });
    await arrived();
  });

  test('logs in over TLS, and shows its password to nobody', async () => {
    const netrc = join(dir, 'netrc');
    writeFileSync(netrc, `machine 127.0.0.1 login ise password "${SECRET}"\n`, { mode: 0o600 });
    const ca = join(dir, 'ca.pem');
    writeFileSync(ca, authority.ca);
    const login = { ...env(), HERMOD_NETRC: netrc, HERMOD_CA: ca, HERMOD_RECIPIENT: '447700900123@login' };
    const ran = await run('ise-mailfilter', { stdin: mail(), env: login });
    expect(ran).toMatchObject({ exit: 0, stderr: '' });
    expect(ran.argv).not.toContain(SECRET);
    expect((await arrived()).shortMessage.toString()).toBe('Hello');

    writeFileSync(netrc, 'machine 127.0.0.1 login ise password wrong\n');
    expect(await run('ise-mailfilter', { stdin: mail(), env: login })).toMatchObject({ exit: 77 });
    expect(await run('ise-mailfilter', { stdin: mail(), env: { ...login, HERMOD_CA: '' } })).toMatchObject({
      exit: 75,
      stderr: expect.stringContaining('no TLS'),
    });
  });

  test('says 69 when no rule takes the mail', async () => {
    const refused = await run('ise-mailfilter', { stdin: mail('Lunch'), env: env() });
    expect(refused).toMatchObject({ exit: 69, stderr: expect.stringMatching(/refuses the mail \(550\)/) });
    const stranger = await run('ise-mailfilter', { stdin: mail(), env: { ...env(), RECIPIENT: 'bob@x' } });
    expect(stranger).toMatchObject({ exit: 69 });
  });

  test('says 75 when the gateway is away, so that the mail system tries again', async () => {
    const away = { ...env(), HERMOD_SMTP: `smtp://127.0.0.1:${nobody}` };
    expect(await run('ise-mailfilter', { stdin: mail(), env: away })).toMatchObject({ exit: 75 });
  });

  test('says 78 when it is not set up', async () => {
    expect(await run('ise-mailfilter', { stdin: mail(), env: {} })).toMatchObject({ exit: 78 });
    expect(await run('ise-mailfilter', { stdin: mail(), env: { HERMOD_SMTP: 'smtp://x' } })).toMatchObject({
      exit: 78,
    });
  });
});

describe('visulox-sms', () => {
  const TEXT = 'NICE formatted text\nPIN: 123 456 & 50%\nVALID UNTIL: 12:30\nSEQUENCE: 4711 ü€';
  const env = () => ({
    GWURL: rig.httpUrl,
    SMSUSER: 'visulox',
    PASSWORD: SECRET,
    FEEDBACKURL: `http://127.0.0.1:${receiver.port}/smsKannelfeedback`,
    VLXPIN_SMS: '+44 (7700) 900-123',
    VLXPIN_SEQUENCE: '4711',
    VLXPIN_TEXT: TEXT,
  });

  test('sends the text as it stands, from the configured sender, and VISULOX hears of the delivery', async () => {
    const ran = await run('visulox-sms', { env: env() });
    expect(ran).toMatchObject({ exit: 0, stderr: '' });
    for (const secret of [SECRET, '123 456', '900-123']) expect(ran.argv).not.toContain(secret);
    const pdu = await arrived();
    expect(pdu).toMatchObject({ source: { addr: 'VISULOX RA' }, dest: { addr: '447700900123' } });
    expect(pdu.registeredDelivery & 1).toBe(1);
    expect(pdu.dataCoding).toBe(0);
    expect(pdu.shortMessage.toString('latin1')).toBe(TEXT.replace('ü€', '\x7e\x1be'));
    await until('VISULOX is told', () => receiver.seen.find(({ url }) => url.includes('state=1&')));
    const urls = receiver.seen.map(({ url }) => url);
    expect(urls.map((url) => /state=(\d+)/.exec(url)?.[1])).toEqual(['8', '1']);
    expect(urls[1]).toMatch(
      /^\/smsKannelfeedback\?sequence=4711&state=1&to=%2B44\+\(7700\)\+900-123&time=\d+&answer=id%3A/,
    );
  });

  test('writes a text of several lines itself when the policy gives none', async () => {
    const { VLXPIN_TEXT: _text, FEEDBACKURL: _url, ...rest } = env();
    const more = { ...rest, VLXPIN_FMT: '123-456', VLXPIN_EXPIRATIONTIME: '12:30', VLXPIN_SEQUENCE: '$(id) "$PATH' };
    expect(await run('visulox-sms', { env: more })).toMatchObject({ exit: 0 });
    const pdu = await arrived();
    expect(pdu.shortMessage.toString('latin1')).toMatch(
      /^PIN: 123-456\nVALID UNTIL: 12:30\nSEQUENCE: \x02\(id\) "\x02PATH$/,
    );
    expect(pdu.registeredDelivery).toBe(0);
  });

  test.each([
    ['a wrong password', { PASSWORD: 'wrong' }, 77, /Authorization failed/],
    ['a number that is none', { VLXPIN_SMS: 'bob' }, 65, /VLXPIN_SMS has no telephone number/],
    ['a number that the gateway refuses', { VLXPIN_SMS: '000 000 000' }, 65, /400 /],
    ['no text', { VLXPIN_TEXT: '' }, 65, /there is no text/],
    ['no settings', { GWURL: '' }, 78, /must be set/],
    ['another variable for the number', { NUMBER: 'VLXPIN_MOBILE' }, 65, /VLXPIN_MOBILE has no/],
  ])('%s', async (_what, change, exit, stderr) => {
    expect(await run('visulox-sms', { env: { ...env(), ...change } })).toMatchObject({
      exit,
      stderr: expect.stringMatching(stderr),
    });
  });

  test('gives up in time: a gateway that is away or does not answer is worth another try', async () => {
    const away = { ...env(), GWURL: `http://127.0.0.1:${nobody}` };
    expect(await run('visulox-sms', { env: away })).toMatchObject({ exit: 75 });
    const silent = await startReceiver(() => {});
    const started = performance.now();
    const slow = { ...env(), GWURL: `http://127.0.0.1:${silent.port}`, TIMEOUT: '1' };
    expect(await run('visulox-sms', { env: slow })).toMatchObject({ exit: 75 });
    expect(performance.now() - started).toBeLessThan(10_000);
    await silent.stop();
    const busy = await startReceiver((response) => response.writeHead(503).end('Temporal failure, try again later.'));
    const later = { ...env(), GWURL: `http://127.0.0.1:${busy.port}` };
    expect(await run('visulox-sms', { env: later })).toMatchObject({ exit: 75 });
    await busy.stop();
  });
});
