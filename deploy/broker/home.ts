// The folder of a private node: its data, logs and secrets, and whose they are.
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Ports } from './ports.ts';

export const USER = 'hermod';
const ROOT_HOME = '/var/lib/hermod';

export type Home = {
  path: string;
  /** Whom the node runs as when we are root: the package's own user. Otherwise it runs as we do. */
  owner?: { uid: number; gid: number };
  /** The generated password of the AMQP user. */
  password: string;
  /** The AMQP port of the last start. */
  port?: number;
};

/**
 * Opens the node's folder for the state folder `dir`, making what is missing. As root only its data and its logs belong
 * to the broker's user: in a folder of that user's, root's own writing could be led elsewhere by a link.
 */
export function openHome(dir: string): Home {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const owner = process.getuid?.() === 0 ? brokerUser() : undefined;
  const home = { path: homePath(realpathSync(dir), owner), ...(owner && { owner }) };
  mkdirSync(home.path, { recursive: true, mode: 0o700 });
  if (owner) {
    chownSync(home.path, 0, owner.gid);
    chmodSync(home.path, 0o750);
  }
  for (const folder of ['data', 'log']) {
    const path = join(home.path, folder);
    const isNew = mkdirSync(path, { recursive: true, mode: 0o700 }) !== undefined;
    if (isNew && owner) chownSync(path, owner.uid, owner.gid);
    const { uid } = statSync(path);
    if (uid !== (owner?.uid ?? process.getuid?.() ?? uid)) {
      throw new Error(
        `${path} was made by another user (uid ${uid}): start as that user, or use another state folder.`,
      );
    }
  }
  keep(home, '.erlang.cookie', () => randomBytes(24).toString('hex'), 0o400);
  const password = keep(home, 'password', () => randomBytes(24).toString('hex'), 0o600);
  const port = Number(readIfThere(join(home.path, 'port')));
  return { ...home, password, ...(port > 0 && { port }) };
}

/**
 * `<dir>/broker`. A node that runs as another user must be able to get there: that user's group is let through `dir`
 * itself; when a folder above keeps others out (a checkout below /root), the node lives in /var/lib/hermod instead.
 */
function homePath(dir: string, owner: Home['owner']): string {
  if (!owner) return join(dir, 'broker');
  for (let above = dirname(dir); above !== '/'; above = dirname(above)) {
    if (!othersMayPass(above)) {
      mkdirSync(ROOT_HOME, { recursive: true, mode: 0o755 });
      return join(ROOT_HOME, createHash('sha256').update(dir).digest('hex').slice(0, 12));
    }
  }
  if (!othersMayPass(dir)) {
    const { uid, mode } = statSync(dir);
    chownSync(dir, uid, owner.gid);
    chmodSync(dir, (mode & 0o7777) | 0o010);
  }
  return join(dir, 'broker');
}

const othersMayPass = (folder: string) => (statSync(folder).mode & 0o001) !== 0;

function brokerUser(): Home['owner'] {
  const [, uid, gid] = /^rabbitmq:[^:]*:(\d+):(\d+):/m.exec(readIfThere('/etc/passwd')) ?? [];
  return uid && gid ? { uid: Number(uid), gid: Number(gid) } : undefined;
}

/**
 * Writes the node's configuration and remembers its port. A file in /etc/rabbitmq has no say in a private node, and no
 * plugin is loaded. A 32 MiB write-ahead log halves the memory of a large backlog; heartbeats are the bus's.
 */
export function writeSettings(home: Home, ports: Ports): void {
  const lines = [
    '# Written by Hermod at every start: changes made here are lost.',
    `listeners.tcp.local = 127.0.0.1:${ports.amqp}`,
    `default_user = ${USER}`,
    `default_pass = ${home.password}`,
    'heartbeat = 10',
    'raft.wal_max_size_bytes = 33554432',
    'vm_memory_high_watermark.relative = 0.4',
    'disk_free_limit.absolute = 200MB',
    'log.file = rabbit.log',
    'log.file.rotation.size = 10485760',
    'log.file.rotation.count = 5',
  ];
  const readable = home.owner ? 0o640 : 0o600;
  put(home, 'rabbitmq.conf', `${lines.join('\n')}\n`, readable);
  put(home, 'enabled_plugins', '[].\n', readable);
  put(home, 'port', `${ports.amqp}\n`, 0o600);
}

function keep(home: Pick<Home, 'path' | 'owner'>, name: string, make: () => string, mode: number): string {
  if (!existsSync(join(home.path, name))) put(home, name, make(), mode);
  return readIfThere(join(home.path, name)).trim();
}

function put({ path, owner }: Pick<Home, 'path' | 'owner'>, name: string, text: string, mode: number): void {
  const file = join(path, name);
  writeFileSync(file, text, { mode });
  chmodSync(file, mode);
  // Erlang wants the cookie to be the node's own.
  if (owner) chownSync(file, mode === 0o400 ? owner.uid : 0, owner.gid);
}

function readIfThere(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}
