// The stand for fault tests: a private broker that can be restarted, every service as its own process, a sandbox SMSC
// that keeps a log of its own, and a client that remembers which messages got a 202.
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { stringify } from 'yaml';
import { declareTopology } from '#shared/bus/declared.ts';
import { topology } from '#shared/topology.ts';
import { startPrivateNode } from '../../deploy/broker/node.ts';
import { type Smsc, startSmsc } from '../../services/sandbox/smsc.ts';
import { freePort } from '../rig/port.ts';
import { until } from '../rig/until.ts';

export const SERVICES = ['ledger', 'router', 'egress-smpp', 'ingress-http'] as const;
export type ServiceName = (typeof SERVICES)[number];
export const WINDOW = 50;

const ROOT = resolve(import.meta.dirname, '../..');
const CONNECTIONS = 20;

/** What became of the messages that were offered, by recipient. */
export type Tally = {
  offered: number;
  accepted: number;
  /** Accepted, and never at the SMSC. */
  lost: number;
  /** Extra arrivals of messages at the SMSC. */
  repeated: number;
  /** Accepted, without a final state in the ledger. */
  open: number;
};

export type Stand = {
  smsc: Smsc;
  kill(name: ServiceName): Promise<void>;
  restartBroker(): Promise<void>;
  /** Offers messages at a rate, calling `during` with the count so far after each hundred. */
  offer(count: number, perSecond: number, during?: (sent: number) => void): Promise<void>;
  /** Waits until nothing moves any more and counts. */
  tally(ms?: number): Promise<Tally>;
  stop(): Promise<void>;
};

export async function startStand(): Promise<Stand> {
  const dir = mkdtempSync(join(tmpdir(), 'hermod-stand-'));
  const brokerDir = join(dir, 'broker');
  let broker = await startPrivateNode({ dir: brokerDir, say: () => {} });
  const smsc = await startSmsc({ keep: 0, receipts: { afterMs: 50 } });
  const httpPort = await freePort();
  const configFile = join(dir, 'gateway.yaml');
  const config = {
    listen: { http: { port: httpPort }, admin: { port: 0 } },
    clients: { tester: { password: 'foobar', sender: '12345' } },
    providers: {
      sandbox: {
        bearer: 'smpp',
        host: '127.0.0.1',
        port: smsc.port,
        systemId: 'hermod',
        password: 'secret',
        window: WINDOW,
      },
    },
    routes: [{ to: ['sandbox'] }],
  };
  writeFileSync(configFile, stringify(config));
  const { fresh } = await declareTopology(broker.url, topology(['sandbox']));
  if (fresh) await broker.flushDeclarations();

  const log = createWriteStream(join(dir, 'services.log'));
  const running = new Map<ServiceName, ChildProcess>();
  let stopping = false;
  const env = {
    ...process.env,
    AMQP_URL: broker.url,
    HERMOD_CONFIG: configFile,
    HERMOD_ACCESS_LOG: 'off',
    HERMOD_LOG_LEVEL: 'info',
  };

  /** Like an orchestrator: what dies is started again. Resolves when the service says that it is ready. */
  function start(name: ServiceName): Promise<void> {
    const child = spawn(process.execPath, [join(ROOT, 'services', name, 'main.ts'), '--admin-port', '0'], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.set(name, child);
    return new Promise((ready) => {
      child.stdout!.on('data', (chunk: Buffer) => {
        log.write(chunk);
        if (chunk.includes('"msg":"started"')) ready();
      });
      child.stderr!.pipe(log, { end: false });
      child.once('exit', () => {
        running.delete(name);
        if (!stopping) setTimeout(() => !stopping && start(name).then(ready), 100);
      });
    });
  }
  await Promise.all(SERVICES.map(start));
  await until('a bind', () => smsc.binds().now > 0);

  const accepted = new Set<string>();
  let offered = 0;
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  /** One request: accepted, refused (by a 503, or by a port that nobody listens on), or no answer at all. */
  const attempt = (to: string) =>
    new Promise<'accepted' | 'refused' | 'no answer'>((done) => {
      const path = `/cgi-bin/sendsms?username=tester&password=foobar&to=${to}&text=message+${to}&dlr-mask=3`;
      get({ port: httpPort, host: '127.0.0.1', path, agent, timeout: 5_000 }, (answer) => {
        answer.resume();
        done(answer.statusCode === 202 ? 'accepted' : 'refused');
      })
        .on('timeout', function (this: ReturnType<typeof get>) {
          this.destroy();
        })
        .on('error', ({ code }: NodeJS.ErrnoException) => done(code === 'ECONNREFUSED' ? 'refused' : 'no answer'));
    });
  /** Like a patient client: what was refused is offered again; what got no answer may be under way, so it is not. */
  const send = async (to: string) => {
    const giveUp = performance.now() + 30_000;
    for (;;) {
      const answer = await attempt(to);
      if (answer === 'accepted') accepted.add(to);
      if (answer !== 'refused' || performance.now() > giveUp) return;
      await new Promise((again) => setTimeout(again, 100));
    }
  };

  const arrivals = () => {
    const count = new Map<string, number>();
    for (const { dest, commandStatus } of smsc.received) {
      if (commandStatus === 0) count.set(dest.addr, (count.get(dest.addr) ?? 0) + 1);
    }
    return count;
  };
  const openInLedger = () => {
    const db = new DatabaseSync(join(dir, 'ledger.sqlite'), { readOnly: true });
    try {
      const final = new Set(
        db
          .prepare('select number from message where final = 1')
          .all()
          .map((row) => String(row.number)),
      );
      return [...accepted].filter((to) => !final.has(to)).length;
    } finally {
      db.close();
    }
  };

  return {
    smsc,
    async kill(name) {
      const child = running.get(name);
      child?.kill('SIGKILL');
      await until(`${name} runs again`, () => running.has(name) && running.get(name) !== child, 5_000);
    },
    async restartBroker() {
      await broker.stop();
      broker = await startPrivateNode({ dir: brokerDir, say: () => {} });
      if (broker.url !== env.AMQP_URL) throw new Error('the broker came back at another address');
    },
    async offer(count, perSecond, during) {
      const startedAt = performance.now();
      const open = new Set<Promise<void>>();
      for (let i = 0; i < count; i++) {
        const wait = startedAt + (i * 1_000) / perSecond - performance.now();
        if (wait > 2) await new Promise((go) => setTimeout(go, wait));
        while (open.size >= CONNECTIONS) await Promise.race(open);
        const one = send(`44770${String(offered++).padStart(7, '0')}`);
        open.add(one);
        void one.then(() => open.delete(one));
        if (i % 100 === 0) during?.(i);
      }
      await Promise.all(open);
    },
    async tally(ms = 60_000) {
      const missing = () => {
        const arrived = arrivals();
        return [...accepted].filter((to) => !arrived.has(to));
      };
      await until('all arrived and final', () => missing().length === 0 && openInLedger() === 0, ms).catch(() => {});
      let repeated = 0;
      for (const count of arrivals().values()) repeated += count - 1;
      return { offered, accepted: accepted.size, lost: missing().length, repeated, open: openInLedger() };
    },
    async stop() {
      stopping = true;
      agent.destroy();
      for (const child of running.values()) child.kill('SIGTERM');
      await until('the services have ended', () => running.size === 0, 30_000);
      await smsc.stop();
      await broker.stop();
      log.end();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
