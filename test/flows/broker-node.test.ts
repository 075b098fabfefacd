// The private RabbitMQ node: on loopback only, with its own user, kept data, and no process left behind.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findBroker } from '../../deploy/broker/find.ts';
import { type PrivateNode, startPrivateNode } from '../../deploy/broker/node.ts';
import { until } from '../rig/until.ts';

const QUEUE = 'kept';
const QUORUM = { durable: true, arguments: { 'x-queue-type': 'quorum' } };
const MESSAGES = 200;
const NODE_MODULE = join(import.meta.dirname, '../../deploy/broker/node.ts');

const dirs: string[] = [];
const said: string[] = [];
const say = (line: string) => void said.push(line);
const newDir = () => {
  const dir = mkdtempSync(join(tmpdir(), 'hermod-node-'));
  dirs.push(dir);
  return dir;
};
const portOf = (url: string) => Number(new URL(url).port);

afterAll(() => {
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
});

describe('two nodes side by side, the first port being taken', () => {
  const foreign = createServer();
  const nodes: PrivateNode[] = [];
  let takenPort = 0;

  beforeAll(async () => {
    await new Promise<void>((listening) => foreign.listen(0, '127.0.0.1', listening));
    takenPort = (foreign.address() as { port: number }).port;
    const start = () => startPrivateNode({ dir: newDir(), port: takenPort, say });
    nodes.push(...(await Promise.all([start(), start()])));
  });
  afterAll(async () => {
    foreign.close();
    await Promise.all(nodes.map((node) => node.stop()));
  });

  test('each takes the next free port and accepts its own user', async () => {
    const ports = nodes.map((node) => portOf(node.url));
    expect(new Set(ports).size).toBe(2);
    for (const port of ports) expect(port).toBeGreaterThan(takenPort);
    for (const { url } of nodes) await (await connect(url)).close();
  });

  test("guest is refused, and so is the other node's password", async () => {
    const [first, second] = nodes.map((node) => new URL(node.url));
    const guest = `amqp://guest:guest@${first!.host}`;
    const other = `amqp://${first!.username}:${second!.password}@${first!.host}`;
    for (const url of [guest, other]) await expect(connect(url)).rejects.toThrow('ACCESS_REFUSED');
  });

  test('only loopback addresses are listened on', () => {
    for (const node of nodes) {
      const listening = processesOf(node.home).flatMap(listeningAddresses);
      expect(listening.filter(({ address }) => LOOPBACK.has(address))).toEqual(listening);
      expect(listening.map(({ port }) => port)).toContain(portOf(node.url));
    }
  });

  test('a second gateway is kept out of the folder', async () => {
    const dir = join(nodes[0]!.home, '..');
    await expect(startPrivateNode({ dir, say })).rejects.toThrow(`in use by process ${process.pid}`);
  });
});

test('data outlives a kill of the node and a clean restart, and each stop leaves no process', async () => {
  const dir = newDir();
  let node = await startPrivateNode({ dir, say });
  const { url, home } = node;
  await declare(url);
  await node.flushDeclarations();
  await publish(url, MESSAGES);

  process.kill(node.pid, 'SIGKILL');
  await node.exited;
  expect(processesOf(home)).toEqual([]);

  node = await startPrivateNode({ dir, say });
  expect(node.url).toBe(url);
  expect(await waiting(url)).toBe(MESSAGES);
  await node.stop();
  expect(processesOf(home)).toEqual([]);

  node = await startPrivateNode({ dir, say });
  try {
    expect(await waiting(url)).toBe(MESSAGES);
  } finally {
    await node.stop();
  }
});

test('when its starter is killed, the node ends', async () => {
  const dir = newDir();
  const script = `const { startPrivateNode } = await import(${JSON.stringify(NODE_MODULE)});
    console.log((await startPrivateNode({ dir: ${JSON.stringify(dir)}, say() {} })).home);`;
  const starter = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const home = await firstLine(starter);
  expect(processesOf(home).length).toBeGreaterThan(0);
  starter.kill('SIGKILL');
  await until('its processes have ended', () => processesOf(home).length === 0);
});

test('an AMQP_URL that is no use is one line without the password', async () => {
  const find = (url: string) => findBroker({ dir: newDir(), allowInstall: false, say, env: { AMQP_URL: url } });
  await expect(find('http://user:s3cret@localhost')).rejects.toThrow(/^AMQP_URL is not a broker address: [^\n]*$/);
  const wrong = new URL(process.env.AMQP_URL!);
  wrong.password = 's3cret';
  const refused = find(wrong.href);
  await expect(refused).rejects.toThrow(`The RabbitMQ of AMQP_URL (${wrong.host}) cannot be used: `);
  await expect(refused).rejects.not.toThrow('s3cret');
});

const LOOPBACK = new Set(['0100007F', `${'0'.repeat(24)}01000000`]);

/** The processes of the node in this folder that are not zombies: they have it as their home. */
function processesOf(home: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && tryRead(`/proc/${name}/environ`).split('\0').includes(`HOME=${home}`))
    .map(Number);
}

/** Address and port of each TCP socket on which the process listens, the address as /proc prints it. */
function listeningAddresses(pid: number): { address: string; port: number }[] {
  const sockets = new Set(readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`)));
  return ['tcp', 'tcp6'].flatMap((table) =>
    tryRead(`/proc/${pid}/net/${table}`)
      .split('\n')
      .map((row) => row.trim().split(/\s+/))
      .filter((row) => row[3] === '0A' && sockets.has(`socket:[${row[9]}]`))
      .map((row) => row[1]!.split(':'))
      .map(([address, port]) => ({ address: address!, port: Number.parseInt(port!, 16) })),
  );
}

function tryRead(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

async function declare(url: string): Promise<void> {
  const connection = await connect(url);
  const channel = await connection.createChannel();
  await channel.assertQueue(QUEUE, QUORUM);
  await connection.close();
}

async function publish(url: string, count: number): Promise<void> {
  const connection = await connect(url);
  const channel = await connection.createConfirmChannel();
  for (let i = 0; i < count; i++) channel.sendToQueue(QUEUE, Buffer.from(String(i)), { persistent: true });
  await channel.waitForConfirms();
  await connection.close();
}

/** How many messages the queue holds, once it has found its log again. */
async function waiting(url: string): Promise<number> {
  const connection = await connect(url);
  const channel = await connection.createChannel();
  const count = await until('messages in the queue', async () => (await channel.checkQueue(QUEUE)).messageCount);
  await connection.close();
  return count;
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.stdout!.setEncoding('utf8').once('data', (text: string) => resolve(text.split('\n')[0]!));
    child.once('exit', (code) => reject(new Error(`the starter ended with ${code}`)));
  });
}
