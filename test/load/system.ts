// The system under test: Hermod as in production, on a broker and with a configuration of its own.
import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { loadConfig } from '#shared/config/load.ts';
import type { Config } from '#shared/config/schema.ts';
import { processesOf } from '../../deploy/processes.ts';
import { freePort } from '../rig/port.ts';
import { prepareBroker, startBroker } from './broker.ts';
import { CLIENT, configuration, EGRESS, egressWorkersOf, sharesOf } from './configuration.ts';

/** What is measured. `url` and `pids` are there once it has started. */
export type System = {
  start(): Promise<void>;
  /** Kannel's sendsms with user and password; further parameters are appended. */
  readonly url: string;
  /** The SMPP door, where the configuration opens it. */
  readonly smppPort: number;
  /** Its processes by name. */
  readonly pids: ReadonlyMap<string, number>;
  /** Of a core: what its processes use at rest, where that is more than usual. */
  readonly restShare?: number | undefined;
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
  processes: Processes;
  /** SMPP providers, all at the one SMSC, with equal shares of the messages. */
  providers: number;
  accessLog: boolean;
  /** Callbacks go to loopback, which they may not unless allowed. */
  callbacks: boolean;
  /** Folder for a CPU profile of each process. */
  profile: string | undefined;
  say: (line: string) => void;
};

const ROOT = resolve(import.meta.dirname, '../..');
const HOST = join(ROOT, 'deploy/host.ts');
const STOP_WITHIN_MS = 15_000;
/** Of a core: what the profiler takes in a process that does nothing. */
const PROFILED_SHARE = 0.15;

/** Services by process: as `npm start` groups them, each by itself, or this list. */
export type Processes = 'box' | 'each' | readonly (readonly string[])[];

const entryOf = (service: string) => join(ROOT, 'services', service, 'main.ts');
const hasService = (name: string) => /^[a-z-]+$/.test(name) && existsSync(entryOf(name));

/** `ledger,notifier|router`: services of one process by commas, processes by bars. Throws one line. */
export function parseProcesses(text: string): Processes {
  if (text === 'box' || text === 'each') return text;
  const processes = text.split('|').map((names) => names.split(',').map((name) => name.trim()));
  const unknown = processes.flat().find((name) => !hasService(name));
  if (unknown !== undefined) throw new Error(`--processes: there is no service "${unknown}"`);
  return processes;
}

function groupsOf(processes: Processes, config: Config): readonly (readonly string[])[] {
  if (processes === 'box') return processesOf(config);
  return processes === 'each' ? processesOf(config).flatMap((group) => group.map((name) => [name])) : processes;
}

/** `name`, or with a number behind it where there are several. */
function unused(name: string, taken: ReadonlyMap<string, unknown>): string {
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? name : `${name} ${n}`;
    if (!taken.has(candidate)) return candidate;
  }
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
    const port = await freePort();
    smppPort = await freePort();
    const file = join(dir, 'gateway.yaml');
    writeFileSync(file, await configuration(port, smppPort, options));
    const { config } = loadConfig(file);
    await prepareBroker(broker.url, config);
    const shares = sharesOf(options.providers, egressWorkersOf(options.processes));
    for (const services of groupsOf(options.processes, config)) {
      if (stopping) return;
      const env: NodeJS.ProcessEnv = { ...process.env, AMQP_URL: broker.url };
      env.HERMOD_ACCESS_LOG = options.accessLog ? join(dir, 'access.log') : 'off';
      if (shares && services.includes(EGRESS)) env.HERMOD_PROVIDERS = shares.shift()!.join(',');
      const name = unused(services.join('+'), pids);
      const { child, ready } = startProcess(name, services, dir, env, options.profile);
      stops.push(() => end(child));
      await ready;
      pids.set(name, child.pid!);
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
    get restShare() {
      return options.profile ? PROFILED_SHARE * pids.size : undefined;
    },
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

function startProcess(
  name: string,
  services: readonly string[],
  dir: string,
  env: NodeJS.ProcessEnv,
  profile: string | undefined,
) {
  const logFile = join(dir, `${name}.log`);
  const log = openSync(logFile, 'a');
  const hosted = services.length > 1 ? ['--services', services.join(',')] : [];
  const child = fork(
    services.length > 1 ? HOST : entryOf(services[0]!),
    [...hosted, '--config', join(dir, 'gateway.yaml'), '--admin-port', '0'],
    {
      env,
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
