// `hermod doctor` beside a gateway that is well, one in which things go wrong, and none at all.
import { rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Bus, openBus } from '#shared/bus/bus.ts';
import { openLog } from '#shared/telemetry/log.ts';
import { egressSmpp } from '../../services/egress-smpp/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { notifier } from '../../services/notifier/main.ts';
import { router } from '../../services/router/main.ts';
import { newAuthority } from '../rig/certificates.ts';
import { runHermod } from '../rig/hermod.ts';
import { freePort } from '../rig/port.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const EXIT = { ok: 0, warning: 1, critical: 2, unknown: 3 };
type Told = { check: string; state: keyof typeof EXIT; words: string };

let rig: Rig;
let bus: Bus;
let silent: Server;

beforeAll(async () => {
  silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  rig = await startRig({ services: [ledger, notifier, router, egressSmpp, ingressHttp] });
  bus = await openBus(rig.amqpUrl, 'test', openLog('test'));
});
afterAll(async () => {
  await bus?.close();
  await rig?.stop();
  silent?.close();
});

const doctor = (args: string[], env: Record<string, string> = {}) =>
  runHermod(['doctor', ...args], { HERMOD_CONFIG: rig.configFile, AMQP_URL: rig.amqpUrl, ...env });

/** Each check's state and words, but for the disk, whose room is this machine's. */
async function told(env: Record<string, string> = {}): Promise<Record<string, Told>> {
  const ran = await doctor(['--json'], env);
  const { state, checks } = ran.json<{ state: Told['state']; checks: Told[] }>();
  expect(ran).toMatchObject({ code: EXIT[state], err: '' });
  expect(checks[0]!.state).toBe(state);
  expect(checks).toHaveLength(9);
  return Object.fromEntries(checks.filter(({ check }) => check !== 'disk').map((one) => [one.check, one]));
}

const statesOf = (checks: Record<string, Told>) =>
  Object.values(checks).flatMap(({ check, state }) => (state === 'ok' ? [] : [`${check} ${state}`]));

test('all is well', async () => {
  const [checks, { out, err }] = await Promise.all([told(), doctor([])]);
  expect(statesOf(checks)).toEqual([]);
  expect(err).toBe('');
  expect(out.split('\n')[0]).toMatch(/^HERMOD (OK - 9 checks|(WARNING|CRITICAL) - disk: \S+ \d+ MiB free.*)$/);
  expect(out).toMatch(/\nOK {7}broker {9}RabbitMQ at \S+ takes messages\n/);
  expect(out).not.toContain('|');
});

test('a dead letter and a paused provider are warnings', async () => {
  await bus.putAside('message', { queue: 'x', reason: 'a test', body: [] });
  const env = { HERMOD_CONFIG: rig.configFile, AMQP_URL: rig.amqpUrl };
  await runHermod(['pause', 'sandbox'], env);
  const checks = await until(
    'both are seen',
    async () => {
      const now = await told();
      return statesOf(now).length === 2 ? now : undefined;
    },
    60_000,
  );
  expect(checks.queues).toMatchObject({ state: 'warning', words: '1 dead letter waits for someone to decide' });
  expect(checks.providers).toMatchObject({ state: 'warning', words: expect.stringMatching(/^sandbox is paused/) });
  await runHermod(['resume', 'sandbox'], env);
  const channel = await bus.channel();
  await channel.purgeQueue('dead.message');
  await channel.close();
}, 90_000);

test('nobody is bound, then nobody works', async () => {
  await rig.smsc.stop();
  const cut = await until(
    'it is seen',
    async () => {
      const now = await told();
      return now.providers!.state === 'critical' ? now : undefined;
    },
    60_000,
  );
  expect(cut.providers!.words).toMatch(/^sandbox is not connected: .*ECONNREFUSED/);
  expect(statesOf(cut)).toEqual(['providers critical']);
  await rig.stopServices();
  const gone = await told();
  expect(statesOf(gone).sort()).toEqual(['ledger critical', 'providers critical', 'queues critical']);
  expect(gone.queues!.words).toMatch(/Nobody reads the queue ledger/);
}, 90_000);

test.each([
  ['that is not there', async () => `amqp://127.0.0.1:${await freePort()}/`],
  ['that says nothing', async () => `amqp://127.0.0.1:${(silent.address() as { port: number }).port}/`],
])(
  'a broker %s: the rest is looked at, and it ends',
  async (_what, url) => {
    const checks = await told({ AMQP_URL: await url() });
    expect(statesOf(checks).sort()).toEqual([
      'broker critical',
      'ledger unknown',
      'providers unknown',
      'queues unknown',
    ]);
  },
  60_000,
);

test('a wrong configuration, a certificate that ends, a ledger that is none', async () => {
  const file = join(rig.dir, 'wrong.yaml');
  writeFileSync(file, 'clients:\n  a: { passwrd: x }\n');
  const wrong = await told({ HERMOD_CONFIG: file });
  expect(wrong.configuration).toMatchObject({
    state: 'critical',
    words: expect.stringMatching(/wrong.yaml:2: clients.a/),
  });
  expect(wrong.broker!.state).toBe('ok');

  const { cert, key } = newAuthority().issue('hermod.example.com'); // for a day
  writeFileSync(join(rig.dir, 'cert.pem'), cert);
  writeFileSync(join(rig.dir, 'key.pem'), key, { mode: 0o600 });
  writeFileSync(join(rig.dir, 'not.sqlite'), 'x'.repeat(8_192));
  const tls = '{ cert: cert.pem, key: key.pem }';
  writeFileSync(file, `listen: { smtp: { tls: ${tls} } }\nledger: { file: not.sqlite }\nproviders: {}\n`);
  const { certificates, database } = await told({ HERMOD_CONFIG: file });
  expect(certificates).toMatchObject({ state: 'critical', words: 'listen.smtp ends in 0 d' });
  expect(database).toMatchObject({ state: 'critical', words: expect.stringMatching(/not.sqlite cannot be read/) });
  rmSync(file);
}, 60_000);
