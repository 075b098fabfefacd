// `hermod try` at every bearer: by the worker that holds the bind, ahead of its backlog; without one on a bind of its own.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TrialAnswer } from '#shared/messages/trial.ts';
import { registry } from '#shared/telemetry/metrics.ts';
import { egressHttp } from '../../services/egress-http/main.ts';
import { egressModem } from '../../services/egress-modem/main.ts';
import { egressPush } from '../../services/egress-push/main.ts';
import { egressScript } from '../../services/egress-script/main.ts';
import { egressSmpp } from '../../services/egress-smpp/main.ts';
import { egressSmtp } from '../../services/egress-smtp/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { router } from '../../services/router/main.ts';
import { type Google, startGoogle } from '../peers/google.ts';
import { type HttpProvider, type Reply, startHttpProvider } from '../peers/http-provider.ts';
import { type MailGateway, startMailGateway } from '../peers/mail-gateway.ts';
import { Modem } from '../peers/modem/modem.ts';
import { type Plugged, plug } from '../peers/modem/pty.ts';
import { type Ran, runHermod } from '../rig/hermod.ts';
import { freePort } from '../rig/port.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const NUMBER = '+447700900001';
const TEXT = 'Does this arrive?';
const PROBE = 'Are you there?';
const SECRETS = {
  mail: 'mail-password-1',
  http: 'http-password-2',
  bird: 'live_key-of-bird-3',
  device: 'fGx1:APA91b-device_token',
};
const SCRIPT = `#!/bin/sh
cat > last
[ "$1" = +447700900067 ] && { echo 'no such subscriber' >&2; exit 67; }
exit 0
`;

const EGRESS = [egressSmpp, egressHttp, egressSmtp, egressScript, egressPush, egressModem];

const dir = mkdtempSync(join(tmpdir(), 'hermod-try-'));
const stick = new Modem({ submitMs: 0 });
let rig: Rig;
let mail: MailGateway;
let http: HttpProvider;
const credit: Reply = { body: JSON.stringify({ payment: 'prepaid', type: 'euros', amount: 47.8 }) };
let google: Google;
let plugged: Plugged;

beforeAll(async () => {
  chmodSync(dir, 0o755);
  mkdirSync(join(dir, 'scripts'), { mode: 0o755 });
  writeFileSync(join(dir, 'scripts', 'send'), SCRIPT);
  chmodSync(join(dir, 'scripts', 'send'), 0o755);
  mail = await startMailGateway({ login: { user: 'hermod', password: SECRETS.mail } });
  http = await startHttpProvider(({ url }) => (url === '/balance' ? credit : { body: `OK ${SECRETS.http} id=42` }));
  google = await startGoogle();
  google.writeAccount(join(dir, 'account.json'));
  writeFileSync(join(dir, 'devices.json'), JSON.stringify({ 447700900001: SECRETS.device }));
  stick.clock = Date.now();
  plugged = await plug(stick, join(dir, 'ttyUSB0'));
  const nobody = await freePort();
  rig = await startRig({
    services: [ledger, router, ...EGRESS, ingressHttp],
    settings: (standard) => {
      const smpp = standard.providers.sandbox as object;
      const login = { user: 'hermod', password: SECRETS.mail };
      return {
        ...standard,
        scripts: { folder: join(dir, 'scripts') },
        providers: {
          sandbox: { ...smpp, senders: { '12345': 'HERMOD' } },
          slow: { ...smpp, rate: '1/s', window: 1 },
          closed: { ...smpp, port: nobody },
          probed: { ...smpp, probe: { to: '+447700900999', every: '10s', text: PROBE } },
          bird: { bearer: 'http', preset: 'messagebird', url: http.url, account: { accessKey: SECRETS.bird } },
          web: {
            bearer: 'http',
            url: `${http.url}/send`,
            query: { to: '{to}', text: '{text}', password: SECRETS.http },
            auth: { basic: { user: 'acme', password: SECRETS.http } },
            answer: { id: { regex: 'id=(\\d+)' } },
          },
          mail: {
            bearer: 'smtp',
            host: '127.0.0.1',
            port: mail.port,
            security: 'none',
            ...login,
            from: 'otp@example.org',
            to: '{to}@sms.example.net',
            number: { form: 'digits' },
          },
          script: { bearer: 'script', script: 'send' },
          push: {
            bearer: 'push',
            serviceAccount: join(dir, 'account.json'),
            devices: join(dir, 'devices.json'),
            endpoint: `http://127.0.0.1:${google.port}`,
          },
          stick: { bearer: 'modem', device: join(dir, 'ttyUSB0') },
        },
        routes: [{ to: ['slow'] }],
      };
    },
  });
  for (const name of ['sandbox', 'slow', 'web', 'mail', 'script', 'push', 'stick', 'bird', 'probed']) await bound(name);
}, 60_000);
afterAll(async () => {
  await rig?.stop();
  await Promise.all([mail?.stop(), http?.stop(), google?.stop(), plugged?.unplug()]);
  rmSync(dir, { recursive: true, force: true });
});

