// What an installation of `npm start` takes while nothing is sent: the runner, its services and the broker.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { openHome } from '../../deploy/broker/home.ts';
import { writeFirstConfig } from '../../deploy/first-run.ts';
import { freePort } from '../rig/port.ts';
import { until } from '../rig/until.ts';
import type { Hold } from './comparison.ts';
import { familyOf, type Memory, memoryOf } from './measure.ts';
import { quiet } from './rest.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const START_WITHIN_MS = 120_000;
/** What a start leaves behind is given back within two looks (shared/idle-memory.ts). */
const GIVEN_BACK_MS = 25_000;

/** At rest, from the second start on: what the first one compiled is kept. */
export async function idleOneBox(hold: Hold): Promise<Memory> {
  await (await startOneBox(hold)).stop();
  const { pid, stop } = await startOneBox(hold);
  try {
    await pause(GIVEN_BACK_MS);
    await quiet(familyOf(pid));
    return memoryOf(familyOf(pid));
  } finally {
    await stop();
  }
}

/** With the configuration of a first start, on free ports. */
async function startOneBox(hold: Hold): Promise<{ pid: number; stop(): Promise<void> }> {
  mkdirSync(join(ROOT, 'var'), { recursive: true });
  const dir = mkdtempSync(join(ROOT, 'var/bench-'));
  const { path: broker } = openHome(dir);
  const { AMQP_URL: _broker, ...env } = process.env;
  const args = ['--config', await firstConfig(dir), '--no-install', '--log', join(dir, 'hermod.log')];
  const child = spawn(process.execPath, [join(ROOT, 'deploy/start.mjs'), ...args], {
    env: { ...env, HERMOD_ACCESS_LOG: 'off' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  const ended = new Promise<void>((done) => child.once('exit', () => done()));
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    // As root the broker's folder may be elsewhere.
    for (const folder of [broker, dir]) rmSync(folder, { recursive: true, force: true });
  };
  hold({ stop });
  const isUp = () => {
    if (child.exitCode !== null) throw new Error(output);
    return output.includes('Hermod is running');
  };
  await until('npm start is up', isUp, START_WITHIN_MS).catch(async (error) => {
    await stop();
    throw error;
  });
  return { pid: child.pid!, stop };
}

/** As `npm start` writes it, on free ports. */
async function firstConfig(dir: string): Promise<string> {
  const file = join(dir, 'gateway.yaml');
  writeFirstConfig(file);
  const first = parse(readFileSync(file, 'utf8'));
  const [http, consolePort, smpp, page] = await Promise.all(Array.from({ length: 4 }, freePort));
  first.listen = { console: { port: consolePort }, http: { port: http }, admin: { port: 0 } };
  first.providers.sandbox.port = smpp;
  first.sandbox = { port: smpp, page };
  writeFileSync(file, stringify(first));
  return file;
}
