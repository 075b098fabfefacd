// What an installation of `npm start` takes while nothing is sent: one-box runner, services and broker, resident.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { openHome } from '../../deploy/broker/home.ts';
import { writeFirstConfig } from '../../deploy/first-run.ts';
import { freePort } from '../rig/port.ts';
import { until } from '../rig/until.ts';
import type { Hold } from './comparison.ts';
import { familyOf, useOf } from './measure.ts';
import { quiet } from './rest.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const START_WITHIN_MS = 120_000;

/** Starts one with the configuration of a first start on free ports, waits until it rests, and ends it. MB. */
export async function idleOneBoxMb(hold: Hold): Promise<number> {
  mkdirSync(join(ROOT, 'var'), { recursive: true });
  const dir = mkdtempSync(join(ROOT, 'var/bench-'));
  const { path: broker } = openHome(dir);
  const { AMQP_URL: _broker, ...env } = process.env;
  const args = ['--config', await firstConfig(dir), '--no-install', '--log', join(dir, 'hermod.log')];
  const child = spawn(process.execPath, [join(ROOT, 'deploy/one-box.ts'), ...args], {
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
  try {
    await until(
      'npm start is up',
      () => {
        if (child.exitCode !== null) throw new Error(output);
        return output.includes('Hermod is running');
      },
      START_WITHIN_MS,
    );
    await quiet(familyOf(child.pid!));
    return familyOf(child.pid!).reduce((sum, pid) => sum + useOf(pid).residentMb, 0);
  } finally {
    await stop();
  }
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
