// The system under test: Hermod as in production, on a broker and with a configuration of its own.
import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { connect } from 'amqplib';
import { declareTopology } from '#shared/bus/declared.ts';
import { hashPassword } from '#shared/doors/credentials.ts';
import { egressQueue, LANES, topology } from '#shared/topology.ts';
import { SERVICES } from '../../deploy/services.ts';
import { listenerOf } from './measure.ts';
import { ACCOUNT } from './smsc.ts';

/** What is measured: where it takes messages, and its processes. */
export type System = {
  /** Kannel's sendsms with user and password; further parameters are appended. */
  url: string;
  pids: ReadonlyMap<string, number>;
  /** Ends all of it and removes what it wrote. */
  stop(): Promise<void>;
};

export type SystemOptions = {
  amqpUrl: string;
  /** Measured as `broker`; found by the port of `amqpUrl` when absent. */
  brokerPid: number | undefined;
  smscPort: number;
  window: number;
  /** Services by process. */
  processes: readonly (readonly string[])[];
  accessLog: boolean;
  /** Folder for a CPU profile of each process. */
  profile: string | undefined;
};

const ROOT = resolve(import.meta.dirname, '../..');
const HOST = join(ROOT, 'deploy/host.ts');
const PROVIDER = 'bench';
const CLIENT = { name: 'bench', password: 'bench' };
const STOP_WITHIN_MS = 15_000;

/** `ledger,notifier|router`: services of one process by commas, processes by bars. Throws one line. */
export function parseProcesses(text: string): string[][] {
  const processes = text.split('|').map((names) => names.split(',').map((name) => name.trim()));
  const unknown = processes.flat().find((name) => !Object.hasOwn(SERVICES, name));
  if (unknown !== undefined)
    throw new Error(`--processes: there is no service "${unknown}", only ${Object.keys(SERVICES).join(', ')}`);
  return processes;
}

export const hasNotifier = () => Object.hasOwn(SERVICES, 'notifier');

export async function startHermod(options: SystemOptions): Promise<System> {
  const { amqpUrl } = options;
  await prepareBroker(amqpUrl);
  // In the project, so that the ledger's file is on the disk that an installation would use: /tmp may be memory.
  mkdirSync(join(ROOT, 'var'), { recursive: true });
  const dir = mkdtempSync(join(ROOT, 'var/bench-'));
  const port = await freePort();
  writeFileSync(join(dir, 'gateway.yaml'), await configuration(port, options));
  const children: ChildProcess[] = [];
  const pids = new Map<string, number>();
  const stop = async () => {
    for (const child of children.reverse()) await end(child);
    rmSync(dir, { recursive: true, force: true });
    await tidyBroker(amqpUrl);
  };
  try {
    for (const services of options.processes) {
      const name = services.join('+');
      const { child, ready } = startProcess(services, dir, options);
      children.push(child);
      await ready;
      pids.set(name, child.pid!);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const broker = options.brokerPid ?? listenerOf(Number(new URL(amqpUrl).port || 5_672));
  if (broker !== undefined) pids.set('broker', broker);
  const query = `username=${CLIENT.name}&password=${CLIENT.password}`;
  return { url: `http://127.0.0.1:${port}/cgi-bin/sendsms?${query}`, pids, stop };
}

async function configuration(port: number, { smscPort, window }: SystemOptions): Promise<string> {
  return `listen:
  http: { port: ${port} }
clients:
  ${CLIENT.name}: { password: '${await hashPassword(CLIENT.password)}', sender: '12345' }
providers:
  ${PROVIDER}: { bearer: smpp, host: 127.0.0.1, port: ${smscPort}, systemId: ${ACCOUNT.systemId}, password: ${ACCOUNT.password}, window: ${window} }
routes:
  - to: [${PROVIDER}]
ledger: { file: ledger.sqlite }
`;
}

function startProcess(services: readonly string[], dir: string, { amqpUrl, accessLog, profile }: SystemOptions) {
  const name = services.join('+');
  const log = openSync(join(dir, `${name}.log`), 'a');
  const child = fork(
    HOST,
    ['--services', services.join(','), '--config', join(dir, 'gateway.yaml'), '--admin-port', '0'],
    {
      env: { ...process.env, AMQP_URL: amqpUrl, HERMOD_ACCESS_LOG: accessLog ? join(dir, 'access.log') : 'off' },
      execArgv: profile ? ['--cpu-prof', `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${name}.cpuprofile`] : [],
      stdio: ['ignore', log, log, 'ipc'],
    },
  );
  closeSync(log);
  const ready = new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', () => {
      const said = readFileSync(join(dir, `${name}.log`), 'utf8')
        .trim()
        .split('\n')
        .at(-1);
      reject(new Error(`${name} did not start: ${said}`));
    });
  });
  return { child, ready };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
  await exited;
  clearTimeout(late);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** Declares the topology. Another gateway's broker is left alone: it would send the bench's messages, and we its. */
async function prepareBroker(amqpUrl: string): Promise<void> {
  const wanted = topology([PROVIDER]);
  await declareTopology(amqpUrl, wanted);
  await withChannel(amqpUrl, async (channel) => {
    for (const { name } of wanted.queues) {
      const { messageCount, consumerCount } = await channel.checkQueue(name);
      if (messageCount === 0 && consumerCount === 0) continue;
      const why = consumerCount > 0 ? 'another gateway reads' : `${messageCount} messages wait in`;
      throw new Error(`${why} the queue ${name}: give the bench a broker or vhost of its own (AMQP_URL)`);
    }
  });
}

/** Takes away the queues of the bench's provider; all others belong to every installation. */
async function tidyBroker(amqpUrl: string): Promise<void> {
  await withChannel(amqpUrl, async (channel) => {
    for (const lane of LANES) await channel.deleteQueue(egressQueue(PROVIDER, lane));
  });
}

type Channel = Awaited<ReturnType<Awaited<ReturnType<typeof connect>>['createChannel']>>;

async function withChannel(amqpUrl: string, work: (channel: Channel) => Promise<void>): Promise<void> {
  const model = await connect(amqpUrl, { noDelay: true });
  try {
    await work(await model.createChannel());
  } finally {
    await model.close().catch(() => {});
  }
}
