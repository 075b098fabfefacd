// Child processes that end when we end, however we end: even SIGKILL leaves nothing running.
import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

/** A shell becomes the program, after leaving behind a reader of file descriptor 3 that ends it when that closes. */
const TETHER = '{ read -r _; kill -TERM $$; } <&3 3<&- & exec "$@" 3<&-';

export type Tethered = {
  pid: number;
  ended(): boolean;
  exited: Promise<void>;
  /** SIGTERM, and SIGKILL to what is left of it after `withinMs`. */
  end(withinMs: number): Promise<void>;
};

export type TetherOptions = {
  cwd: string;
  env: Record<string, string>;
  owner: { uid: number; gid: number } | undefined;
  /** The file descriptor that gets its output. */
  output: number;
};

/**
 * Starts a program with a pipe to us, which the kernel closes when we are gone. It has a session of its own, so that
 * the terminal's Ctrl-C does not reach it: we end it when it is its turn.
 */
export function spawnTethered(command: string[], { cwd, env, owner, output }: TetherOptions): Tethered {
  const child = spawn('/bin/sh', ['-c', TETHER, 'sh', ...command], {
    cwd,
    env,
    ...owner,
    detached: true,
    stdio: ['ignore', output, output, 'pipe'],
  });
  const tether = child.stdio[3] as Writable;
  tether.on('error', () => {});
  let ended = false;
  const exited = new Promise<void>((resolve) => {
    const end = () => {
      ended = true;
      killGroup(child.pid); // the reader
      tether.destroy();
      resolve();
    };
    child.once('exit', end).once('error', end);
  });
  return {
    pid: child.pid ?? 0,
    ended: () => ended,
    exited,
    async end(withinMs) {
      tether.destroy();
      const late = setTimeout(() => killGroup(child.pid), withinMs);
      await exited;
      clearTimeout(late);
    },
  };
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid) process.kill(-pid, 'SIGKILL');
  } catch {
    // No process is left in it.
  }
}
