// One measured run: load on a system, until all that was accepted has arrived and nothing works on it any more.
import { setTimeout as pause } from 'node:timers/promises';
import { ACCEPTED, NUMBER } from './callers.ts';
import type { GeneratorApi, Sent } from './generator.ts';
import { machineUse, type Spread, spreadOf, useOf } from './measure.ts';
import { now, type Rig } from './rig.ts';
import type { Calls, SinkApi } from './sink.ts';
import { type Arrivals, RECIPIENT_PREFIX, type SmscApi } from './smsc.ts';
import { CLIENT, type System } from './system.ts';

export type Case = {
  title: string;
  /** At which door: HTTP with a request at a time per connection, or one SMPP session with so many submits under way. */
  door: 'http' | 'smpp';
  /** Messages a second; undefined: full speed. */
  rate: number | undefined;
  connections: number;
  most: number;
  seconds: number;
  /** dlr-mask 31: the SMSC sends a receipt for each. */
  receipts: boolean;
  /** And each is told twice to the sink: accepted by the SMSC, and delivered. */
  callbacks: boolean;
};

export type Rigs = {
  generator: Rig<GeneratorApi>;
  smsc: Rig<SmscApi>;
  smscPort: number;
  sink: Rig<SinkApi>;
  sinkPort: number;
};

/** Times in ms, rates in messages a second. */
export type Result = {
  case: Case;
  sent: number;
  accepted: number;
  /** Requests by another status than 202, and those that got no answer (0). */
  refused: Record<string, number>;
  delivered: number;
  lost: number;
  duplicated: number;
  /** Refused or unanswered, and at the SMSC all the same: allowed where only the confirm was lost. */
  uncertain: number;
  receipts: number | undefined;
  /** Receipts that the client had on its SMPP session, and how many ms after its last answer the last one came. */
  receiptsBack: { count: number; afterMs: number } | undefined;
  callbacks: { made: number; perSecond: number; lost: number; duplicated: number } | undefined;
  acceptedPerSecond: number;
  toSmscPerSecond: number;
  toSmsc: Spread;
  answer: Spread;
  /** How late the generator itself was, against its schedule. */
  late: Spread;
  /** From the last answer until nothing worked any more; undefined: it still did after a minute. */
  settledAfter: number | undefined;
  processes: Process[];
  /** During the load: cores' worth of CPU that all else on the machine used, its kernel included, and that its host kept. */
  elsewhere: { busy: number; stolen: number };
  brokenConnections: number;
};
/** `cpuUs`: per accepted message, what came after the load included. `busy`: cores' worth of CPU during the load. */
export type Process = { name: string; part: 'system' | 'rig'; cpuUs: number; busy: number; residentMb: number };

const TEXT = 'Your one-time password is 482913. It is valid for two minutes.';
const POLL_MS = 50;
const NO_PROGRESS_MS = 10_000;
const QUIET = { ms: 200, share: 0.1, within: 60_000 };
const CALLBACKS_EACH = 2;
/** Each run has numbers of its own, so that a straggler of the one before is not counted. */
let nextNumber = 0;

export async function run(what: Case, system: System, rigs: Rigs): Promise<Result> {
  const { generator, smsc, sink } = rigs;
  const first = nextNumber;
  nextNumber += what.most;
  await Promise.all([smsc.ask('begin', { first, most: what.most }), sink.ask('begin', { first, most: what.most })]);
  const meters = [
    ...[...system.pids].map(([name, pid]) => meter(name, 'system', pid)),
    ...Object.entries({ generator, smsc, ...(what.callbacks ? { sink } : {}) }).map(([name, { pid }]) =>
      meter(name, 'rig', pid),
    ),
    meter('bench', 'rig', process.pid),
  ];
  const machine = machineUse();
  const startedAt = now();
  const { hostname: host, port, pathname, search } = new URL(system.url);
  const target = `${pathname}${search}&from=12345&to=${RECIPIENT_PREFIX}${NUMBER}&text=${TEXT.replaceAll(' ', '+')}${wishes(what, rigs)}`;
  const { door, receipts, connections, rate, most, seconds } = what;
  const sent = await generator.ask('run', {
    door,
    host,
    port: door === 'smpp' ? system.smppPort : Number(port),
    target,
    account: { systemId: CLIENT.name, password: CLIENT.password },
    text: TEXT,
    receipts,
    first,
    connections,
    rate,
    most,
    seconds,
  });
  const loadMs = now() - startedAt;
  const busy = meters.map((read) => read().cpuMs / loadMs);
  const elsewhere = machineUse();
  const accepted = sent.status.reduce((sum, status) => sum + (status === ACCEPTED ? 1 : 0), 0);
  await arrived(what, accepted, rigs);
  const lastAnswer = latest(sent.answered);
  const quietAt = await quiet([...system.pids.values()]);
  const processes = meters.map((read, i): Process => {
    const { cpuMs, ...rest } = read();
    return { ...rest, cpuUs: (cpuMs * 1_000) / Math.max(1, accepted), busy: busy[i]! };
  });
  const [arrivals, calls] = await Promise.all([smsc.ask('end', undefined), sink.ask('end', undefined)]);
  const { receipts: taken } = await smsc.ask('progress', undefined);
  return {
    case: what,
    ...counted(sent, arrivals),
    receipts: receipts ? taken : undefined,
    receiptsBack:
      receipts && door === 'smpp'
        ? { count: sent.receipts.count, afterMs: Math.max(0, sent.receipts.lastAt - lastAnswer) }
        : undefined,
    callbacks: what.callbacks ? calledBack(sent, calls) : undefined,
    settledAfter: quietAt === undefined ? undefined : Math.max(0, quietAt - lastAnswer),
    processes: processes.filter(({ name }) => name !== 'bench'),
    elsewhere: {
      busy: Math.max(0, (elsewhere.busyMs - machine.busyMs) / loadMs - busy.reduce((sum, one) => sum + one, 0)),
      stolen: (elsewhere.stolenMs - machine.stolenMs) / loadMs,
    },
  };
}

