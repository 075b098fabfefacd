// The stand for fault tests: a private broker that can be restarted, every service as its own process, a sandbox SMSC
// that keeps a log of its own, and a client that remembers which messages got a 202.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmodSync, createWriteStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { createTransport } from 'nodemailer';
import { stringify } from 'yaml';
import { declareTopology } from '#shared/bus/declared.ts';
import { topology } from '#shared/topology.ts';
import { startPrivateNode } from '../../deploy/broker/node.ts';
import { findProgram } from '../../deploy/broker/program.ts';
import { type Smsc, startSmsc } from '../../services/sandbox/smsc.ts';
import { freePort } from '../rig/port.ts';
import { until } from '../rig/until.ts';
import { smppClient } from './smpp-client.ts';

export const SERVICES = [
  'ledger',
  'notifier',
  'router',
  'egress-smpp',
  'ingress-smtp',
  'ingress-smpp',
  'ingress-http',
] as const;
export type ServiceName = (typeof SERVICES)[number];
export const WINDOW = 50;

const ROOT = resolve(import.meta.dirname, '../..');
const CONNECTIONS = 20;

/** What became of the messages that were offered, by recipient. */
export type Tally = {
  /** Requests, those that were refused included. */
  offered: number;
  accepted: number;
  /** Accepted, and never at the SMSC. */
  lost: number;
  /** Extra arrivals of messages at the SMSC. */
  repeated: number;
  /** Accepted, without a final state in the ledger. */
  open: number;
  /** Accepted with a dlr-url or by SMPP with a receipt, and not told its end. */
  untold: number;
};

export type Stand = {
  smsc: Smsc;
  kill(name: ServiceName): Promise<void>;
  restartBroker(): Promise<void>;
  /** Raises or ends the broker's memory alarm: it then takes nothing from publishers. */
  alarm(on: boolean): Promise<void>;
  /** One request at the HTTP door, and how long its answer took. */
  ask(): Promise<{ status: number; body: string; ms: number }>;
  /** Offers messages at a rate, calling `during` with the count so far after each hundred. */
  offer(count: number, perSecond: number, during?: (sent: number) => void): Promise<void>;
  /** Waits until nothing moves any more and counts. */
  tally(ms?: number): Promise<Tally>;
  stop(): Promise<void>;
};