const bound = (provider: string) =>
  until(
    `${provider} is ready`,
    async () =>
      (await registry.getSingleMetricAsString('hermod_binds_held')).includes(
        `hermod_binds_held{provider="${provider}"} 1`,
      ),
    20_000,
  );

const hermod = (...args: string[]): Promise<Ran> =>
  runHermod(args, { HERMOD_CONFIG: rig.configFile, AMQP_URL: rig.amqpUrl });

/** What `hermod try --json` prints; whatever a secret is, it is not in it. */
async function tried(
  provider: string,
  number = NUMBER,
): Promise<TrialAnswer & { us: string; them: string; code: number }> {
  const ran = await hermod('try', provider, number, TEXT, '--json');
  for (const secret of [...Object.values(SECRETS), Buffer.from(`acme:${SECRETS.http}`).toString('base64')])
    expect(ran.out + ran.err).not.toContain(secret);
  const answer = ran.json<TrialAnswer>();
  const linesOf = (who: string) => answer.said.flatMap(({ by, lines }) => (by === who ? lines : [])).join('\n');
  return { ...answer, code: ran.code, us: linesOf('hermod'), them: linesOf('provider') };
}

describe('by the worker that holds the bind', () => {
  test('SMPP: fields and octets, the answer, the verdict, and a message in the ledger that gets its receipt', async () => {
    const ran = await hermod('try', 'sandbox', '+44 7700 900 001', TEXT);
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(ran.out).toMatch(/^sandbox \(smpp\), message [0-9a-f-]{36}\n/);
    expect(ran.out).toMatch(/> submit_sm sequence_number \d+, \d+ octets\n/);
    expect(ran.out).toContain('>   source_addr HERMOD\n');
    expect(ran.out).toContain(`>   short_message ${Buffer.from(TEXT).toString('hex')}\n`);
    expect(ran.out).toMatch(/< {3}command_status 0x00000000 ESME_ROK\n/);
    expect(ran.out).toMatch(/\naccepted in \d+ ms; the provider's id: \S+\nWait for the receipt/);
    const pdu = rig.smsc.received.find(({ shortMessage }) => shortMessage.toString() === TEXT)!;
    expect(pdu).toMatchObject({ source: { addr: 'HERMOD' }, dest: { addr: '447700900001' }, registeredDelivery: 1 });
    const id = /hermod status (\S+)\n$/.exec(ran.out)![1]!;
    const audit = await until('the audit', async () => {
      const { code, out } = await hermod('audit', '--action', 'try', '--json');
      return code === 0 && out.includes('"done"') && JSON.parse(out);
    });
    expect(audit).toMatchObject([{ action: 'try', object: 'provider sandbox', result: 'done' }]);
    await until('its receipt', async () => / delivered /.test((await hermod('status', id)).out), 20_000);
  });

  test('HTTP: the request line, headers and body as sent, and what the provider said, without the account', async () => {
    const { code, us, them, providerIds } = await tried('web');
    expect(code).toBe(0);
    expect(us).toMatch(/^GET \/send\?to=\S+&text=\S+&password=… HTTP\/1.1\nhost: 127.0.0.1:\d+\n/);
    expect(us).toMatch(/^authorization: Basic …$/m);
    expect(them).toMatch(/^HTTP\/1.1 200\n[\s\S]*OK … id=42$/);
    expect(providerIds).toEqual(['42']);
    expect(http.calls.at(-1)!.url).toContain(SECRETS.http);
    http.answer({ status: 403, body: 'account closed' });
    const refused = await tried('web');
    http.answer({ body: 'OK id=43' });
    expect(refused).toMatchObject({ code: 1, verdict: 'refused', class: 'by this provider', providerIds: [] });
    expect(refused.todo).toMatch(/account/);
  });

  test('mail: the whole dialogue', async () => {
    const { code, us, them } = await tried('mail');
    expect(code).toBe(0);
    expect(us).toMatch(
      /^EHLO [\s\S]*^AUTH PLAIN [\s\S]*^MAIL FROM:<otp@example.org>[\s\S]*^RCPT TO:<447700900001@sms.example.net>/m,
    );
    expect(us).toContain(TEXT);
    expect(them).toMatch(/^220 [\s\S]*^250 /m);
    mail.replies.RCPT = ['550 5.1.1 no such user'];
    expect(await tried('mail')).toMatchObject({ verdict: 'refused', class: 'for this recipient' });
  });

  test('a program: its arguments, its end and what it wrote to stderr', async () => {
    const { code, us, them, receipt } = await tried('script');
    expect({ code, them, receipt }).toEqual({ code: 0, them: 'exit code 0', receipt: false });
    expect(us).toMatch(/^argv: \["\S+\/scripts\/send","\+447700900001"\]$/m);
    expect(readFileSync(join(dir, 'scripts', 'last'), 'utf8')).toBe(TEXT);
    const refused = await tried('script', '+447700900067');
    expect(refused).toMatchObject({ verdict: 'refused', them: 'exit code 67\nstderr:\nno such subscriber' });
  });

  test('push: the call to FCM without tokens', async () => {
    const { code, us, them } = await tried('push');
    expect(code).toBe(0);
    expect(us).toMatch(/^POST \S+\/v1\/projects\/\S+\/messages:send\nauthorization: Bearer …\n/);
    expect(us).toContain('"token":"…"');
    expect(them).toMatch(/^HTTP status 200\n/);
  });

  test('a modem: the PDU and its answer', async () => {
    const { code, us, them } = await tried('stick');
    expect(code).toBe(0);
    expect(us).toMatch(/^AT\+CMGS=\d+\n[0-9A-F]+ Ctrl-Z$/i);
    expect(them).toMatch(/^\+CMGS: \d+\nOK$/);
    expect(stick.taken.at(-1)).toMatchObject({ text: TEXT });
  });

  test('ahead of the backlog, within the rate', async () => {
    const ids = [];
    for (let i = 0; i < 20; i++) ids.push(...(await rig.send({ to: NUMBER, text: `waiting ${i}` })).ids);
    expect((await tried('slow')).verdict).toBe('accepted');
    const waiting = rig.smsc.received.filter(({ shortMessage }) => shortMessage.toString().startsWith('waiting'));
    expect(waiting.length).toBeLessThan(15);
  });

  test('who cannot bind says why, and a paused provider is tried all the same', async () => {
    const { code, verdict, reason, todo } = await tried('closed');
    expect({ code, verdict }).toEqual({ code: 1, verdict: 'unavailable' });
    expect(reason).toMatch(/ECONNREFUSED/);
    expect(todo).toMatch(/firewall/);
    await hermod('pause', 'script');
    expect((await tried('script')).verdict).toBe('accepted');
    await hermod('resume', 'script');
  });
});

test('wrong usage is one line', async () => {
  const faults: [string[], number, RegExp][] = [
    [['nobody', NUMBER, TEXT], 3, /there is no provider nobody: sandbox, slow/],
    [['sandbox', 'x', TEXT], 2, /a number has only digits/],
    [['sandbox', NUMBER, ''], 2, /a text has 1 to 1600 characters/],
  ];
  for (const [args, code, words] of faults) {
    const ran = await hermod('try', ...args);
    expect(ran).toMatchObject({ code, out: '', err: expect.stringMatching(words) });
  }
});

test("a provider's credit is a metric and stands in `hermod providers`; one that is not told is neither", async () => {
  const metric = () => registry.getSingleMetricAsString('hermod_provider_balance');
  await until('the credit is known', async () => (await metric()).includes('{provider="bird"} 47.8'), 20_000);
  expect((await hermod('providers')).out).toMatch(/^bird: 47.8 euros left$/m);
  expect(http.calls.find(({ url }) => url === '/balance')!.headers.authorization).toContain(SECRETS.bird);
});

test('a probe goes out by itself, its receipt is timed, and it belongs to no client', async () => {
  await until(
    'the receipt of a probe',
    async () => /\{provider="probed"\} /.test(await registry.getSingleMetricAsString('hermod_probe_seconds')),
    40_000,
  );
  const at = async (name: string) =>
    Number(/\{provider="probed"\} (\S+)/.exec(await registry.getSingleMetricAsString(name))![1]);
  expect(await at('hermod_probe_sent_timestamp_seconds')).toBeGreaterThan(Date.now() / 1_000 - 60);
  expect(await at('hermod_probe_delivered_timestamp_seconds')).toBeGreaterThan(Date.now() / 1_000 - 120);
  const pdu = rig.smsc.received.find(({ shortMessage }) => shortMessage.toString() === PROBE)!;
  expect(pdu).toMatchObject({ dest: { addr: '447700900999' }, registeredDelivery: 1 });
  const found = (await hermod('find', '900999', '--json')).json<{ client: string; door: string; state: string }[]>();
  expect(found[0]).toMatchObject({ client: '', door: 'probe', provider: 'probed' });
}, 60_000);

test('without a worker it takes a free bind itself, and the ledger hears of it later', async () => {
  await rig.stopServices();
  const sandbox = await tried('sandbox');
  expect(sandbox).toMatchObject({ code: 0, verdict: 'accepted' });
  expect(sandbox.us).toMatch(/^submit_sm /);
  expect(rig.smsc.binds().now).toBe(0);
  expect(await tried('closed')).toMatchObject({
    verdict: 'unavailable',
    reason: expect.stringMatching(/ECONNREFUSED/),
  });
  await rig.startServices();
  await until('its story', async () => (await hermod('status', sandbox.id)).code === 0, 20_000);
});
