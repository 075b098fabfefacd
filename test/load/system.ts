// The system under test: Hermod as in production, on a broker and with a configuration of its own.
import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { connect } from 'amqplib';
import { declareTopology } from '#shared/bus/declared.ts';
import { brokerName } from '#shared/bus/dial.ts';
import { hashPassword } from '#shared/doors/credentials.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { deliverQueue, egressQueue, LANES, topology } from '#shared/topology.ts';
import { startPrivateNode } from '../../deploy/broker/node.ts';
import { freePort } from '../rig/port.ts';
import { listenerOf } from './measure.ts';
import { ACCOUNT } from './smsc.ts';

/** What is measured. `url` and `pids` are there once it has started. */
export type System = {
  start(): Promise<void>;
  /** Kannel's sendsms with user and password; further parameters are appended. */
  readonly url: string;
  /** The SMPP door, where the configuration opens it. */
  readonly smppPort: number;
  /** Its processes by name. */
  readonly pids: ReadonlyMap<string, number>;
  /** Ends all of it and removes what it wrote, also when `start` failed or is still under way. */
  stop(): Promise<void>;
};

export type SystemOptions = {
  /** A broker that no other gateway uses; a private node when absent. */
  amqpUrl: string | undefined;
  /** Measured as `broker`; found by the port of `amqpUrl` when absent. */
  brokerPid: number | undefined;
  smscPort: number;
  window: number;
  /** The SMPP door is open, to one session with so many submits under way. */
  smppWindow: number | undefined;
  /** Services by process. */
  processes: readonly (readonly string[])[];
  accessLog: boolean;
  /** Callbacks go to loopback, which they may not unless allowed. */
  callbacks: boolean;
  /** Folder for a CPU profile of each process. */
  profile: string | undefined;
  say: (line: string) => void;
};

const ROOT = resolve(import.meta.dirname, '../..');
const HOST = join(ROOT, 'deploy/host.ts');
const PROVIDER = 'bench';
export const CLIENT = { name: 'bench', password: 'bench' };
const STOP_WITHIN_MS = 15_000;

const entryOf = (service: string) => join(ROOT, 'services', service, 'main.ts');
export const hasService = (name: string) => /^[a-z-]+$/.test(name) && existsSync(entryOf(name));

/** `ledger,notifier|router`: services of one process by commas, processes by bars. Throws one line. */
export function parseProcesses(text: string): string[][] {
  const processes = text.split('|').map((names) => names.split(',').map((name) => name.trim()));
  const unknown = processes.flat().find((name) => !hasService(name));
  if (unknown !== undefined) throw new Error(`--processes: there is no service "${unknown}"`);
  return processes;
}

export function hermod(options: SystemOptions): System {
  const pids = new Map<string, number>();
  const stops: (() => Promise<void>)[] = [];
  let starting: Promise<void> | undefined;
  let stopping = false;
  let url = '';
  let smppPort = 0;

  async function start(): Promise<void> {
    // In the project, so that broker and ledger write to the disk that an installation would use: /tmp may be memory.
    mkdirSync(join(ROOT, 'var'), { recursive: true });
    const dir = mkdtempSync(join(ROOT, 'var/bench-'));
    stops.push(async () => rmSync(dir, { recursive: true, force: true }));
    const broker = await startBroker(dir, options);
    stops.push(broker.stop);
    await prepareBroker(broker.url, options);
    const port = await freePort();
    smppPort = await freePort();
    writeFileSync(join(dir, 'gateway.yaml'), await configuration(port, smppPort, options));
    for (const services of options.processes) {
      if (stopping) return;
      const { child, ready } = startProcess(services, dir, broker.url, options);
      stops.push(() => end(child));
      await ready;
      pids.set(services.join('+'), child.pid!);
    }
    if (broker.pid !== undefined) pids.set('broker', broker.pid);
    url = `http://127.0.0.1:${port}/cgi-bin/sendsms?username=${CLIENT.name}&password=${CLIENT.password}`;
  }

  return {
    get url() {
      return url;
    },
    get smppPort() {
      return smppPort;
    },
    pids,
    start() {
      starting = start();
      return starting;
    },
    async stop() {
      stopping = true;
      await starting?.catch(() => {});
      for (const one of stops.splice(0).reverse()) await one();
    },
  };
}

async function startBroker(dir: string, { amqpUrl, brokerPid, say }: SystemOptions) {
  if (amqpUrl) {
    await withChannel(amqpUrl, async () => {}).catch((error) => {
      throw new Error(`no RabbitMQ at ${brokerName(amqpUrl)} (${reasonOf(error)}): start it, or unset AMQP_URL`);
    });
    const pid = brokerPid ?? listenerOf(Number(new URL(amqpUrl).port || 5_672));
    return { url: amqpUrl, pid, stop: () => tidyBroker(amqpUrl).catch(() => {}) };
  }
  const node = await startPrivateNode({ dir, say });
  const stop = async () => {
    await node.stop();
    rmSync(node.home, { recursive: true, force: true });
  };
  return { url: node.url, pid: node.pid, stop };
}

async function configuration(port: number, smppPort: number, options: SystemOptions): Promise<string> {
  const { smscPort, window, smppWindow, callbacks } = options;
  const smpp = smppWindow === undefined ? '' : `, smpp: { window: ${smppWindow} }`;
  return `listen:
  http: { port: ${port} }
${smppWindow === undefined ? '' : `  smpp: { port: ${smppPort} }\n`}clients:
  ${CLIENT.name}: { password: '${await hashPassword(CLIENT.password)}', sender: '12345'${smpp} }
providers:
  ${PROVIDER}: { bearer: smpp, host: 127.0.0.1, port: ${smscPort}, systemId: ${ACCOUNT.systemId}, password: ${ACCOUNT.password}, window: ${window} }
routes:
  - to: [${PROVIDER}]
ledger: { file: ledger.sqlite }
${callbacks ? 'callbacks: { allow: [127.0.0.1] }\n' : ''}`;
}

function startProcess(services: readonly string[], dir: string, amqpUrl: string, options: SystemOptions) {
  const { accessLog, profile } = options;
  const name = services.join('+');
  const logFile = join(dir, `${name}.log`);
  const log = openSync(logFile, 'a');
  const hosted = services.length > 1 ? ['--services', services.join(',')] : [];
  const child = fork(
    services.length > 1 ? HOST : entryOf(services[0]!),
    [...hosted, '--config', join(dir, 'gateway.yaml'), '--admin-port', '0'],
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
      const said = readFileSync(logFile, 'utf8').trim().split('\n');
      reject(
        new Error(`${name} did not start: ${said.findLast((line) => /error|^hermod/i.test(line)) ?? said.at(-1)}`),
      );
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

/** Declares the topology. Another gateway's broker is left alone: it would send the bench's messages, and we its. */
async function prepareBroker(amqpUrl: string, { smppWindow }: SystemOptions): Promise<void> {
  const wanted = topology([PROVIDER], smppWindow === undefined ? [] : [CLIENT.name]);
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

/** Takes away the queues of the bench's provider and client; all others belong to every installation. */
async function tidyBroker(amqpUrl: string): Promise<void> {
  await withChannel(amqpUrl, async (channel) => {
    for (const lane of LANES) await channel.deleteQueue(egressQueue(PROVIDER, lane));
    await channel.deleteQueue(deliverQueue(CLIENT.name));
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