function wishes({ receipts, callbacks }: Case, { sinkPort }: Rigs): string {
  if (!receipts) return '';
  if (!callbacks) return '&dlr-mask=31';
  return `&dlr-mask=31&dlr-url=http%3A%2F%2F127.0.0.1%3A${sinkPort}%2F${NUMBER}%3Ftype%3D%25d`;
}

function meter(name: string, part: Process['part'], pid: number) {
  const before = useOf(pid).cpuMs;
  return () => {
    const { cpuMs, residentMb } = useOf(pid);
    return { name, part, cpuMs: cpuMs - before, residentMb };
  };
}

/** Waits until what was accepted is at the SMSC, and told where that is asked; or until nothing more comes. */
async function arrived({ receipts, callbacks }: Case, accepted: number, { smsc, sink }: Rigs): Promise<void> {
  let before = -1;
  for (let progressAt = now(); now() - progressAt < NO_PROGRESS_MS; await pause(POLL_MS)) {
    const [at, told] = await Promise.all([smsc.ask('progress', undefined), sink.ask('progress', undefined)]);
    const rest =
      Math.max(0, accepted - at.arrived) +
      (receipts ? Math.max(0, accepted - at.receipts) : 0) +
      (callbacks ? Math.max(0, accepted * CALLBACKS_EACH - told.calls) : 0);
    if (rest === 0) return;
    if (rest !== before) progressAt = now();
    before = rest;
  }
}

/** When the processes came to rest: what the ledger still writes belongs to the run. */
async function quiet(pids: readonly number[]): Promise<number | undefined> {
  const used = () => pids.reduce((sum, pid) => sum + useOf(pid).cpuMs, 0);
  const startedAt = now();
  let restSince = startedAt;
  for (let before = used(), checkedAt = now(); checkedAt - startedAt < QUIET.within; ) {
    await pause(QUIET.ms);
    const after = used();
    const isQuiet = after - before < QUIET.share * (now() - checkedAt);
    before = after;
    checkedAt = now();
    if (!isQuiet) restSince = checkedAt;
    else if (checkedAt - restSince >= 2 * QUIET.ms) return restSince;
  }
  return undefined;
}

function counted(sent: Sent, arrivals: Arrivals) {
  const refused: Record<string, number> = {};
  const toSmsc: number[] = [];
  const answer: number[] = [];
  let [accepted, lost, duplicated, uncertain] = [0, 0, 0, 0];
  for (const [i, status] of sent.status.entries()) {
    const times = arrivals.times[i]!;
    if (times > 1) duplicated += times - 1;
    if (times > 0) toSmsc.push(arrivals.at[i]! - sent.due[i]!);
    if (status === ACCEPTED) {
      accepted++;
      answer.push(sent.answered[i]! - sent.due[i]!);
      if (times === 0) lost++;
    } else {
      refused[status] = (refused[status] ?? 0) + 1;
      if (times > 0) uncertain++;
    }
  }
  return {
    sent: sent.status.length,
    accepted,
    refused,
    delivered: toSmsc.length,
    lost,
    duplicated,
    uncertain,
    acceptedPerSecond: perSecond(accepted, sent, latest(sent.answered)),
    toSmscPerSecond: perSecond(toSmsc.length, sent, latest(arrivals.at)),
    toSmsc: spreadOf(Float64Array.from(toSmsc)),
    answer: spreadOf(Float64Array.from(answer)),
    late: spreadOf(sent.left.map((left, i) => left - sent.due[i]!)),
    brokenConnections: sent.broken.connections,
  };
}

/** From the first request until `until`. */
const perSecond = (count: number, { left }: Sent, until: number) =>
  count === 0 ? 0 : (count * 1_000) / (until - left[0]!);

const latest = (times: Float64Array) => times.reduce((most, time) => Math.max(most, time), 0);

function calledBack(sent: Sent, { times, lastAt }: Calls): NonNullable<Result['callbacks']> {
  let [made, lost, duplicated] = [0, 0, 0];
  for (const [i, status] of sent.status.entries()) {
    made += times[i]!;
    if (status === ACCEPTED) lost += Math.max(0, CALLBACKS_EACH - times[i]!);
    duplicated += Math.max(0, times[i]! - CALLBACKS_EACH);
  }
  return { made, perSecond: perSecond(made, sent, lastAt), lost, duplicated };
}
