// Three private RabbitMQ nodes, each in a network namespace of its own, so that a test can pull the plug of one. Needs root
// and iproute2. Services reach whichever node answers through one address, as behind a Kubernetes service.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { createServer, connect as dial, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { connect } from 'amqplib';
import { findProgram } from '../../deploy/broker/program.ts';
import { spawnTethered, type Tethered } from '../../deploy/broker/tether.ts';
import { until } from '../rig/until.ts';
import { startDisk } from './disk.ts';

const NODES = [1, 2, 3] as const;
const START_WITHIN_MS = 120_000;
const STOP_WITHIN_MS = 20_000;
const DIAL_WITHIN_MS = 500;
const AMQP_PORT = 5672;
/** The node whose data is on a small disk. */
export const SMALL_DISK = 3;
const DISK_MB = 512;
/** Private addresses that no other network here uses: one per process that runs a cluster. */
const subnet = `10.${200 + (process.pid % 50)}.${process.pid % 250}`;
const tag = `hm${process.pid % 10_000}`;

export type Cluster = {
  /** One address for all nodes. */
  url: string;
  /** Resolves when every node is in the cluster again: after a cut the smaller part stops, and takes its time to come back. */
  isWhole(): Promise<void>;
  /** The node, 1 to 3, that leads a queue. */
  leaderOf(queue: string): Promise<number>;
  /** SIGKILL. */
  kill(node: number): Promise<void>;
  startAgain(node: number): Promise<void>;
  /** Nothing gets to or from the node until `plug`. */
  unplug(node: number): Promise<void>;
  plug(node: number): Promise<void>;
  /** Not one octet more fits on the disk of node `SMALL_DISK`, until `freeDisk`. */
  fillDisk(): Promise<void>;
  freeDisk(): Promise<void>;
  /** What one node sends to another is lost on the way, without a word, until `join`. */
  sever(from: number, to: number): Promise<void>;
  join(from: number, to: number): Promise<void>;
  stop(): Promise<void>;
};

const run = promisify(execFile);
const ip = (...args: string[]) => run('ip', args);
const addressOf = (node: number) => `${subnet}.${node}`;
const nameOf = (node: number) => `rabbit@${addressOf(node)}`;
const spaceOf = (node: number) => `${tag}n${node}`;

