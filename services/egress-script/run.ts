// One run of a program: no shell, the number as its only argument, the text on stdin, an environment of its own, and an
// end to its whole process group.
import { spawn } from 'node:child_process';
import type { Program } from './program.ts';
import type { End } from './verdict.ts';

export type Job = { number: string; text: string; env: Record<string, string> };
export type Limits = { timeoutMs: number; maxOutput: number };

/** What is kept of stderr, in octets: its first line becomes a reason. */
const KEPT = 512;
/** How long output is awaited once the program has ended. */
const LATE_OUTPUT_MS = 500;

/** Rejects only when the program could not be started. `signal` ends the run as a limit does. */
export function run({ folder, file }: Program, job: Job, limits: Limits, signal: AbortSignal): Promise<End> {
  return new Promise((resolve, reject) => {
    // A process group of its own, so that what it starts can be ended with it.
    const child = spawn(file, [job.number], {
      cwd: folder,
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin', ...job.env },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let said = '';
    let written = 0;
    let killed: string | undefined;

    const killGroup = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // Nobody is left in it.
      }
    };
    const kill = (why: string) => {
      killed ??= why;
      killGroup();
    };
    const stop = () => kill('had not ended when this worker stopped');
    const timer = setTimeout(() => kill(`took longer than ${limits.timeoutMs / 1_000} s`), limits.timeoutMs);
    signal.addEventListener('abort', stop, { once: true });
    const release = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      for (const stream of child.stdio) stream?.destroy();
    };

    const count = (octets: Buffer) => {
      written += octets.length;
      if (written > limits.maxOutput) kill(`wrote more than ${limits.maxOutput} octets`);
    };
    child.stdout.on('data', count);
    child.stderr.on('data', (octets: Buffer) => {
      count(octets);
      if (said.length < KEPT) said += octets.toString('utf8', 0, KEPT);
    });
    child.stdin.on('error', () => {}); // It need not read the text.
    child.stdin.end(job.text);
    child.once('error', (error) => {
      release();
      reject(error);
    });
    // What it left behind ends with it, and so lets go of stdout; a process that left the group is not waited for.
    child.once('exit', (code, signalled) => {
      killGroup();
      const finish = () => {
        release();
        clearTimeout(late);
        resolve({ code, signal: signalled, killed, said });
      };
      const late = setTimeout(finish, LATE_OUTPUT_MS);
      child.once('close', finish);
    });
    if (signal.aborted) stop();
  });
}
