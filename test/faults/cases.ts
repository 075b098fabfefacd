// The fault matrix: what goes wrong while messages flow, and what that may cost. Lost messages and messages without an end
// are never allowed; repeats only where a process was killed or an answer was lost.
import { DatabaseSync } from 'node:sqlite';
import { connect } from 'amqplib';
import { DEAD_KINDS, deadQueue, egressQueue, LEDGER, NOTIFIER, routerQueue } from '#shared/topology.ts';
import { until } from '../rig/until.ts';
import type { Cluster } from './cluster.ts';
import type { Mood } from './receiver.ts';
import { SERVICES, type ServiceName } from './services.ts';
import { type Stand, WINDOW } from './stand.ts';

export type FaultCase = {
  name: string;
  /** Begins when a quarter of the load is offered. `length` is `short` in `npm test`. */
  fault(stand: Stand, length: 'short' | 'full'): Promise<void>;
  /** Most extra arrivals at the SMSC. */
  repeats: number;
  /** Most milliseconds without an acceptance. */
  doorsClosedMs?: number;
  /** Most seconds until everything has its end, with the short load. */
  seconds?: number;
  /** Part of `npm test`. */
  short?: true;
};

const pause = (ms: number) => new Promise<void>((go) => setTimeout(go, ms));
/** Of the services' own death: the orchestrator's 0.1 s, and a start on two busy cores. */
const DOORS_OPEN_AGAIN_MS = 5_000;
const RSYSERR = 8;
const RESETS = 10;

/** A fault of the SMSC that is switched on, lasts, and is switched off. */
const smscFor =
  (ms: number, update: Parameters<Stand['smsc']['set']>[0], back: typeof update) => async (stand: Stand) => {
    stand.smsc.set(update);
    await pause(ms);
    stand.smsc.set(back);
  };

const receiverIs =
  (mood: Mood): FaultCase['fault'] =>
  async ({ receiver }, length) => {
    receiver.mood = mood;
    await pause(length === 'short' ? 1_000 : 30_000);
    receiver.mood = 'well';
  };

/** Another program holds the database: what an administrator with a shell can bring about. */
const ledgerLocked: FaultCase['fault'] = async ({ ledgerFile }, length) => {
  const db = new DatabaseSync(ledgerFile);
  db.exec('pragma busy_timeout = 5000; begin immediate');
  await pause(length === 'short' ? 2_000 : 30_000);
  db.exec('rollback');
  db.close();
};

/** One message that is no JSON, and one of no known type, in each work queue. */
const poison: FaultCase['fault'] = async ({ amqpUrl }) => {
  const model = await connect(amqpUrl);
  const channel = await model.createConfirmChannel();
  const queues = [routerQueue('urgent'), routerQueue('bulk'), egressQueue('sandbox', 'urgent'), LEDGER, NOTIFIER];
  const bodies = [Buffer.from('not JSON at all'), Buffer.from('[{"v":1,"type":"no such"}]')];
  for (const queue of queues) for (const body of bodies) channel.sendToQueue(queue, body, { persistent: true });
  await channel.waitForConfirms();
  const aside = async () => {
    let count = 0;
    for (const kind of DEAD_KINDS) count += (await channel.checkQueue(deadQueue(kind))).messageCount;
    return count;
  };
  await until(
    'every poisoned message is put aside',
    async () => (await aside()) === queues.length * bodies.length,
    30_000,
  );
  for (const kind of DEAD_KINDS) await channel.purgeQueue(deadQueue(kind));
  await model.close();
};

const killed = (name: ServiceName): FaultCase => ({
  name: `${name} is killed`,
  fault: ({ services }) => services.kill(name),
  repeats: name === 'egress-smpp' ? 2 * WINDOW : 0,
  doorsClosedMs: DOORS_OPEN_AGAIN_MS,
});

const frozen = (name: ServiceName): FaultCase => ({
  name: `${name} is frozen for 30 s`,
  fault: ({ services }) => services.freeze(name, 30_000),
  repeats: name === 'egress-smpp' ? 2 * WINDOW : 0,
});

/** What happens to the node that leads the queue of accepted messages. */
const toLeader =
  (fault: (cluster: Cluster, node: number) => Promise<void>): FaultCase['fault'] =>
  async ({ cluster }) => {
    await fault(cluster!, await cluster!.leaderOf(routerQueue('urgent')));
  };
const unpluggedFor = (ms: number) =>
  toLeader(async (cluster, node) => {
    await cluster.unplug(node);
    await pause(ms);
    await cluster.plug(node);
  });
