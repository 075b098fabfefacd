// One server with systemd, as far as it goes without systemd: installed below a folder by the script, the unit verified, its
// command run as an ordinary user until it serves, looked at by the watch, and taken away again.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { topology } from '#shared/topology.ts';
import { freePort } from '../rig/port.ts';
import { emptyQueues } from '../rig/queues.ts';
import { until } from '../rig/until.ts';

const SYSTEMD = resolve(import.meta.dirname, '../../deploy/systemd');
/** Nobody special, and not root. */
const USER = 10_001;
let root: string;
let gateway: ChildProcess | undefined;
let said = '';

const script = (name: string, ...args: string[]) =>
  execFileSync(join(SYSTEMD, name), args, { env: { ...process.env, ROOT: root }, stdio: 'pipe' });
const unit = (name: string) => readFileSync(join(root, 'etc/systemd/system', name), 'utf8');
const setting = (text: string, key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(text)![1]!;
const below = (path: string) => path.replace(/^\/(opt|etc|var)\//, `${root}/$1/`);
/** The unit's command with its paths below the folder. */
const commandOf = (name: string) => setting(unit(name), 'ExecStart').split(' ').map(below);

beforeAll(() => {
  if (process.getuid?.() !== 0) throw new Error('only root can install and run as another user: run as root');
  root = mkdtempSync(join(tmpdir(), 'hermod-server-'));
  chmodSync(root, 0o755);
  script('install');
}, 120_000);
afterAll(async () => {
  gateway?.kill('SIGKILL');
  // Its SMS waits for a provider that nobody else has.
  await emptyQueues(process.env.AMQP_URL!, topology(['main']));
  rmSync(root, { recursive: true, force: true });
});

test('the units are what systemd expects, and name files that are there', () => {
  for (const name of ['hermod.service', 'hermod-watch.service']) {
    const [program, main] = commandOf(name);
    for (const file of [program, main]) expect(existsSync(file!), file).toBe(true);
    expect(setting(unit(name), 'User')).toBe('hermod');
    // What is cached there is run as code: systemd makes the folder the service's own.
    const folder = `/var/cache/${setting(unit(name), 'CacheDirectory')}`;
    expect(setting(unit(name), 'Environment')).toBe(`NODE_COMPILE_CACHE=${folder}`);
    expect(setting(unit(name), 'CacheDirectoryMode')).toBe('0700');
  }
  const verify = ['verify', `--root=${root}`, 'hermod.service', 'hermod-watch.service', 'hermod-watch.timer'];
  const { stderr } = spawnSyncText('systemd-analyze', verify);
  // Below a folder without a system, systemd's own units and the broker's are missing: that is not of these files.
  const ours = stderr
    .split('\n')
    .filter((line) => /hermod[\w-]*\.(service|timer):\d+|Unknown|not executable/.test(line));
  expect(ours).toEqual([]);
});

function spawnSyncText(command: string, args: string[]): { stderr: string } {
  try {
    execFileSync(command, args, { stdio: 'pipe' });
    return { stderr: '' };
  } catch (error) {
    const { code, stderr } = error as { code?: string; stderr?: Buffer };
    if (code === 'ENOENT') process.stdout.write(`${command} is missing: the units were not verified\n`);
    return { stderr: String(stderr) };
  }
}

test('its command serves as an ordinary user, the watch tells what begins and ends to be wrong, SIGTERM ends it', async () => {
  const etc = join(root, 'etc/hermod');
  const accessLog = join(etc, 'access.log');
  // Each process has an admin port: the second one the next.
  const [admin, closed, http] = [await freePort(2), await freePort(), await freePort()];
  writeFileSync(
    join(etc, 'gateway.yaml'),
    stringify({
      listen: { http: { port: http }, admin: { port: admin } },
      clients: { tester: { password: 'foobar', sender: '12345' } },
      providers: { main: { bearer: 'smpp', host: '127.0.0.1', port: closed, systemId: 'x' } },
      routes: [{ to: ['main'] }],
    }),
  );
  // As systemd makes it of CacheDirectory.
  const cache = below(/NODE_COMPILE_CACHE=(.*)/.exec(setting(unit('hermod.service'), 'Environment'))![1]!);
  mkdirSync(cache, { recursive: true });
  chmodSync(cache, 0o700);
  execFileSync('chown', ['-R', `${USER}:${USER}`, etc, cache]);
  const [program, ...args] = commandOf('hermod.service');
  const env = {
    PATH: process.env.PATH,
    AMQP_URL: process.env.AMQP_URL,
    HERMOD_LOG_LEVEL: 'warn',
    HERMOD_ACCESS_LOG: accessLog,
    NODE_COMPILE_CACHE: cache,
  };
  gateway = spawn(program!, args, { cwd: join(root, 'opt/hermod'), env, uid: USER, gid: USER, stdio: 'pipe' });
  for (const stream of [gateway.stdout!, gateway.stderr!]) stream.on('data', (chunk: Buffer) => (said += chunk));
  await until('it runs', () => said.includes('Hermod is running.') || failedWith(gateway!), 60_000);

  await until('the next start finds its code compiled', () => globSync('*/*', { cwd: cache }).length > 100);
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  const query = 'username=tester&password=foobar&to=447700900123&text=secret';
  const answer = await fetch(`http://127.0.0.1:${http}/cgi-bin/sendsms?${query}`, {
    headers: { traceparent: `00-${trace}-00f067aa0ba902b7-01` },
  });
  const line = await until('its access log has the message', () =>
    readFileSync(accessLog, 'utf8')
      .split('\n')
      .find((each) => each.includes('"accepted"')),
  );
  expect(JSON.parse(line)).toMatchObject({ id: answer.headers.get('x-message-id'), trace });
  expect(line).not.toMatch(/447700900123|secret/);

  const told: { began: string[]; ended: string[] }[] = [];
  const hook = createServer((request, answer) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk));
    request.on('end', () => {
      told.push(JSON.parse(body));
      answer.end();
    });
  });
  await new Promise<void>((listening) => {
    hook.listen(0, '127.0.0.1', listening);
  });
  const webhook = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`;
  const watch = async (...ports: number[]) => {
    const [node, file] = commandOf('hermod-watch.service');
    const state = ['--state', join(etc, 'watch.json')];
    const options = { env: { ...env, HERMOD_ALERT_WEBHOOK: webhook } };
    const child = spawn(node!, [file!, ...state, ...ports.flatMap((port) => ['--port', String(port)])], options);
    expect(await new Promise((done) => child.once('exit', done))).toBe(0);
  };
  await watch(admin, admin + 1);
  expect(told).toEqual([expect.objectContaining({ began: ['nobody is bound at main'], ended: [] })]);
  await watch(admin, admin + 1);
  expect(told).toHaveLength(1);
  await watch(admin, closed);
  expect(told[1]).toMatchObject({ began: [`nothing answers on port ${closed}`] });
  hook.close();

  const ended = new Promise((done) => gateway!.once('exit', done));
  gateway.kill('SIGTERM');
  expect(await ended).toBe(0);
}, 180_000);

function failedWith(child: ChildProcess): false {
  if (child.exitCode !== null) throw new Error(said);
  return false;
}

test('it is taken away, and its configuration stays until it is purged', () => {
  script('remove');
  expect(existsSync(join(root, 'opt/hermod'))).toBe(false);
  expect(existsSync(join(root, 'etc/systemd/system/hermod.service'))).toBe(false);
  expect(existsSync(join(root, 'var/cache/hermod'))).toBe(false);
  expect(existsSync(join(root, 'etc/hermod/gateway.yaml'))).toBe(true);
  script('remove', '--purge');
  expect(existsSync(join(root, 'etc/hermod'))).toBe(false);
});
