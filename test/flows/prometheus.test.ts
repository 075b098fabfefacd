// Debian's real Prometheus against running services under load: every query of every dashboard and the input of every
// alert has data, and staged faults fire. The broker is a node of this file's own, with its Prometheus plugin.
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { connect } from 'amqplib';
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { loadConfig } from '#shared/config/load.ts';
import { type Host, hostServices } from '#shared/service.ts';
import { routerQueue } from '#shared/topology.ts';
import { type PrivateNode, startPrivateNode } from '../../deploy/broker/node.ts';
import { findProgram } from '../../deploy/broker/program.ts';
import { BOARDS } from '../../deploy/grafana/dashboards.ts';
import { egressSmpp } from '../../services/egress-smpp/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ingressSmtp } from '../../services/ingress-smtp/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { notifier } from '../../services/notifier/main.ts';
import { router } from '../../services/router/main.ts';
import { type Prometheus, requirePrometheus, startPrometheus } from '../peers/prometheus.ts';
import { newAuthority } from '../rig/certificates.ts';
import { RULES } from '../rig/mail.ts';
import { freePort } from '../rig/port.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const ALERTS = join(ROOT, 'deploy/prometheus/alerts.yaml');
type Rule = { alert?: string; record?: string; expr: string; for?: string };
const groups: { name: string; rules: Rule[] }[] = parse(readFileSync(ALERTS, 'utf8')).groups;
const rules = groups.flatMap((group) => group.rules);

/** Of bearers that do not run here: promtool's tests have them. */
const ELSEWHERE = [
  'hermod_provider_balance',
  'hermod_modem_registered',
  'hermod_probe_sent_timestamp_seconds',
  'hermod_probe_delivered_timestamp_seconds',
];

let dir: string;
let node: PrivateNode;
let rig: Rig;
let host: Host;
let receiver: Receiver;
let prometheus: Prometheus;
let load: NodeJS.Timeout;
const outside = process.env.AMQP_URL;