const LEADER_GONE = { repeats: 0, doorsClosedMs: 10_000 };

/** With three nodes. */
export const CLUSTER_CASES: readonly FaultCase[] = [
  {
    name: 'the node that leads the queues is killed, and comes back after 10 s',
    fault: toLeader(async (cluster, node) => {
      await cluster.kill(node);
      await pause(10_000);
      await cluster.startAgain(node);
    }),
    ...LEADER_GONE,
  },
  { name: 'the node that leads the queues is cut off for 10 s', fault: unpluggedFor(10_000), ...LEADER_GONE },
  { name: 'the node that leads the queues is cut off for 30 s', fault: unpluggedFor(30_000), ...LEADER_GONE },
];

export const CASES: readonly FaultCase[] = [
  { name: 'the broker is restarted', fault: (stand) => stand.restartBroker(), repeats: 0, short: true },
  {
    name: 'each service is killed in turn',
    async fault({ services }, length) {
      for (const name of SERVICES) {
        await services.kill(name);
        if (length === 'full') await pause(2_000);
      }
    },
    repeats: 2 * WINDOW,
    short: true,
  },
  ...SERVICES.map(killed),
  ...SERVICES.map(frozen),
  {
    name: 'a rolling restart of every service',
    async fault({ services }) {
      for (const name of SERVICES) await services.restart(name);
    },
    repeats: 0,
    short: true,
  },
  {
    name: 'the SMSC resets the line after every twentieth submit_sm',
    async fault({ smsc }, length) {
      for (let i = 0; i < (length === 'short' ? 3 : RESETS); i++) {
        smsc.set({ dropAfterSubmits: 20, resetLines: true });
        await until('the line is cut', () => smsc.behaviour.dropAfterSubmits === 0, 20_000);
      }
    },
    repeats: RESETS * WINDOW,
    seconds: 20,
    short: true,
  },
  {
    name: 'the SMSC is down for a while',
    async fault({ smsc }, length) {
      smsc.set({ refuseBinds: 0x0d });
      smsc.dropAll();
      await pause(length === 'short' ? 1_000 : 30_000);
      smsc.set({ refuseBinds: 0 });
    },
    repeats: WINDOW,
    seconds: 12,
    short: true,
  },
  {
    name: 'the SMSC never answers 20 submit_sm',
    fault: async ({ smsc }) => smsc.set({ silentNext: 20 }),
    repeats: 20,
    seconds: 12,
    short: true,
  },
  {
    name: 'the SMSC says nothing at all for a while',
    fault: smscFor(8_000, { silent: true }, { silent: false }),
    repeats: 2 * WINDOW,
  },
  {
    name: 'the SMSC answers after the time that the worker waits',
    fault: smscFor(500, { respDelayMs: 4_000 }, { respDelayMs: 0 }),
    repeats: 2 * WINDOW,
  },
  {
    name: 'the SMSC answers everything twice',
    fault: smscFor(500, { answerTwice: true }, { answerTwice: false }),
    repeats: 0,
    short: true,
  },
  {
    name: 'the SMSC gives receipts twice and ahead of their answers',
    fault: smscFor(
      500,
      { receipts: { twice: true, beforeAnswer: true } },
      { receipts: { twice: false, beforeAnswer: false } },
    ),
    repeats: 0,
    short: true,
  },
  {
    name: 'the SMSC answers 50 submit_sm with ESME_RSYSERR',
    fault: async ({ smsc }) => smsc.set({ rejectNext: { count: 50, status: RSYSERR } }),
    repeats: 0,
    short: true,
  },
  {
    name: 'the SMSC throttles every tenth submit_sm',
    fault: smscFor(1_000, { throttleShare: 0.1 }, { throttleShare: 0 }),
    repeats: 0,
    short: true,
  },
  { name: 'the database of the ledger is locked', fault: ledgerLocked, repeats: 0, short: true },
  { name: "the callbacks' receiver cuts every connection", fault: receiverIs('refusing'), repeats: 0, short: true },
  { name: "the callbacks' receiver answers 500", fault: receiverIs('failing'), repeats: 0, short: true },
  { name: "the callbacks' receiver takes 3 s for an answer", fault: receiverIs('slow'), repeats: 0 },
  { name: "the callbacks' receiver never answers", fault: receiverIs('hanging'), repeats: 0 },
  { name: 'poisoned messages in every queue', fault: poison, repeats: 0, short: true },
];
