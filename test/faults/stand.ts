// The stand for fault tests: a private broker that can be restarted, every service as its own process, a sandbox SMSC
// whose arrivals are counted there, and a client that remembers which messages were accepted.
import { execFile } from 'node:child_process';
import { chmodSync, createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { declareTopology } from '#shared/bus/declared.ts';
import { topology } from '#shared/topology.ts';
import { startPrivateNode } from '../../deploy/broker/node.ts';
import { findProgram } from '../../deploy/broker/program.ts';
import { type Smsc, startSmsc } from '../../services/sandbox/smsc.ts';
import { type Postgres, startPostgres } from '../peers/postgres.ts';
import { type RedisServer, startRedis } from '../peers/redis.ts';
import { freePort } from '../rig/port.ts';
import { until } from '../rig/until.ts';
import { ACCOUNT, type Client, httpDoor, mailDoor, type Ports, smppDoor, startClient } from './client.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { type Disk, startDisk } from './disk.ts';
import { endsInPostgres, endsInSqlite } from './ends.ts';
import { type Receiver, startReceiver } from './receiver.ts';
import { Recipients } from './recipients.ts';
import { SERVICES, type Services, startServices } from './services.ts';
import { type Ground, settle } from './tally.ts';

export const WINDOW = 50;
export const BINDS = 1;
export const PROVIDER = 'sandbox';
/** Far above the load: the doors count, and refuse nothing. */
const RATE = '100000/s';
const DISK_MB = 256;

/** `many`: PostgreSQL and Redis, and a second ledger and worker that stand by. */
export type Shape = 'one node' | 'small disk' | 'many' | 'cluster';

export type Stand = Ground & {
  smsc: Smsc;
  client: Client;
  receiver: Receiver;
  services: Services;
  amqpUrl: string;
  httpPort: number;
  ledgerFile: string;
  /** Where the stand has one node. */
  restartBroker(): Promise<void>;
  /** Raises or ends an alarm of the broker: it then takes nothing from publishers. */
  alarm(what: 'memory' | 'disk', on: boolean): Promise<void>;
  cluster: Cluster | undefined;
  /** Of the ledger. */
  disk: Disk | undefined;
  postgres: Postgres | undefined;
  redis: { stop(): Promise<void>; start(): Promise<void> } | undefined;
  stop(): Promise<void>;
};

export async function startStand(shape: Shape = 'one node'): Promise<Stand> {
  const dir = mkdtempSync(join(tmpdir(), 'hermod-stand-'));
  chmodSync(dir, 0o711); // The broker's user must get through.
  const cluster = shape === 'cluster' ? await startCluster(dir) : undefined;
  let broker = cluster ? undefined : await startPrivateNode({ dir, say: () => {} });
  const amqpUrl = (cluster ?? broker)!.url;
  const recipients = new Recipients();
  const smsc = await startSmsc({ keep: 1_000, receipts: { afterMs: 50 } });
  smsc.onSubmit(({ dest, commandStatus }) => commandStatus === 0 && recipients.arrive(dest.addr));
  const receiver = await startReceiver((to) => recipients.tell(to));
  const postgres = shape === 'many' ? await startPostgres({ durable: true }) : undefined;
  const databaseUrl = await postgres?.fresh();
  let redis: RedisServer | undefined = shape === 'many' ? await startRedis() : undefined;
  const disk = shape === 'small disk' ? await startDisk(join(dir, 'disk'), DISK_MB) : undefined;
  const ports = { http: await freePort(), smtp: await freePort(), smpp: await freePort() };
  const ledgerFile = join(dir, disk ? 'disk' : '', 'ledger.sqlite');
  const configFile = join(dir, 'gateway.yaml');
  writeFileSync(configFile, stringify(configuration(ports, smsc.port, ledgerFile)));
  const { fresh } = await declareTopology(amqpUrl, topology([PROVIDER], [ACCOUNT.systemId]));
  if (fresh) await broker?.flushDeclarations();
  const log = createWriteStream(process.env.HERMOD_TEST_LOG ?? join(dir, 'services.log'), { flags: 'a' });
  const env = {
    AMQP_URL: amqpUrl,
    HERMOD_CONFIG: configFile,
    HERMOD_ACCESS_LOG: 'off',
    HERMOD_LOG_LEVEL: 'info',
    ...(databaseUrl ? { DATABASE_URL: databaseUrl } : {}),
    ...(redis ? { REDIS_URL: redis.url } : {}),
  };
  const clocks = join(dir, 'clocks');
  mkdirSync(clocks);
  const names = shape === 'many' ? ([...SERVICES, 'ledger:2', 'egress-smpp:2'] as const) : SERVICES;
  const services = await startServices(env, log, clocks, names);
  await until('a bind', () => smsc.binds().now > 0);
  const doors = [httpDoor(ports.http, ACCOUNT, receiver), mailDoor(ports.smtp), smppDoor(ports.smpp, recipients)];
  const client = startClient(doors, recipients);
  const readEnds = databaseUrl ? endsInPostgres(databaseUrl) : endsInSqlite(ledgerFile);

  return {
    smsc,
    client,
    recipients,
    receiver,
    services,
    amqpUrl,
    httpPort: ports.http,
    ledgerFile,
    cluster,
    disk,
    postgres,
    redis: redis && {
      stop: async () => void (await redis?.stop()),
      start: async () => {
        redis = await startRedis(Number(new URL(redis!.url).port));
      },
    },
    async restartBroker() {
      await broker?.stop();
      broker = await startPrivateNode({ dir, say: () => {} });
      if (broker.url !== amqpUrl) throw new Error('the broker came back at another address');
    },
    async alarm(what, on) {
      const args =
        what === 'memory'
          ? ['set_vm_memory_high_watermark', on ? '0.00001' : '0.4']
          : ['set_disk_free_limit', on ? '1000000GB' : '50MB'];
      const epmd = String(Number(new URL(amqpUrl).port) - 1_000);
      const ctl = join(dirname(findProgram()!.server), 'rabbitmqctl');
      await promisify(execFile)(ctl, ['-n', 'hermod@localhost', ...args], {
        env: { ...process.env, HOME: broker!.home, ERL_EPMD_PORT: epmd },
      });
    },
    binds: () => smsc.binds().max,
    settle: (from, since, ms) => settle(recipients, readEnds, { from, since, ms }),
    async stop() {
      client.stop();
      await services.stop();
      await smsc.stop();
      receiver.stop();
      await (cluster ?? broker)?.stop();
      await postgres?.stop();
      await redis?.stop();
      await disk?.remove();
      log.end();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const configuration = (ports: Ports, smscPort: number, ledgerFile: string) => ({
  listen: { http: { port: ports.http }, smtp: { port: ports.smtp }, smpp: { port: ports.smpp }, admin: { port: 0 } },
  clients: { [ACCOUNT.systemId]: { password: ACCOUNT.password, sender: '12345', rate: RATE } },
  callbacks: { allow: ['127.0.0.1'], timeout: '5s', retries: ['1s'] },
  ledger: { file: ledgerFile, key: 'of the fault tests: more than thirty-two octets' },
  mail: {
    rules: [
      {
        name: 'test',
        client: ACCOUNT.systemId,
        networks: ['127.0.0.1'],
        when: { to: '^(?P<number>\\d+)@' },
        number: '{number}',
        text: 'by mail',
      },
    ],
  },
  providers: {
    [PROVIDER]: {
      bearer: 'smpp',
      host: '127.0.0.1',
      port: smscPort,
      systemId: 'hermod',
      password: 'secret',
      window: WINDOW,
      binds: BINDS,
      responseTimeout: '3s',
      enquireLink: '5s',
    },
  },
  routes: [{ to: [PROVIDER] }],
});
