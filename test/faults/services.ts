// Every service as a process of its own, under something like an orchestrator: what dies is started again.
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { until } from '../rig/until.ts';

export const SERVICES = [
  'ledger',
  'notifier',
  'router',
  'egress-smpp',
  'ingress-smtp',
  'ingress-smpp',
  'ingress-http',
] as const;
/** One more of the same service has a number behind its name: `ledger:2`. */
export type ServiceName = (typeof SERVICES)[number] | `${(typeof SERVICES)[number]}:2`;

const ROOT = resolve(import.meta.dirname, '../..');
const CLOCK = join(import.meta.dirname, 'clock.ts');
const AGAIN_MS = 100;

export type Services = {
  /** SIGKILL. Resolves when the service is a new process. */
  kill(name: ServiceName): Promise<void>;
  /** SIGSTOP, and SIGCONT after `ms`. */
  freeze(name: ServiceName, ms: number): Promise<void>;
  /** SIGTERM, as in a rollout. Resolves when the new process is ready. */
  restart(name: ServiceName): Promise<void>;
  /** Its clock is off by so much from now on. */
  setClock(name: ServiceName, ms: number): void;
  /** Resolves when all that run now are ready. */
  ready(): Promise<void>;
  pids(): Map<ServiceName, number>;
  stop(): Promise<void>;
};

/** `dir` is for files of the clocks. */
export async function startServices(
  env: NodeJS.ProcessEnv,
  log: Writable,
  dir: string,
  names: readonly ServiceName[] = SERVICES,
): Promise<Services> {
  const running = new Map<ServiceName, { child: ChildProcess; ready: Promise<void> }>();
  let stopping = false;
  const clockOf = (name: ServiceName) => join(dir, `clock-${name}`);

  function start(name: ServiceName): Promise<void> {
    const main = join(ROOT, 'services', name.split(':')[0]!, 'main.ts');
    const child = spawn(process.execPath, ['--import', CLOCK, main, '--admin-port', '0'], {
      env: { ...process.env, ...env, HERMOD_TEST_CLOCK: clockOf(name) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ready = new Promise<void>((done) => {
      let said = '';
      child.stdout!.on('data', (chunk: Buffer) => {
        log.write(chunk);
        said += chunk.toString('latin1');
        if (said.includes('"msg":"started"')) done();
        said = said.slice(-20); // It may come in two pieces.
      });
    });
    running.set(name, { child, ready });
    child.stderr!.pipe(log, { end: false });
    child.once('exit', () => {
      running.delete(name);
      if (!stopping) setTimeout(() => !stopping && start(name), AGAIN_MS);
    });
    return ready;
  }

  /** Resolves when the service is another process than the one that gets `signal`, and ready if asked. */
  async function replace(name: ServiceName, signal: 'SIGKILL' | 'SIGTERM', ready: boolean): Promise<void> {
    const old = running.get(name)?.child;
    old?.kill(signal);
    const isNew = () => running.has(name) && running.get(name)!.child !== old;
    await until(`${name} runs again`, isNew, 20_000);
    if (ready) await running.get(name)!.ready;
  }

  await Promise.all(names.map(start));
  return {
    kill: (name) => replace(name, 'SIGKILL', false),
    restart: (name) => replace(name, 'SIGTERM', true),
    async freeze(name, ms) {
      const child = running.get(name)!.child;
      child.kill('SIGSTOP');
      await new Promise((thaw) => setTimeout(thaw, ms));
      child.kill('SIGCONT');
    },
    setClock(name, ms) {
      writeFileSync(clockOf(name), String(ms));
      running.get(name)!.child.kill('SIGUSR2');
    },
    async ready() {
      await Promise.all([...running.values()].map((one) => one.ready));
    },
    pids: () => new Map([...running].map(([name, { child }]) => [name, child.pid!])),
    async stop() {
      stopping = true;
      for (const { child } of running.values()) child.kill('SIGTERM');
      await until('the services have ended', () => running.size === 0, 30_000);
    },
  };
}