export async function startCluster(dir: string): Promise<Cluster> {
  const program = findProgram();
  if (!program) throw new Error('RabbitMQ is not installed on this host');
  const password = randomBytes(12).toString('hex');
  const cookie = randomBytes(16).toString('hex');
  const running = new Map<number, Tethered>();
  const epmds = new Map<number, Tethered>();
  await layCables();
  const disk = await startDisk(join(dir, `node${SMALL_DISK}`), DISK_MB);

  async function start(node: number): Promise<void> {
    const home = join(dir, `node${node}`);
    mkdirSync(home, { recursive: true, mode: 0o700 });
    writeFileSync(join(home, 'rabbitmq.conf'), settings(password));
    writeFileSync(join(home, 'advanced.config'), ADVANCED);
    writeFileSync(join(home, 'enabled_plugins'), '[].\n');
    writeFileSync(join(home, '.erlang.cookie'), cookie, { mode: 0o600, flag: 'w' });
    const output = openSync(join(home, 'startup.log'), 'a');
    const env = { PATH: program!.path, ...environment(node, home) };
    const inside = ['ip', 'netns', 'exec', spaceOf(node)];
    // An epmd of our own in the foreground: the one that Erlang would start outlives its nodes.
    if (!epmds.has(node))
      epmds.set(node, spawnTethered([...inside, program!.epmd], { cwd: home, env, owner: undefined, output }));
    running.set(node, spawnTethered([...inside, program!.server], { cwd: home, env, owner: undefined, output }));
    closeSync(output);
  }

  const control = async (node: number, ...args: string[]) => {
    const ctl = join(dirname(program.server), 'rabbitmqctl');
    const env = { PATH: program.path, ...environment(node, join(dir, `node${node}`)) };
    const { stdout } = await run(
      'ip',
      ['netns', 'exec', spaceOf(node), ctl, '--longnames', '-n', nameOf(node), '-q', ...args],
      {
        env,
      },
    );
    return stdout;
  };

  const up = (node: number) =>
    until(
      `node ${node} takes connections`,
      async () => {
        const model = await connect(`amqp://hermod:${password}@${addressOf(node)}:${AMQP_PORT}`, { timeout: 2_000 });
        await model.close();
        return true;
      },
      START_WITHIN_MS,
    );

  for (const node of NODES) await start(node);
  for (const node of NODES) await up(node);
  const front = await startFront(() => [...running.keys()]);

  return {
    url: `amqp://hermod:${password}@127.0.0.1:${front.port}`,
    async isWhole() {
      const isIn = async (node: number) => {
        await control(node, 'await_online_nodes', String(NODES.length), '--timeout', '5');
        return true;
      };
      for (const node of NODES) await until(`node ${node} sees all others`, () => isIn(node), START_WITHIN_MS);
    },
    async leaderOf(queue) {
      const [first] = running.keys();
      const listed = await control(first!, 'list_queues', 'name', 'pid', '--no-table-headers');
      const line = listed.split('\n').find((one) => one.startsWith(`${queue}\t`));
      const node = NODES.find((one) => line?.includes(`${nameOf(one)}.`));
      if (!node) throw new Error(`no leader of ${queue} is known: ${line ?? 'no such queue'}`);
      return node;
    },
    async kill(node) {
      const vm = running.get(node)!;
      running.delete(node);
      try {
        process.kill(-vm.pid, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
      await vm.exited;
    },
    async startAgain(node) {
      await start(node);
      await up(node);
    },
    unplug: async (node) => void (await ip('link', 'set', `${tag}v${node}`, 'down')),
    plug: async (node) => void (await ip('link', 'set', `${tag}v${node}`, 'up')),
    fillDisk: () => disk.fill(),
    freeDisk: () => disk.free(),
    // A neighbour with a hardware address that nobody has.
    sever: async (from, to) =>
      void (await neighbour(from, 'replace', to, 'lladdr', '02:00:00:00:00:01', 'nud', 'permanent')),
    join: async (from, to) => void (await neighbour(from, 'del', to)),
    async stop() {
      front.stop();
      await Promise.all([...running.values()].map((vm) => vm.end(STOP_WITHIN_MS)));
      await Promise.all([...epmds.values()].map((epmd) => epmd.end(STOP_WITHIN_MS)));
      await takeCablesAway();
      await disk.remove();
    },
  };
}

const neighbour = (from: number, verb: string, to: number, ...more: string[]) =>
  ip('-n', spaceOf(from), 'neigh', verb, addressOf(to), 'dev', `${tag}i${from}`, ...more);

const settings = (password: string) =>
  [
    `default_user = hermod`,
    `default_pass = ${password}`,
    'loopback_users = none',
    'heartbeat = 10',
    'net_ticktime = 5',
    'raft.wal_max_size_bytes = 33554432',
    'cluster_partition_handling = pause_minority',
    'cluster_formation.peer_discovery_backend = classic_config',
    ...NODES.map((node) => `cluster_formation.classic_config.nodes.${node} = ${nameOf(node)}`),
  ]
    .map((line) => `${line}\n`)
    .join('');

/** As `raft.adaptive_failure_detector.poll_interval = 1000`, for which this RabbitMQ may be too old. */
const ADVANCED = '[{aten, [{poll_interval, 1000}]}].\n';

const environment = (node: number, home: string) => ({
  HOME: home,
  LANG: 'C.UTF-8',
  RABBITMQ_USE_LONGNAME: 'true',
  RABBITMQ_NODENAME: nameOf(node),
  RABBITMQ_CONF_ENV_FILE: '/dev/null',
  RABBITMQ_CONFIG_FILE: join(home, 'rabbitmq.conf'),
  RABBITMQ_ADVANCED_CONFIG_FILE: join(home, 'advanced.config'),
  RABBITMQ_ENABLED_PLUGINS_FILE: join(home, 'enabled_plugins'),
  RABBITMQ_MNESIA_BASE: join(home, 'data'),
  RABBITMQ_LOG_BASE: join(home, 'log'),
  RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1:1 -start_epmd false',
  RUNNING_UNDER_SYSTEMD: 'true', // the script becomes the Erlang VM
});

/** A bridge here, and a cable from it into the namespace of each node. */
async function layCables(): Promise<void> {
  const bridge = `${tag}b`;
  await ip('link', 'add', bridge, 'type', 'bridge');
  await ip('addr', 'add', `${addressOf(254)}/24`, 'dev', bridge);
  await ip('link', 'set', bridge, 'up');
  for (const node of NODES) {
    const [outer, inner, space] = [`${tag}v${node}`, `${tag}i${node}`, spaceOf(node)];
    await ip('netns', 'add', space);
    await ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', inner);
    await ip('link', 'set', inner, 'netns', space);
    await ip('link', 'set', outer, 'master', bridge, 'up');
    await ip('-n', space, 'addr', 'add', `${addressOf(node)}/24`, 'dev', inner);
    await ip('-n', space, 'link', 'set', inner, 'up');
    await ip('-n', space, 'link', 'set', 'lo', 'up');
  }
}

async function takeCablesAway(): Promise<void> {
  for (const node of NODES) await ip('netns', 'del', spaceOf(node));
  await ip('link', 'del', `${tag}b`);
}

/** One port on loopback; each connection goes to the next node that answers. */
async function startFront(nodes: () => number[]): Promise<{ port: number; stop(): void }> {
  let turn = 0;
  const sockets = new Set<Socket>();
  const answering = (node: number) =>
    new Promise<Socket>((resolve, reject) => {
      const socket = dial({ host: addressOf(node), port: AMQP_PORT, noDelay: true });
      socket.setTimeout(DIAL_WITHIN_MS, () => socket.destroy(new Error('no answer')));
      socket.once('connect', () => {
        socket.setTimeout(0);
        resolve(socket);
      });
      socket.once('error', reject);
    });
  const server = createServer({ noDelay: true }, async (from) => {
    from.on('error', () => {});
    const all = nodes();
    for (let i = 0; i < all.length; i++) {
      const to = await answering(all[turn++ % all.length]!).catch(() => undefined);
      if (!to) continue;
      for (const [one, other] of [
        [from, to],
        [to, from],
      ] as const) {
        sockets.add(one);
        one.on('error', () => {});
        one.on('close', () => {
          sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
      return;
    }
    from.destroy();
  });
  await new Promise<void>((listening) => {
    server.listen(0, '127.0.0.1', listening);
  });
  return {
    port: (server.address() as { port: number }).port,
    stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
