// Memory of processes, beside the kernel's own sums of it.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { memoryOf } from '../../load/measure.ts';
import { until } from '../../rig/until.ts';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A Node that has done what it has to do, and waits. */
async function resting(): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6); console.log()'], { stdio: 'pipe' });
  children.push(child);
  await new Promise((up) => child.stdout.once('data', up));
  return child.pid!;
}

const kernelMb = (pid: number, field: string) =>
  Number(new RegExp(`^${field}: +(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))![1]) / 1_024;

test('resident is what the kernel says, and what two share counts once', async () => {
  const pids = [await resting(), await resting()];
  await until('the kernel and we say the same', () => {
    const kernels = pids.reduce((sum, pid) => sum + kernelMb(pid, 'Rss'), 0);
    return Math.abs(memoryOf(pids).residentMb - kernels) < 1;
  });
  const [one, both] = [memoryOf(pids.slice(0, 1)), memoryOf(pids)];
  expect(one.onceMb).toBeCloseTo(one.residentMb, 5);
  // The second adds what it has for itself, and not the program once more.
  const own = both.onceMb - one.onceMb;
  expect(Math.abs(own - kernelMb(pids[1]!, 'Anonymous'))).toBeLessThan(5);
  expect(both.residentMb - both.onceMb).toBeGreaterThan(20);
  // Never less than the kernel's PSS, which others on this machine make smaller.
  expect(both.onceMb).toBeGreaterThan(pids.reduce((sum, pid) => sum + kernelMb(pid, 'Pss'), 0) - 5);
});

test('a process that is gone counts nothing', () => {
  expect(memoryOf([2 ** 22 + 1])).toEqual({ residentMb: 0, onceMb: 0 });
});
