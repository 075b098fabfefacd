// A private PostgreSQL cluster for a test, on a loopback port, with its data in a folder of its own. PostgreSQL refuses to
// run as root: then it runs as the user whom Debian's package makes. Where the package is missing it is installed, and its
// own service is not started.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { Issued } from '../rig/certificates.ts';
import { freePort } from '../rig/port.ts';
import { until } from '../rig/until.ts';

const VERSIONS = '/usr/lib/postgresql';
const POLICY = '/usr/sbin/policy-rc.d';
const ENV = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_SUSPEND: '1', LC_ALL: 'C' };
/** What is lost when the machine goes down is of no use to a test. */
const FAST = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off'].flatMap((setting) => ['-c', setting]);

/** With a policy file that forbids starting services and no cluster of Debian's; the file goes whatever happens. */
const INSTALL = `
if [ ! -e ${POLICY} ]; then
  trap 'rm -f ${POLICY}' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > ${POLICY} && chmod 755 ${POLICY}
fi
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf
install() { apt-get -o DPkg::Lock::Timeout=120 -y --no-install-recommends install postgresql; }
install || { apt-get update && install; }
`;

export type Postgres = {
  /** A DATABASE_URL for an empty schema of its own. */
  fresh(): Promise<string>;
  /** Ends the server at once, as when its machine goes down, and starts it again on the same data. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
};

function programs(): string {
  const found = () => (existsSync(VERSIONS) ? readdirSync(VERSIONS) : []).find((v) => existsSync(programsOf(v)));
  if (!found()) {
    if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
      throw new Error(
        'there is no PostgreSQL here: install the package postgresql, or run this test as root on Debian',
      );
    const { stderr } = spawnSync('/bin/sh', ['-c', INSTALL], { env: ENV, encoding: 'utf8', stdio: 'pipe' });
    if (!found()) throw new Error(`PostgreSQL is missing and cannot be installed: ${stderr.trim().split('\n').at(-1)}`);
  }
  return join(VERSIONS, found()!, 'bin');
}
const programsOf = (version: string) => join(VERSIONS, version, 'bin/initdb');

/** The user who may run it. */
function user(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/** `durable` writes as a real one does; with `tls` it offers TLS beside the plain line. */
export async function startPostgres({
  durable = false,
  tls,
}: {
  durable?: boolean;
  tls?: Issued;
} = {}): Promise<Postgres> {
  const bin = programs();
  const who = user();
  const dir = mkdtempSync(join(tmpdir(), 'hermod-postgres-'));
  chmodSync(dir, 0o700);
  if (who.uid !== undefined) chownSync(dir, who.uid, who.gid!);
  const data = join(dir, 'data');
  const options = { ...who, cwd: dir, env: ENV };
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'hermod', '-A', 'trust', '-E', 'UTF8', '--no-sync'], options);
  for (const [kind, pem] of Object.entries(tls ?? {})) {
    writeFileSync(join(dir, kind), pem, { mode: 0o600 });
    if (who.uid !== undefined) chownSync(join(dir, kind), who.uid, who.gid!);
  }
  const port = await freePort();
  const url = `postgresql://hermod@127.0.0.1:${port}/postgres`;
  let server: ChildProcess | undefined;
  let schemas = 0;

  const ask = async (text: string) => {
    const client = new pg.Client(url);
    client.on('error', () => {});
    await client.connect();
    await client.query(text).finally(() => client.end());
  };
  const start = async () => {
    const settings = ['-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${dir}`];
    const secured = tls ? ['ssl=on', ...Object.keys(tls).map((kind) => `ssl_${kind}_file=${join(dir, kind)}`)] : [];
    settings.push(...secured.flatMap((setting) => ['-c', setting]));
    const all = ['-D', data, '-p', String(port), ...settings, ...(durable ? [] : FAST)];
    server = spawn(join(bin, 'postgres'), all, { ...options, stdio: 'ignore' });
    await until('PostgreSQL answers', () => ask('select 1').then(() => true));
  };
  const end = async (signal: 'SIGQUIT' | 'SIGINT') => {
    if (!server || server.exitCode !== null) return;
    const ended = once(server, 'exit');
    server.kill(signal);
    await ended;
  };
  await start();
  return {
    async fresh() {
      const schema = `test_${++schemas}`;
      await ask(`create schema ${schema}`);
      return `${url}?options=${encodeURIComponent(`-c search_path=${schema}`)}`;
    },
    kill: () => end('SIGQUIT'),
    start,
    async stop() {
      await end('SIGINT');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