export async function startStand(): Promise<Stand> {
  const dir = mkdtempSync(join(tmpdir(), 'hermod-stand-'));
  chmodSync(dir, 0o711); // The broker's user must get through.
  let broker = await startPrivateNode({ dir, say: () => {} });
  const smsc = await startSmsc({ keep: 0, receipts: { afterMs: 50 } });
  const httpPort = await freePort();
  const smtpPort = await freePort();
  const smppPort = await freePort();
  const told = new Set<string>();
  const receiver = createServer((request, answer) => {
    told.add(request.url!.slice(1));
    answer.end();
  });
  await new Promise<void>((listening) => {
    receiver.listen(0, '127.0.0.1', listening);
  });
  const callbackUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
  const configFile = join(dir, 'gateway.yaml');
  const config = {
    listen: { http: { port: httpPort }, smtp: { port: smtpPort }, smpp: { port: smppPort }, admin: { port: 0 } },
    clients: { tester: { password: 'foobar', sender: '12345' } },
    callbacks: { allow: ['127.0.0.1'], retries: ['1s'] },
    mail: {
      rules: [
        {
          name: 'test',
          client: 'tester',
          networks: ['127.0.0.1'],
          when: { to: '^(?P<number>\\d+)@' },
          number: '{number}',
          text: 'by mail',
        },
      ],
    },
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
  const { fresh } = await declareTopology(broker.url, topology(['sandbox'], ['tester']));
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
  const toBeTold = new Set<string>();
  const mailer = createTransport({ host: '127.0.0.1', port: smtpPort, pool: true, maxConnections: 2, ignoreTLS: true });
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  /** One request: accepted, refused (by a 503, or by a port that nobody listens on), or no answer at all. */
  const attempt = (to: string) =>
    new Promise<'accepted' | 'refused' | 'no answer'>((done) => {
      const dlr = `dlr-mask=3&dlr-url=${encodeURIComponent(`${callbackUrl}${to}`)}`;
      const path = `/cgi-bin/sendsms?username=tester&password=foobar&to=${to}&text=message+${to}&${dlr}`;
      get({ port: httpPort, host: '127.0.0.1', path, agent, timeout: 5_000 }, (answer) => {
        answer.resume();
        done(answer.statusCode === 202 ? 'accepted' : 'refused');
      })
        .on('timeout', function (this: ReturnType<typeof get>) {
          this.destroy();
        })
        .on('error', ({ code }: NodeJS.ErrnoException) => done(code === 'ECONNREFUSED' ? 'refused' : 'no answer'));
    });
  /** The same by mail. A mail server that is away, and a 4xx, are refusals; a cut connection may hide a 250. */
  const attemptByMail = (to: string) =>
    mailer.sendMail({ from: 'a@test', to: `${to}@sms.test`, subject: 'x', text: 'x' }).then(
      () => 'accepted' as const,
      ({ code, responseCode }: { code?: string; responseCode?: number }) =>
        code === 'ESOCKET' || (responseCode ?? 0) >= 400 ? ('refused' as const) : ('no answer' as const),
    );
  const esme = smppClient(smppPort, { systemId: 'tester', password: 'foobar' }, (to) => told.add(to));
  /** Of ten messages one goes by mail and one by SMPP. */
  const door = (n: number) => (n % 10 === 0 ? attemptByMail : n % 10 === 5 ? esme.submit : attempt);
  /**
   * Like a patient client: what was refused is offered again, as a new message, since a door that lost only the confirm
   * says that the first may still go out once; what got no answer may be under way.
   */
  const send = async () => {
    const giveUp = performance.now() + 30_000;
    for (let answer = 'refused'; answer === 'refused' && performance.now() < giveUp; ) {
      const to = `44770${String(offered++).padStart(7, '0')}`;
      const by = door(offered);
      answer = await by(to);
      if (answer === 'refused') await new Promise((again) => setTimeout(again, 100));
      if (answer !== 'accepted') continue;
      accepted.add(to);
      if (by !== attemptByMail) toBeTold.add(to);
    }
  };

  const untold = () => [...toBeTold].filter((to) => !told.has(to)).length;
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
      broker = await startPrivateNode({ dir, say: () => {} });
      if (broker.url !== env.AMQP_URL) throw new Error('the broker came back at another address');
    },
    async alarm(on) {
      const args = ['-n', 'hermod@localhost', 'set_vm_memory_high_watermark', on ? '0.00001' : '0.4'];
      const epmd = String(Number(new URL(broker.url).port) - 1_000);
      const ctl = join(dirname(findProgram()!.server), 'rabbitmqctl');
      await promisify(execFile)(ctl, args, { env: { ...process.env, HOME: broker.home, ERL_EPMD_PORT: epmd } });
    },
    async ask() {
      const startedAt = performance.now();
      const to = `44770${String(offered++).padStart(7, '0')}`;
      const query = `username=tester&password=foobar&to=${to}&text=x`;
      const answer = await fetch(`http://127.0.0.1:${httpPort}/cgi-bin/sendsms?${query}`);
      const body = await answer.text();
      if (answer.status === 202) accepted.add(to);
      return { status: answer.status, body, ms: performance.now() - startedAt };
    },
    async offer(count, perSecond, during) {
      const startedAt = performance.now();
      const open = new Set<Promise<void>>();
      for (let i = 0; i < count; i++) {
        const wait = startedAt + (i * 1_000) / perSecond - performance.now();
        if (wait > 2) await new Promise((go) => setTimeout(go, wait));
        while (open.size >= CONNECTIONS) await Promise.race(open);
        const one = send();
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
      await until(
        'all arrived and final',
        () => missing().length === 0 && openInLedger() === 0 && untold() === 0,
        ms,
      ).catch(() => {});
      let repeated = 0;
      for (const count of arrivals().values()) repeated += count - 1;
      return {
        offered,
        accepted: accepted.size,
        lost: missing().length,
        repeated,
        open: openInLedger(),
        untold: untold(),
      };
    },
    async stop() {
      stopping = true;
      agent.destroy();
      mailer.close();
      esme.close();
      for (const child of running.values()) child.kill('SIGTERM');
      await until('the services have ended', () => running.size === 0, 30_000);
      await smsc.stop();
      receiver.closeAllConnections();
      receiver.close();
      await broker.stop();
      log.end();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
