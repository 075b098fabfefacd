// `npm start` as a newcomer sees it: the first SMS by the printed line, its story, a clean end; and one clear line when
// something is in the way.
import { type ChildProcess, spawn } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { topology } from '#shared/topology.ts';
import { freePort } from '../rig/port.ts';
import { emptyQueues } from '../rig/queues.ts';
import { until } from '../rig/until.ts';

const ONE_BOX = resolve(import.meta.dirname, '../../deploy/one-box.ts');
let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hermod-one-box-'));
  // The queues are shared with the other tests of this run: begin empty, and leave nothing behind.
  await emptyQueues(process.env.AMQP_URL!, topology(['sandbox']));
});
afterAll(async () => {
  await emptyQueues(process.env.AMQP_URL!, topology(['sandbox']));
  rmSync(dir, { recursive: true, force: true });
});

type Running = { child: ChildProcess; output: () => string; ended: Promise<number | null> };

function start(args: string[], env: Record<string, string> = {}): Running {
  const { HERMOD_ACCESS_LOG: _off, HERMOD_LOG_LEVEL: _level, ...rest } = process.env;
  const child = spawn(process.execPath, [ONE_BOX, ...args], {
    env: { ...rest, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  const ended = new Promise<number | null>((done) => {
    child.once('exit', done);
  });
  return { child, output: () => output, ended };
}

/** A configuration on free ports, with the sandbox. */
async function configuration(
  change: Record<string, unknown> = {},
  listen: Record<string, unknown> = {},
): Promise<{ file: string; page: number; http: number }> {
  const [http, port, page] = await Promise.all([freePort(), freePort(), freePort()]);
  const file = join(dir, `gateway-${http}.yaml`);
  const config = {
    listen: { http: { port: http }, admin: { port: 0 }, ...listen },
    clients: { demo: { password: 'secret', sender: '12345' } },
    providers: { sandbox: { bearer: 'smpp', host: '127.0.0.1', port, systemId: 'hermod', password: 'secret' } },
    routes: [{ to: ['sandbox'] }],
    sandbox: { port, page },
    ledger: { file: `ledger-${http}.sqlite` },
    ...change,
  };
  writeFileSync(file, stringify(config));
  return { file, page, http };
}

test('the printed line sends an SMS that arrives, a killed service comes back, and Ctrl-C ends everything', async () => {
  const console_ = await freePort();
  const { file, page, http } = await configuration({}, { console: { port: console_ } });
  const cache = join(dir, 'cache');
  const box = start(['--config', file], { NODE_COMPILE_CACHE: cache });
  await until('it runs', () => box.output().includes('Hermod is running.'), 40_000);
  // Before any of them has ended: what is killed comes back with its code compiled.
  await until('compiled code is kept', () => globSync('*/*', { cwd: cache }).length > 100);
  const url = /curl -i "([^"]+)"/.exec(box.output())![1]!;
  const answer = await fetch(url);
  expect(answer.status).toBe(202);
  const id = answer.headers.get('x-message-id')!;
  await until('the terminal shows it', () =>
    box.output().includes('sandbox: SMS to +447700900123 from 12345: "Hello from Hermod"'),
  );
  const shown = (await (await fetch(`http://127.0.0.1:${page}/messages`)).json()) as { text: string }[];
  expect(shown[0]!.text).toBe('Hello from Hermod');
  const auth = { authorization: `Basic ${Buffer.from('demo:secret').toString('base64')}` };
  const look = async () =>
    (await fetch(`http://127.0.0.1:${http}/v1/messages/${id}`, { headers: auth })).json() as Promise<{ state: string }>;
  await until('its receipt is there', async () => (await look()).state === 'delivered');
  expect(statSync(join(dir, 'broker.url')).mode & 0o777).toBe(0o600);

  const [, link, token] = /^ {2}Console +(\S+)#enter=([\w-]+) /m.exec(box.output())!;
  expect(link).toBe(`http://127.0.0.1:${console_}/`);
  const enter = async () =>
    fetch(`${link}api/enter`, {
      method: 'POST',
      headers: { origin: link!.slice(0, -1), 'content-type': 'application/json' },
      body: JSON.stringify({ token }),
    }).then(({ status }) => status);
  expect(await enter()).toBe(200);

  const [victim] = children(box.child.pid!);
  process.kill(victim!, 'SIGKILL');
  await until('the killed process runs again', () => / runs again/.test(box.output()), 20_000);
  expect((await fetch(url)).status).toBe(202);
  // It was the console's process too: the one after it does not know the link.
  expect(await enter()).toBe(401);

  const pids = [box.child.pid!, ...children(box.child.pid!)];
  box.child.kill('SIGINT');
  expect(await box.ended).toBe(0);
  expect(pids.filter(isAlive)).toEqual([]);
  const log = readFileSync(join(dir, 'log/hermod.log'), 'utf8');
  expect(log).toContain('"event":"accepted"');
  expect(log).not.toContain('Hello');
  expect(log).not.toContain('447700900123');
}, 180_000);

describe('one clear line and exit code 1', () => {
  const fault = async (args: string[], env?: Record<string, string>) => {
    const box = start(args, env);
    expect(await box.ended).toBe(1);
    expect(box.output()).not.toMatch(/\n {4}at /);
    return box.output();
  };

  test('a wrong configuration', async () => {
    const { file } = await configuration({ route: [] });
    expect(await fault(['--config', file])).toMatch(
      /gateway-\d+\.yaml:\d+: route: no such setting: do you mean routes\?\n$/,
    );
  });

  test('a broker that is not there', async () => {
    const { file } = await configuration();
    const port = await freePort();
    const said = await fault(['--config', file], { AMQP_URL: `amqp://user:hidden@127.0.0.1:${port}` });
    expect(said).toContain(`127.0.0.1:${port}`);
    expect(said).toContain('AMQP_URL');
    expect(said).not.toContain('hidden');
  });

  test('a taken port', async () => {
    const { file, http } = await configuration();
    const other = createServer().listen(http, '127.0.0.1');
    try {
      expect(await fault(['--config', file])).toContain(
        `port ${http} on 127.0.0.1 is taken by another program: end it, or set listen.http`,
      );
    } finally {
      other.close();
    }
  });
});

/** Child processes, from /proc. */
function children(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
