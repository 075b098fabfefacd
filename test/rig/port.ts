// A loopback port that was free a moment ago, and stays so: outside the range from which the kernel gives ports to
// clients, so that no connection takes it before its listener does, and marked in a folder that every test process on
// this machine looks into, so that no two of them choose the same one.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [LEAST, COUNT] = outsideTheRangeOfClients();
const MARKS = join(tmpdir(), `hermod-test-ports.${process.getuid?.() ?? 0}`);

const mine: string[] = [];
process.once('exit', () => {
  for (const mark of mine) rmSync(mark, { force: true });
});

/** The first of `count` ports in a row. */
export async function freePort(count = 1): Promise<number> {
  mkdirSync(MARKS, { recursive: true });
  for (;;) {
    const port = LEAST + Math.floor(Math.random() * (COUNT - count + 1));
    const row = Array.from({ length: count }, (_, i) => port + i);
    if (!row.every((one) => marked(join(MARKS, String(one))))) continue;
    if ((await Promise.all(row.map(isFree))).every(Boolean)) return port;
  }
}

/** Takes the mark of a port for this process; the mark of a process that is gone is taken away for the next to come. */
function marked(mark: string): boolean {
  try {
    writeFileSync(mark, String(process.pid), { flag: 'wx' });
    mine.push(mark);
    return true;
  } catch {
    if (!lives(mark)) rmSync(mark, { force: true });
    return false;
  }
}

function lives(mark: string): boolean {
  try {
    process.kill(Number(readFileSync(mark, 'utf8')) || process.pid, 0);
    return true;
  } catch {
    return false;
  }
}

function outsideTheRangeOfClients(): [least: number, count: number] {
  let range = [32_768, 60_999]; // Linux, unless it was told otherwise.
  try {
    range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/).map(Number);
  } catch {}
  const below = Math.max(0, range[0]! - 10_000);
  const above = Math.max(0, 65_535 - range[1]!);
  return below >= above ? [10_000, Math.max(below, 2_000)] : [range[1]! + 1, above];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
