// Real proxies with a user and password: tinyproxy for HTTP and microsocks for SOCKS5, as private processes on loopback.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../rig/port.ts';
import { until } from '../rig/until.ts';
import { requireDebian } from './debian.ts';

export type RealProxy = { port: number; stop(): Promise<void> };
type Login = { user: string; password: string };

export async function startTinyproxy({ user, password }: Login): Promise<RealProxy> {
  requireDebian('tinyproxy', '/usr/bin/tinyproxy', 'tinyproxy');
  const port = await freePort();
  const dir = mkdtempSync(join(tmpdir(), 'hermod-proxy-'));
  const file = join(dir, 'tinyproxy.conf');
  writeFileSync(file, `Port ${port}\nListen 127.0.0.1\nTimeout 30\nMaxClients 50\nBasicAuth ${user} ${password}\n`);
  return run('/usr/bin/tinyproxy', ['-d', '-c', file], port, () => rmSync(dir, { recursive: true }));
}

export async function startMicrosocks({ user, password }: Login): Promise<RealProxy> {
  requireDebian('microsocks', '/usr/bin/microsocks', 'microsocks');
  const port = await freePort();
  return run('/usr/bin/microsocks', ['-i', '127.0.0.1', '-p', String(port), '-u', user, '-P', password], port);
}

async function run(program: string, args: string[], port: number, tidy = () => {}): Promise<RealProxy> {
  const child = spawn(program, args, { stdio: 'ignore' });
  await until(`${program} listens`, () => accepts(port));
  return {
    port,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        const exited = once(child, 'exit');
        child.kill('SIGKILL');
        await exited;
      }
      tidy();
    },
  };
}

const accepts = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
