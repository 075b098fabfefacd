// One measured run: load on a system, until all that was accepted has arrived and nothing works on it any more.
import { ACCEPTED } from './callers.ts';
import { type Case, jobOf, type Rigs } from './case.ts';
import { calledBack, counted, latest } from './counted.ts';
import { machineUse, type Spread, useOf } from './measure.ts';
import { arrived, quiet } from './rest.ts';
import { now } from './rig.ts';
import type { System } from './system.ts';

/** Times in ms, rates in messages a second. */
export type Result = {
  case: Case;
  sent: number;
  accepted: number;
  /** From the start of the load until everything was at rest, in ms: what the CPU of `processes` is counted over. */
  measuredMs: number;
  /** Requests by another status than 202, and those that got no answer (0). */
  refused: Record<string, number>;
  delivered: number;
  lost: number;
  duplicated: number;
  /** Refused or unanswered, and at the SMSC all the same: allowed where only the confirm was lost. */
  uncertain: number;
  /** Messages, receipts and callbacks that had not come when the waiting ended. */
  unfinished: number;
  receipts: number | undefined;
  /** Receipts that the client had on its SMPP session, and how many ms after its last answer the last one came. */
  receiptsBack: { count: number; afterMs: number } | undefined;
  callbacks: { made: number; perSecond: number; lost: number; duplicated: number } | undefined;
  acceptedPerSecond: number;
  toSmscPerSecond: number;
  /** At the SMSC in the second half of the load. */
  steadyPerSecond: number;
  /** From the first arrival at the SMSC to the last. */
  drainPerSecond: number;
  toSmsc: Spread;
  answer: Spread;
  /** How late the generator itself was, against its schedule. */
  late: Spread;
  /** From the last answer until nothing worked any more; undefined: it still did when the waiting ended. */
  settledAfter: number | undefined;
  processes: Process[];
  memory: Memory;
  /** During the load: cores' worth of CPU that all else on the machine used, its kernel included, and that its host kept. */
  elsewhere: { busy: number; stolen: number };
  brokenConnections: number;
};
/** `cpuUs`: per accepted message, what came after the load included. `busy`: cores' worth of CPU during the load. */
export type Process = { name: string; part: 'system' | 'rig'; cpuUs: number; busy: number; residentMb: number };
/** Resident memory of the system in MB: before the load, at its end, the most after that, and once all was done. */
export type Memory = { before: number; loaded: number; most: number; after: number };

/** Each run has numbers of its own, so that a straggler of the one before is not counted. */
let nextNumber = 0;

export async function run(what: Case, system: System, rigs: Rigs): Promise<Result> {
  const { generator, smsc, sink } = rigs;
  const { most, receipts, callbacks, backlog = false } = what;
  const first = nextNumber;
  nextNumber += most;
  await Promise.all([
    smsc.ask('begin', { first, most, behaviour: what.smsc ?? {}, closed: backlog }),
    sink.ask('begin', { first, most }),
  ]);
  const meters = metersOf(what, system, rigs);
  const residentMb = () => [...system.pids.values()].reduce((sum, pid) => sum + useOf(pid).residentMb, 0);
  const memory: Memory = { before: residentMb(), loaded: 0, most: 0, after: 0 };
  const machine = machineUse();
  const startedAt = now();
  const sent = await generator.ask('run', jobOf(what, first, system, rigs));
  const loadMs = now() - startedAt;
  const busy = meters.map((read) => read().cpuMs / loadMs);
  const elsewhere = machineUse();
  memory.loaded = residentMb();
  if (backlog) await smsc.ask('open', undefined);
  const accepted = sent.status.reduce((sum, status) => sum + (status === ACCEPTED ? 1 : 0), 0);
  const unfinished = await arrived(what, accepted, rigs, () => {
    memory.most = Math.max(memory.most, residentMb());
  });
  const lastAnswer = latest(sent.answered);
  const quietAt = unfinished === 0 ? await quiet([...system.pids.values()], system.restShare) : undefined;
  memory.after = residentMb();
  const measuredMs = now() - startedAt;
  const processes = meters.map((read, i): Process => {
    const { cpuMs, ...rest } = read();
    return { ...rest, cpuUs: (cpuMs * 1_000) / Math.max(1, accepted), busy: busy[i]! };
  });
  const [arrivals, calls] = await Promise.all([smsc.ask('end', undefined), sink.ask('end', undefined)]);
  const { receipts: taken } = await smsc.ask('progress', undefined);
  return {
    case: what,
    ...counted(sent, arrivals),
    measuredMs,
    unfinished,
    receipts: receipts ? taken : undefined,
    receiptsBack:
      receipts && what.door === 'smpp'
        ? { count: sent.receipts.count, afterMs: Math.max(0, sent.receipts.lastAt - lastAnswer) }
        : undefined,
    callbacks: callbacks ? calledBack(sent, calls) : undefined,
    settledAfter: quietAt === undefined ? undefined : Math.max(0, quietAt - lastAnswer),
    processes: processes.filter(({ name }) => name !== 'bench'),
    memory,
    elsewhere: {
      busy: Math.max(0, (elsewhere.busyMs - machine.busyMs) / loadMs - busy.reduce((sum, one) => sum + one, 0)),
      stolen: (elsewhere.stolenMs - machine.stolenMs) / loadMs,
    },
  };
}

const metersOf = ({ callbacks }: Case, { pids }: System, { generator, smsc, sink }: Rigs) => [
  ...[...pids].map(([name, pid]) => meter(name, 'system', pid)),
  ...Object.entries({ generator, smsc, ...(callbacks ? { sink } : {}) }).map(([name, { pid }]) =>
    meter(name, 'rig', pid),
  ),
  meter('bench', 'rig', process.pid),
];

function meter(name: string, part: Process['part'], pid: number) {
  const before = useOf(pid).cpuMs;
  return () => {
    const { cpuMs, residentMb } = useOf(pid);
    return { name, part, cpuMs: cpuMs - before, residentMb };
  };
}
