// What processes and the machine used, from /proc (Linux), and percentiles.
import {
  closeSync,
  fdatasyncSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

/** /proc counts in ticks of USER_HZ, which is 100 on every Linux that Node runs on. */
const TICK_MS = 10;
const PAGE_MB = 4_096 / 1_048_576;

export type Use = { cpuMs: number; residentMb: number };

/** CPU time of all threads since the start of the process, and its resident memory now; zeros when it is gone. */
export function useOf(pid: number): Use {
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const pages = Number(read(`/proc/${pid}/statm`).split(' ')[1] ?? 0);
  return { cpuMs: (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * TICK_MS, residentMb: pages * PAGE_MB };
}

export type Memory = {
  /** Resident memory of each process (RSS), added up: what they share is counted in each. */
  residentMb: number;
  /**
   * What they share counted once. PSS, the kernel's own figure of that kind, divides a page by all processes that have it:
   * with it the bench, itself on Node, would take over part of what it measures.
   */
  onceMb: number;
};

/** Without those that are gone, or that this user may not look into: another's, unless this is root. */
export function memoryOf(pids: readonly number[]): Memory {
  const files = new Map<string, number>();
  let residentKb = 0;
  let ownKb = 0;
  for (const pid of pids) {
    // An address range, rights, offset, device and inode; then a line for each count.
    for (const mapping of read(`/proc/${pid}/smaps`).split(/^(?=[\da-f]+-[\da-f]+ )/m)) {
      const kb = (field: string) => Number(new RegExp(`^${field}: +(\\d+) kB`, 'm').exec(mapping)?.[1] ?? 0);
      const [, , offset, device, inode] = mapping.split(/\s+/, 5);
      const [resident, anonymous] = [kb('Rss'), kb('Anonymous')];
      residentKb += resident;
      ownKb += anonymous;
      const place = `${device} ${inode} ${offset}`;
      files.set(place, Math.max(files.get(place) ?? 0, resident - anonymous));
    }
  }
  const sharedKb = [...files.values()].reduce((sum, kb) => sum + kb, 0);
  return { residentMb: residentKb / 1_024, onceMb: (ownKb + sharedKb) / 1_024 };
}

/** CPU time that the machine has used since its start, all cores together; `stolenMs` is what its host kept. */
export function machineUse(): { busyMs: number; stolenMs: number } {
  const [user, nice, system, , , irq, softirq, stolen] = read('/proc/stat')
    .split('\n', 1)[0]!
    .split(/ +/)
    .slice(1)
    .map(Number);
  return { busyMs: (user! + nice! + system! + irq! + softirq!) * TICK_MS, stolenMs: (stolen ?? 0) * TICK_MS };
}

/** The process that listens on a TCP port of this machine, where this user may look into it. */
export function listenerOf(port: number): number | undefined {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = ['/proc/net/tcp', '/proc/net/tcp6']
    .flatMap((file) => read(file).split('\n'))
    .map((line) => line.trim().split(/ +/))
    .filter(([, local, , state]) => state === '0A' && local?.endsWith(`:${hexPort}`))
    .map((fields) => `socket:[${fields[9]}]`);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => list(`/proc/${pid}/fd`).some((fd) => inodes.includes(link(`/proc/${pid}/fd/${fd}`))));
}

/** A process and all that descend from it. */
export function familyOf(pid: number): number[] {
  const parents = new Map(
    list('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => [Number(name), Number(/^PPid:\t(\d+)/m.exec(read(`/proc/${name}/status`))?.[1] ?? 0)]),
  );
  const family = [pid];
  for (const member of family) for (const [child, parent] of parents) if (parent === member) family.push(child);
  return family;
}

/** Median ms of a written and synced page in `folder`: what each commit of broker and ledger waits for at least. */
export function syncMs(folder: string): number {
  const file = join(folder, `.sync-${process.pid}`);
  const page = Buffer.alloc(4_096);
  const fd = openSync(file, 'w');
  const times = Float64Array.from({ length: 50 }, () => {
    const startedAt = performance.now();
    writeSync(fd, page);
    fdatasyncSync(fd);
    return performance.now() - startedAt;
  });
  closeSync(fd);
  rmSync(file);
  return spreadOf(times).p50;
}

const quietly = <T>(read: () => T, otherwise: T): T => {
  try {
    return read();
  } catch {
    return otherwise; // The process just ended, or is another user's.
  }
};
const read = (file: string) => quietly(() => readFileSync(file, 'utf8'), '');
const list = (folder: string) => quietly(() => readdirSync(folder), []);
const link = (file: string) => quietly(() => readlinkSync(file), '');

export type Spread = { p50: number; p95: number; p99: number; max: number };

/** Percentiles by nearest rank. Sorts `values` in place. */
export function spreadOf(values: Float64Array): Spread {
  values.sort();
  const at = (share: number) => values[Math.max(0, Math.ceil(share * values.length) - 1)] ?? 0;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}
