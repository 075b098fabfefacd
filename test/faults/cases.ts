// The fault matrix on one node: what goes wrong while messages flow, and what that may cost. Lost messages and messages
// without an end are never allowed; repeats only where a process was killed or an answer was lost.
import { DatabaseSync } from 'node:sqlite';
import pino from 'pino';
import { openBus } from '#shared/bus/bus.ts';
import { declareTopology } from '#shared/bus/declared.ts';
import { egressQueue, topology, toQueue } from '#shared/topology.ts';
import { smsAt } from '../rig/story.ts';
import { until } from '../rig/until.ts';
import { ACCOUNT } from './client.ts';
import type { FaultCase as Case } from './matrix.ts';
import { poison } from './poison.ts';
import type { Mood } from './receiver.ts';
import { SERVICES, type ServiceName } from './services.ts';
import { type Stand, WINDOW } from './stand.ts';

export type FaultCase = Case<Stand>;
export const pause = (ms: number) => new Promise<void>((go) => setTimeout(go, ms));
/** What a worker that died held unacknowledged: twice its window. */
export const HELD = 2 * WINDOW;
/** Of our services' own death: the orchestrator's 0.1 s, and a start on two busy cores. */
const DOORS_OPEN_AGAIN_MS = 2_000;
const RSYSERR = 8;
const RBINDFAIL = 0x0d;
const RESETS = 5;
const HOUR_MS = 3_600_000;
const LEFTOVERS = 200;

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
    await pause(length === 'short' ? 1_000 : 10_000);
    receiver.mood = 'well';
  };

/** Another program holds the database: what an administrator with a shell can bring about. */
const ledgerLocked: FaultCase['fault'] = async ({ ledgerFile }, length) => {
  const db = new DatabaseSync(ledgerFile);
  db.exec('pragma busy_timeout = 5000; begin immediate');
  await pause(length === 'short' ? 2_000 : 10_000);
  db.exec('rollback');
  db.close();
};

/** For a while, shorter in `npm test`. */
const alarmed =
  (what: 'memory' | 'disk'): FaultCase['fault'] =>
  async (stand, length) => {
    await stand.alarm(what, true);
    try {
      await pause(length === 'short' ? 2_000 : 10_000);
    } finally {
      await stand.alarm(what, false);
    }
  };

/** The clock of one service goes an hour ahead, then an hour back behind the others, then right again. */
const clockJumps = (name: ServiceName): FaultCase => ({
  name: `the clock of ${name} jumps by an hour, ahead and back`,
  async fault({ services }, length) {
    for (const ms of [HOUR_MS, -HOUR_MS, 0]) {
      services.setClock(name, ms);
      await pause(length === 'short' ? 1_000 : 5_000);
    }
  },
  repeats: 0,
});

/** Messages wait in the queues of a provider that nobody has configured any more, as the router had left them there. */
const leftovers: FaultCase['fault'] = async ({ amqpUrl, recipients }) => {
  await declareTopology(amqpUrl, topology(['removed']));
  const bus = await openBus(amqpUrl, 'test', pino({ level: 'silent' }));
  try {
    const messages = Array.from({ length: LEFTOVERS }, () => {
      const to = recipients.next();
      recipients.accept(to, false);
      return smsAt(Date.now(), { client: ACCOUNT.systemId, to, given: to, provider: 'removed', dlrMask: 0 });
    });
    // The doors had told the ledger.
    await bus.publish(toQueue('ledger'), messages);
    await bus.publish(toQueue(egressQueue('removed', 'urgent')), messages, { expiration: 1_000 });
  } finally {
    await bus.close();
  }
};

const killed = (name: ServiceName): FaultCase => ({
  name: `${name} is killed`,
  fault: ({ services }) => services.kill(name),
  repeats: name === 'egress-smpp' ? HELD : 0,
  doorsClosedMs: DOORS_OPEN_AGAIN_MS,
});

const frozen = (name: ServiceName): FaultCase => ({
  name: `${name} is frozen for 30 s`,
  fault: ({ services }) => services.freeze(name, 30_000),
  repeats: name === 'egress-smpp' ? HELD : 0,
});

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
    repeats: HELD,
    short: true,
  },
  ...SERVICES.map(killed),
  ...SERVICES.filter((name) => !name.startsWith('ingress')).map(frozen),
  {
    name: 'every door is frozen for 30 s',
    async fault({ services }) {
      const doors = SERVICES.filter((name) => name.startsWith('ingress'));
      await Promise.all(doors.map((name) => services.freeze(name, 30_000)));
    },
    repeats: 0,
  },
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
      smsc.set({ refuseBinds: RBINDFAIL });
      smsc.dropAll();
      await pause(length === 'short' ? 1_000 : 15_000);
      smsc.set({ refuseBinds: 0 });
    },
    repeats: WINDOW,
    seconds: 12,
    short: true,
  },
  {
    name: 'the SMSC is down for a while, and every service is killed meanwhile',
    async fault({ smsc, services }, length) {
      smsc.set({ refuseBinds: RBINDFAIL });
      smsc.dropAll();
      await pause(length === 'short' ? 1_000 : 5_000);
      await Promise.all(SERVICES.map((name) => services.kill(name)));
      await pause(length === 'short' ? 1_000 : 5_000);
      smsc.set({ refuseBinds: 0 });
    },
    repeats: HELD,
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
    // The worker waits 3 s for answers: a window for each time.
    repeats: 3 * WINDOW,
  },
  {
    name: 'the SMSC answers after the time that the worker waits',
    fault: smscFor(500, { respDelayMs: 4_000 }, { respDelayMs: 0 }),
    repeats: HELD,
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
  {
    name: 'the SMSC answers after a minute',
    fault: smscFor(500, { respDelayMs: 60_000 }, { respDelayMs: 0 }),
    repeats: HELD,
  },
  { name: 'the broker raises a memory alarm', fault: alarmed('memory'), repeats: 0 },
  { name: 'the broker raises a disk alarm', fault: alarmed('disk'), repeats: 0 },
  clockJumps('ledger'),
  clockJumps('egress-smpp'),
  clockJumps('router'),
  { name: "a removed provider's leftovers", fault: leftovers, repeats: 0, short: true },
  { name: "the callbacks' receiver lies", fault: receiverIs('lying'), repeats: 0, short: true },
  { name: "the callbacks' receiver never answers", fault: receiverIs('hanging'), repeats: 0 },
  { name: 'poisoned messages in every queue', fault: poison, repeats: 0, short: true },
];
