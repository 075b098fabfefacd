// A node that an earlier run left: still ending, or running on because the node's own watcher was killed as well.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const END_WITHIN_MS = 20_000;

/** Remembers who runs the node in `home`, and its processes. */
export function noteRun(home: string, epmd: number, server: number): void {
  writeFileSync(join(home, 'pids'), `${process.pid} ${epmd} ${server}\n`, { mode: 0o600 });
}

/**
 * Ends what an earlier, killed run left of the node in `home`; ending and starting afresh is the same path as every
 * start, adopting it would be another. Throws when that run is alive: two gateways must not share one folder.
 */
export async function endLeftover(home: string, say: (line: string) => void): Promise<void> {
  const file = join(home, 'pids');
  if (!existsSync(file)) return;
  const [owner, epmd, server] = readFileSync(file, 'utf8').trim().split(' ').map(Number);
  const left = () => [server, epmd].filter((pid): pid is number => pid !== undefined && runsIn(home, pid));
  if (left().length === 0) return;
  if (owner && isAlive(owner)) {
    throw new Error(
      `RabbitMQ in ${home} is in use by process ${owner}: stop that one first, or use another state folder.`,
    );
  }
  say(`Ending the RabbitMQ that an earlier run left behind in ${home}`);
  await end(left, 'SIGTERM');
  await end(left, 'SIGKILL');
}

async function end(left: () => number[], signal: NodeJS.Signals): Promise<void> {
  const deadline = performance.now() + END_WITHIN_MS;
  for (const pid of left()) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has just ended by itself.
    }
  }
  while (left().length > 0 && performance.now() < deadline) await delay(100);
}

/** Whether this process is one of the node's, not a stranger with a number used again. */
function runsIn(home: string, pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`HOME=${home}`);
  } catch {
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
