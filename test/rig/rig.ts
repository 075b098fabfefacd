// A whole gateway for a test: a real broker, a sandbox SMSC, a database file, and the services hosted in this process.
// Test files run one after another and share the broker, so each rig starts from empty queues, and leaves its own empty.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { declareTopology } from '#shared/bus/declared.ts';
import { loadConfig } from '#shared/config/load.ts';
import { type Host, hostServices, type Service } from '#shared/service.ts';
import { topologyOf } from '#shared/topology.ts';
import { egressSmpp } from '../../services/egress-smpp/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { router } from '../../services/router/main.ts';
import { type Smsc, type SmscOptions, startSmsc } from '../../services/sandbox/smsc.ts';
import { freePort } from './port.ts';
import { emptyQueues } from './queues.ts';
import { until } from './until.ts';

/** The configuration file's content: as a test would write it in YAML. */
export type Settings = Record<string, unknown>;

export type RigOptions = {
  /** Changes the standard settings: one client `tester`/`foobar`, sender 12345, one provider `sandbox`. */
  settings?: (
    standard: Settings & { listen: Settings; clients: Settings; providers: Settings; routes: Settings[] },
  ) => Settings;
  smsc?: SmscOptions;
  /** Default: ledger, router, egress-smpp, ingress-http. Started in this order. */
  services?: Service[];
  /** Default: true. */
  waitForBind?: boolean;
};

export type Rig = {
  dir: string;
  configFile: string;
  amqpUrl: string;
  smsc: Smsc;
  httpUrl: string;
  /** GET /cgi-bin/sendsms with tester's credentials. */
  send(parameters: Record<string, string>): Promise<{ status: number; body: string; ids: string[] }>;
  /** GET /v1/messages/{id} as tester; undefined while the ledger does not know it. */
  message(id: string): Promise<Record<string, unknown> | undefined>;
  /** Waits until the message is final and gives it. */
  final(id: string, ms?: number): Promise<Record<string, unknown>>;
  stopServices(): Promise<void>;
  startServices(): Promise<void>;
  stop(): Promise<void>;
};

const AUTH = `Basic ${Buffer.from('tester:foobar').toString('base64')}`;

export async function startRig({
  settings = (standard) => standard,
  smsc: behaviour,
  services,
  waitForBind = true,
}: RigOptions = {}): Promise<Rig> {
  const amqpUrl = process.env.AMQP_URL;
  if (!amqpUrl) throw new Error('AMQP_URL is not set: run this with vitest, whose set-up starts a broker');
  const dir = mkdtempSync(join(tmpdir(), 'hermod-rig-'));
  const smsc = await startSmsc({ keep: 0, receipts: { afterMs: 20 }, ...behaviour });
  const httpPort = await freePort();
  const standard = {
    listen: { http: { port: httpPort }, admin: { port: 0 } },
    clients: { tester: { password: 'foobar', sender: '12345' } },
    providers: {
      sandbox: { bearer: 'smpp', host: '127.0.0.1', port: smsc.port, systemId: 'hermod', password: 'secret' },
    },
    routes: [{ to: ['sandbox'] }],
  };
  const configFile = join(dir, 'gateway.yaml');
  writeFileSync(configFile, stringify(settings(standard)));
  const loaded = loadConfig(configFile);
  const wanted = topologyOf(loaded.config);
  await declareTopology(amqpUrl, wanted);
  await emptyQueues(amqpUrl, wanted);

  const list = services ?? [ledger, router, egressSmpp, ingressHttp];
  let host: Host | undefined;
  const startServices = async () => {
    host = await hostServices(list, { loaded, amqpUrl });
  };
  const stopServices = async () => {
    await host?.stop();
    host = undefined;
  };
  await startServices();
  const httpUrl = `http://127.0.0.1:${httpPort}`;
  if (waitForBind && list.includes(egressSmpp) && loaded.config.providers.sandbox)
    await until('the SMSC has a bind', () => smsc.binds().now > 0);

  const message = async (id: string) => {
    const answer = await fetch(`${httpUrl}/v1/messages/${id}`, { headers: { authorization: AUTH } });
    return answer.status === 200 ? ((await answer.json()) as Record<string, unknown>) : undefined;
  };
  return {
    dir,
    configFile,
    amqpUrl,
    smsc,
    httpUrl,
    async send(parameters) {
      const query = new URLSearchParams({ username: 'tester', password: 'foobar', ...parameters });
      const answer = await fetch(`${httpUrl}/cgi-bin/sendsms?${query}`);
      const ids = answer.headers.get('x-message-id')?.split(',') ?? [];
      return { status: answer.status, body: await answer.text(), ids };
    },
    message,
    final: (id, ms) =>
      until(`message ${id} is final`, async () => ((await message(id))?.final ? message(id) : undefined), ms) as never,
    stopServices,
    startServices,
    async stop() {
      await stopServices();
      await emptyQueues(amqpUrl, wanted);
      await smsc.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