beforeAll(async () => {
  requirePrometheus();
  dir = mkdtempSync(join(tmpdir(), 'hermod-prometheus-'));
  chmodSync(dir, 0o711); // The broker's user must get through.
  node = await startPrivateNode({ dir, say: () => {} });
  process.env.AMQP_URL = node.url;
  const pluginPort = await enablePlugin();
  receiver = await startReceiver();
  const { cert, key } = newAuthority().issue('localhost');
  writeFileSync(join(dir, 'cert.pem'), cert);
  writeFileSync(join(dir, 'key.pem'), key);
  const smtpPort = await freePort();
  const closed = await freePort();
  rig = await startRig({
    settings: (standard) => ({
      ...standard,
      listen: {
        ...standard.listen,
        smtp: { port: smtpPort, tls: { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') } },
      },
      clients: { ...standard.clients, ise: { password: 'guest-portal', sender: '12345' } },
      mail: { rules: RULES },
      providers: {
        ...standard.providers,
        down: { bearer: 'smpp', host: '127.0.0.1', port: closed, systemId: 'hermod', password: 'secret' },
      },
      callbacks: { allow: ['127.0.0.1'] },
    }),
    services: [ledger, notifier, router, egressSmpp, ingressHttp, ingressSmtp],
  });
  // All services are in this process: the admin port of one serves the metrics of all.
  host = await hostServices([router], { loaded: loadConfig(rig.configFile), amqpUrl: node.url, adminPort: 0 });
  const jobs = { router: host.adminPort, rabbitmq: pluginPort, notifier: closed };
  prometheus = await startPrometheus(jobs, stringify({ groups: groups.map(atOnce) }));
  load = startLoad(smtpPort);
  await stageDeadLetter();
}, 90_000);

afterAll(async () => {
  clearInterval(load);
  await prometheus?.stop();
  await host?.stop();
  await rig?.stop();
  await receiver?.stop();
  await node?.stop();
  rmSync(dir, { recursive: true, force: true });
  process.env.AMQP_URL = outside;
}, 60_000);

/** An alert fires as soon as its expression is true. */
const atOnce = ({ name, rules: some }: { name: string; rules: Rule[] }) => ({
  name,
  rules: some.map(({ for: _for, ...rule }) => rule),
});

async function enablePlugin(): Promise<number> {
  const port = await freePort();
  const env = { ...process.env, HOME: node.home, ERL_EPMD_PORT: String(Number(new URL(node.url).port) - 1_000) };
  const bin = dirname(findProgram()!.server);
  const run = (program: string, ...args: string[]) =>
    promisify(execFile)(join(bin, program), ['-n', 'hermod@localhost', ...args], { env });
  const listener = `application:set_env(rabbitmq_prometheus, tcp_config, [{ip, "127.0.0.1"}, {port, ${port}}]).`;
  await run('rabbitmqctl', 'eval', listener);
  const enabled = { RABBITMQ_ENABLED_PLUGINS_FILE: join(node.home, 'enabled_plugins') };
  await promisify(execFile)(
    join(bin, 'rabbitmq-plugins'),
    ['-n', 'hermod@localhost', 'enable', 'rabbitmq_prometheus'],
    {
      env: { ...env, ...enabled },
    },
  );
  return port;
}

/** A few a second of everything: accepted with callbacks, by mail, refused. */
function startLoad(smtpPort: number): NodeJS.Timeout {
  const mailer = createTransport({ host: '127.0.0.1', port: smtpPort, tls: { rejectUnauthorized: false } });
  let n = 0;
  return setInterval(() => {
    const to = `4477009${String(n++).padStart(5, '0')}`;
    const dlr = { 'dlr-mask': '31', 'dlr-url': `http://127.0.0.1:${receiver.port}/` };
    void rig.send({ to: `${to} ${to}`, text: 'x', ...dlr }).catch(() => {});
    if (n % 5 === 0) void rig.send({ to, text: 'x', username: 'stranger' }).catch(() => {});
    if (n % 5 === 1)
      void mailer.sendMail({ from: 'a@test', to: `${to}@otp.example`, subject: 'x', text: 'x' }).catch(() => {});
  }, 50);
}

async function stageDeadLetter(): Promise<void> {
  const model = await connect(node.url);
  const channel = await model.createConfirmChannel();
  channel.sendToQueue(routerQueue('urgent'), Buffer.from('not JSON'), { persistent: true });
  await channel.waitForConfirms();
  await model.close();
}

const filled = (query: string) =>
  query.replaceAll('$__rate_interval', '10s').replaceAll('($provider)', '(sandbox)').replaceAll('$provider', 'sandbox');

test('promtool takes the rules, and its unit tests pass', () => {
  expect(execFileSync('promtool', ['check', 'rules', ALERTS], { encoding: 'utf8' })).toContain('SUCCESS');
  const tests = join(ROOT, 'deploy/prometheus/alerts.test.yaml');
  expect(execFileSync('promtool', ['test', 'rules', tests], { encoding: 'utf8' })).toContain('SUCCESS');
});

test('every query of every dashboard has data under load', async () => {
  const open = new Set(BOARDS.flatMap(({ panels }) => panels.flatMap(({ queries }) => Object.keys(queries))));
  expect(open.size).toBeGreaterThan(40);
  await until(
    'every query has data',
    async () => {
      for (const query of open) {
        const series = await prometheus.query(filled(query));
        if (series.some(({ value }) => Number.isFinite(value))) open.delete(query);
      }
      return open.size === 0;
    },
    50_000,
  ).catch(() => {});
  expect([...open]).toEqual([]);
});

test('the input of every alert has data', async () => {
  for (const { alert, expr } of rules.filter((rule) => rule.alert)) {
    for (const [name] of expr.matchAll(/\bhermod[_:][a-z0-9_:]+|\bup\b/g)) {
      if (ELSEWHERE.includes(name)) continue;
      await until(`${alert}: ${name} has series`, async () => (await prometheus.query(name)).length > 0);
    }
    await prometheus.query(expr); // Prometheus understands it.
  }
});

test('staged faults fire, and nothing else does', async () => {
  const staged = ['HermodCertificateExpires', 'HermodDeadLetters', 'HermodProviderDown', 'HermodServiceDown'];
  const firing = async () =>
    new Set((await prometheus.alerts()).filter(({ state }) => state === 'firing').map(({ name }) => name));
  // A provider without a bind has fewer than it wants, too.
  const expected = [...staged, 'HermodBindsMissing'].sort();
  let now: string[] = [];
  await until(
    'the staged faults fire, and nothing else',
    async () => {
      now = [...(await firing())].sort();
      return now.join() === expected.join();
    },
    30_000,
  ).catch(() => {});
  expect(now).toEqual(expected);
  const alerts = await prometheus.alerts();
  expect(alerts.find(({ name }) => name === 'HermodProviderDown')?.labels.provider).toBe('down');
  expect(alerts.find(({ name }) => name === 'HermodServiceDown')?.labels.job).toBe('notifier');
  expect(alerts.find(({ name }) => name === 'HermodCertificateExpires')?.labels.listener).toBe('smtp');
});
