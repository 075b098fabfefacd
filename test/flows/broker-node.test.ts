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
import { freePort } from '../rig/port.ts';
import { until } from '../rig/until.ts';

const QUEUE = 'kept';
const QUORUM = { durable: true, arguments: { 'x-queue-type': 'quorum' } };
const MESSAGES = 200;
const NODE_MODULE = join(import.meta.dirname, '../../deploy/broker/node.ts');

const dirs: string[] = [];
const say = () => {};
const newDir = () => {
  const dir = mkdtempSync(join(tmpdir(), 'hermod-node-'));
  dirs.push(dir);
  return dir;
};
const portOf = (url: string) => Number(new URL(url).port);

const foreign = createServer();
let takenPort = 0;
/** Started by this process, on the first port after a taken one. */
let node: PrivateNode;
const dir = newDir();
/** Started beside it by a process of its own. */
let starter: ChildProcess;
let other: { url: string; home: string };

beforeAll(async () => {
  takenPort = await freePort();
  await new Promise<void>((listening) => foreign.listen(takenPort, '127.0.0.1', listening));
  const script = `const { startPrivateNode } = await import(${JSON.stringify(NODE_MODULE)});
    const { url, home } = await startPrivateNode({ dir: ${JSON.stringify(newDir())}, port: ${takenPort}, say() {} });
    console.log(JSON.stringify({ url, home }));`;
  starter = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  [node, other] = await Promise.all([
    startPrivateNode({ dir, port: takenPort, say }),
    firstLine(starter).then((line) => JSON.parse(line)),
  ]);
});

afterAll(async () => {
  starter.kill('SIGKILL');
  await node.stop();
  foreign.close();
  for (const each of dirs) rmSync(each, { recursive: true, force: true });
});

describe('two nodes side by side, the first port being taken', () => {
  test('each takes a free port after it and accepts its own user', async () => {
    const ports = [node, other].map(({ url }) => portOf(url));
    expect(new Set(ports).size).toBe(2);
    for (const port of ports) expect(port).toBeGreaterThan(takenPort);
    for (const { url } of [node, other]) await (await connect(url)).close();
  });

  test("guest is refused, and so is the other node's password", async () => {
    const [own, others] = [new URL(node.url), new URL(other.url)];
    for (const user of ['guest:guest', `${own.username}:${others.password}`]) {
      await expect(connect(`amqp://${user}@${own.host}`)).rejects.toThrow('ACCESS-REFUSED');
    }
  });

  test('only loopback addresses are listened on', () => {
    for (const { url, home } of [node, other]) {
      const listening = processesOf(home).flatMap(listeningAddresses);
      expect(listening.filter(({ address }) => LOOPBACK.has(address))).toEqual(listening);
      expect(listening.map(({ port }) => port)).toContain(portOf(url));
    }
  });

  test('a second gateway is kept out of the folder', async () => {
    await expect(startPrivateNode({ dir, say })).rejects.toThrow(`in use by process ${process.pid}`);
  });

  test('when its starter is killed, the node ends', async () => {
    expect(processesOf(other.home).length).toBeGreaterThan(1);
    starter.kill('SIGKILL');
    await noneLeft(other.home);
  });
});

test('messages of a young queue outlive a kill of the node, and a stop leaves no process', {
  timeout: 60_000,
}, async () => {
  const { url, home } = node;
  await declare(url);
  await node.flushDeclarations();
  await publish(url, MESSAGES);
  process.kill(node.pid, 'SIGKILL');
  await node.exited;
  await noneLeft(home);

  const lines: string[] = [];
  node = await startPrivateNode({ dir, say: (line) => lines.push(line) });
  expect(node.url).toBe(url);
  await untilHolds(url, MESSAGES);
  await node.stop();
  await noneLeft(home);
  console.info(`second start: ${lines.at(-1)}`);
});

test('an AMQP_URL that is no use is one line without the password', async () => {
  const find = (url: string) => findBroker({ dir, allowInstall: false, say, env: { AMQP_URL: url } });
  await expect(find('http://user:s3cret@localhost')).rejects.toThrow(/^AMQP_URL is not a broker address: [^\n]*$/);
  const wrong = new URL(process.env.AMQP_URL!);
  wrong.password = 's3cret';
  const refused = find(wrong.href);
  await expect(refused).rejects.toThrow(`The RabbitMQ of AMQP_URL (${wrong.host}) cannot be used: `);
  await expect(refused).rejects.not.toThrow('s3cret');
});

/** Erlang's own helpers end a moment after it. */
const noneLeft = (home: string) => until('its processes have ended', () => processesOf(home).length === 0, 30_000);

const LOOPBACK = new Set(['0100007F', `${'0'.repeat(24)}01000000`]);

/** The processes of the node in this folder that are not zombies: they have it as their home. */
function processesOf(home: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && tryRead(`/proc/${name}/environ`).split('\0').includes(`HOME=${home}`))
    .map(Number);
}

/** Address and port of each TCP socket on which the process listens, the address as /proc prints it. */
function listeningAddresses(pid: number): { address: string; port: number }[] {
  const sockets = new Set(openFiles(pid));
  return ['tcp', 'tcp6'].flatMap((table) =>
    tryRead(`/proc/${pid}/net/${table}`)
      .split('\n')
      .map((row) => row.trim().split(/\s+/))
      .filter((row) => row[3] === '0A' && sockets.has(`socket:[${row[9]}]`))
      .map((row) => row[1]!.split(':'))
      .map(([address, port]) => ({ address: address!, port: Number.parseInt(port!, 16) })),
  );
}

/** What its descriptors lead to; one that was closed since, or a process that has ended, has none. */
function openFiles(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  }
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

/** Waits until the queue has found its log again and counts this many. */
async function untilHolds(url: string, messages: number): Promise<void> {
  const connection = await connect(url);
  const channel = await connection.createChannel();
  const holds = async () => (await channel.checkQueue(QUEUE)).messageCount === messages;
  await until(`${messages} messages in the queue`, holds);
  await connection.close();
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.stdout!.setEncoding('utf8').once('data', (text: string) => resolve(text.split('\n')[0]!));
    child.once('exit', (code) => reject(new Error(`the starter ended with ${code}`)));
  });
}
