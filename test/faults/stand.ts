// The stand for fault tests: a private broker that can be restarted, every service as its own process, a sandbox SMSC
// that keeps a log of its own, and a client that remembers which messages were accepted.
import { execFile } from 'node:child_process';
import { chmodSync, createWriteStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { declareTopology } from '#shared/bus/declared.ts';
import { topology } from '#shared/topology.ts';
import { startPrivateNode } from '../../deploy/broker/node.ts';
import { findProgram } from '../../deploy/broker/program.ts';
import { type Smsc, startSmsc } from '../../services/sandbox/smsc.ts';
import { freePort } from '../rig/port.ts';
import { until } from '../rig/until.ts';
import { ACCOUNT, type Client, type Ports, startClient } from './client.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { type Receiver, startReceiver } from './receiver.ts';
import { type Services, startServices } from './services.ts';

export const WINDOW = 50;
export const BINDS = 1;
export const PROVIDER = 'sandbox';

/** What became of the messages that were offered, by recipient. */
export type Tally = {
  offered: number;
  accepted: number;
  /** Accepted, never taken by the SMSC, and without an end that says so. */
  lost: number;
  /** Extra arrivals of messages at the SMSC. */
  repeated: number;
  /** Accepted, without a final state in the ledger. */
  open: number;
  /** Accepted with a dlr-url or by SMPP with a receipt, and not told its end. */
  untold: number;
  /** The most binds at a time that the SMSC ever had. */
  binds: number;
};

export type Stand = {
  smsc: Smsc;
  client: Client;
  receiver: Receiver;
  services: Services;
  amqpUrl: string;
  ledgerFile: string;
  /** Where the stand has one node. */
  restartBroker(): Promise<void>;
  /** Raises or ends the broker's memory alarm: it then takes nothing from publishers. */
  alarm(on: boolean): Promise<void>;
  /** Where the stand has three nodes. */
  cluster: Cluster | undefined;
  /** Waits until nothing moves any more and counts. */
  tally(ms?: number): Promise<Tally>;
  stop(): Promise<void>;
};

/** On a node of its own, or on a cluster of three. */
export async function startStand(nodes: 1 | 3 = 1): Promise<Stand> {
  const dir = mkdtempSync(join(tmpdir(), 'hermod-stand-'));
  chmodSync(dir, 0o711); // The broker's user must get through.
  const cluster = nodes === 3 ? await startCluster(dir) : undefined;
  let broker = cluster ? undefined : await startPrivateNode({ dir, say: () => {} });
  const amqpUrl = (cluster ?? broker)!.url;
  const smsc = await startSmsc({ keep: 0, receipts: { afterMs: 50 } });
  const receiver = await startReceiver();
  const ports = { http: await freePort(), smtp: await freePort(), smpp: await freePort() };
  const configFile = join(dir, 'gateway.yaml');
  writeFileSync(configFile, stringify(configuration(ports, smsc.port)));
  const { fresh } = await declareTopology(amqpUrl, topology([PROVIDER], [ACCOUNT.systemId]));
  if (fresh) await broker?.flushDeclarations();
  const log = createWriteStream(join(dir, 'services.log'));
  const env = {
    AMQP_URL: amqpUrl,
    HERMOD_CONFIG: configFile,
    HERMOD_ACCESS_LOG: 'off',
    HERMOD_LOG_LEVEL: 'info',
  };
  const services = await startServices(env, log);
  await until('a bind', () => smsc.binds().now > 0);
  const client = startClient(ports, receiver);
  const ledgerFile = join(dir, 'ledger.sqlite');

  const arrivals = () => {
    const count = new Map<string, number>();
    for (const { dest, commandStatus } of smsc.received) {
      if (commandStatus === 0) count.set(dest.addr, (count.get(dest.addr) ?? 0) + 1);
    }
    return count;
  };

  /** Accepted messages without an end, and those that never arrived though nothing says why. */
  function unfinished(): { open: number; lost: number } {
    const db = new DatabaseSync(ledgerFile, { readOnly: true });
    const ends = new Map<string, string>();
    for (const { number, state } of db.prepare('select number, state from message where final = 1').all()) {
      ends.set(String(number), String(state));
    }
    db.close();
    const arrived = arrivals();
    const all = [...client.accepted];
    return {
      open: all.filter((to) => !ends.has(to)).length,
      lost: all.filter((to) => !arrived.has(to) && !['rejected', 'expired'].includes(ends.get(to) ?? '')).length,
    };
  }
  const untold = () => [...client.toBeTold].filter((to) => !receiver.told.has(to)).length;
  const count = () => ({ ...unfinished(), untold: untold() });

  return {
    smsc,
    client,
    receiver,
    services,
    amqpUrl,
    ledgerFile,
    cluster,
    async restartBroker() {
      await broker?.stop();
      broker = await startPrivateNode({ dir, say: () => {} });
      if (broker.url !== amqpUrl) throw new Error('the broker came back at another address');
    },
    async alarm(on) {
      const args = ['-n', 'hermod@localhost', 'set_vm_memory_high_watermark', on ? '0.00001' : '0.4'];
      const epmd = String(Number(new URL(amqpUrl).port) - 1_000);
      const ctl = join(dirname(findProgram()!.server), 'rabbitmqctl');
      await promisify(execFile)(ctl, args, { env: { ...process.env, HOME: broker!.home, ERL_EPMD_PORT: epmd } });
    },
    async tally(ms = 60_000) {
      const isDone = () => Object.values(count()).every((n) => n === 0);
      await until('all arrived, final and told', isDone, ms).catch(() => {});
      let repeated = 0;
      for (const times of arrivals().values()) repeated += times - 1;
      const { offered, accepted } = client;
      return { offered: offered(), accepted: accepted.size, repeated, binds: smsc.binds().max, ...count() };
    },
    async stop() {
      client.stop();
      await services.stop();
      await smsc.stop();
      receiver.stop();
      await (cluster ?? broker)?.stop();
      log.end();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const configuration = (ports: Ports, smscPort: number) => ({
  listen: { http: { port: ports.http }, smtp: { port: ports.smtp }, smpp: { port: ports.smpp }, admin: { port: 0 } },
  clients: { [ACCOUNT.systemId]: { password: ACCOUNT.password, sender: '12345' } },
  callbacks: { allow: ['127.0.0.1'], timeout: '5s', retries: ['1s'] },
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
