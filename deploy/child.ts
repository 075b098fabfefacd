// One hosted process of the one-box runner: started, watched, started again when it dies, stopped with patience.
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';

const HOST = join(import.meta.dirname, 'host.ts');
const READY_WITHIN_MS = 60_000;
const PING_EVERY_MS = 5_000;
const SILENT_FOR_MS = 30_000;
const STOP_WITHIN_MS = 25_000;
const RESTART_AFTER_MS = 100;

export type ChildOptions = {
  services: readonly string[];
  configFile: string;
  amqpUrl: string;
  adminPort: number;
  /** Environment of the first process, and of none that is started in its place. */
  firstEnv?: Record<string, string>;
  /** A line of the child's output (its log), and one about it. */
  output: (line: string) => void;
  say: (line: string) => void;
};

export type Child = {
  /** Resolves when it is ready; rejects with what it said when it ended instead. */
  ready: Promise<void>;
  stop(): Promise<void>;
  /** Ends it now. */
  kill(): void;
  /** Of the process that runs now. */
  pid(): number | undefined;
};

export function startChild(options: ChildOptions): Child {
  const name = options.services.join('+');
  let stopping = false;
  let process_: ChildProcess | undefined;
  let exited: Promise<void> = Promise.resolve();
  let heardAt = 0;

  let firstEnv: Record<string, string> | undefined = options.firstEnv;

  function spawn(onReady: () => void, onEnd: (fault: string) => void): void {
    const args = [
      '--services',
      options.services.join(','),
      '--config',
      options.configFile,
      '--admin-port',
      String(options.adminPort),
    ];
    const child = fork(HOST, args, {
      execArgv: [], // What ends this process with its own parent (start.mjs) is not the children's: they drain first.
      env: { ...process.env, AMQP_URL: options.amqpUrl, ...firstEnv },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    firstEnv = undefined;
    process_ = child;
    heardAt = performance.now();
    let fault = '';
    lines(child.stdout!, options.output);
    lines(child.stderr!, (line) => {
      fault = fault ? `${fault}\n${line}` : line;
      options.output(line);
    });
    child.on('message', (message) => {
      heardAt = performance.now();
      if ((message as { ready?: boolean }).ready) onReady();
    });
    exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        resolve();
        onEnd(fault.slice(0, 2_000) || `${name} ended (${signal ?? `exit code ${code}`})`);
      });
    });
  }

  const ready = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`${name} is not ready after ${READY_WITHIN_MS / 1_000} s`)),
      READY_WITHIN_MS,
    );
    let wasReady = false;
    const start = (): void =>
      spawn(
        () => {
          clearTimeout(timer);
          if (wasReady) options.say(`${name} runs again`);
          wasReady = true;
          resolve();
        },
        (fault) => {
          clearTimeout(timer);
          if (stopping) return;
          if (!wasReady) return reject(new Error(fault));
          options.say(`${name} ended unexpectedly, starting it again: ${fault.split('\n').at(-1)}`);
          setTimeout(() => !stopping && start(), RESTART_AFTER_MS);
        },
      );
    start();
  });

  const watchdog = setInterval(() => {
    if (!process_?.connected) return;
    if (performance.now() - heardAt > SILENT_FOR_MS) {
      options.say(`${name} has not answered for ${SILENT_FOR_MS / 1_000} s: ending it`);
      process_.kill('SIGKILL');
    } else process_.send('ping', () => {});
  }, PING_EVERY_MS);

  return {
    ready,
    async stop() {
      stopping = true;
      clearInterval(watchdog);
      const late = setTimeout(() => process_?.kill('SIGKILL'), STOP_WITHIN_MS);
      process_?.kill('SIGTERM');
      await exited;
      clearTimeout(late);
    },
    kill: () => {
      stopping = true;
      clearInterval(watchdog);
      process_?.kill('SIGKILL');
    },
    pid: () => process_?.pid,
  };
}

function lines(stream: NodeJS.ReadableStream, each: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop()!;
    for (const line of parts) each(line);
  });
}
