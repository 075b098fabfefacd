// The cases in which Hermod and Kannel are compared, and the figures of a run that the comparison shows.
import type { Case } from './case.ts';
import type { Store } from './kannel.ts';
import type { Result } from './run.ts';

export const CASES = [
  'rate-200',
  'rate-1000',
  'full',
  'callbacks-rate-1000',
  'callbacks-10',
  'callbacks-50',
  'backlog',
  'throttled',
  'idle',
] as const;
export type CaseName = (typeof CASES)[number];
export type SystemName = 'hermod' | Store;

/** Rates in messages a second, times in ms unless the name says otherwise. */
export type Figures = {
  perSecond: number;
  /** All callbacks of a message made: messages a second from the first request to the last callback. */
  toldPerSecond: number;
  cpuUs: number;
  smscP50: number;
  smscP99: number;
  answerP99: number;
  steadyPerSecond: number;
  latestSeconds: number;
  /** Messages that were not at the SMSC when the waiting ended. */
  missing: number;
  drainPerSecond: number;
  /** Of the system's own speed without a backlog in the same round. */
  drainShare: number;
  residentMb: number;
  /** What processes share counted once. */
  onceMb: number;
  /** The most while the backlog drains, as a multiple of what it was before. */
  memoryGrowth: number;
};
export type Figure = keyof Figures;
/** One run of one case; `raw` is all that was measured. */
export type Row = {
  system: SystemName;
  round: number;
  case: CaseName;
  figures: Partial<Figures>;
  /** Messages, receipts and callbacks that were still to come when the waiting ended. */
  unfinished: number;
  /** Cores' worth of CPU during the load: of the rig's processes, and of all else on the machine. */
  busy: Record<string, number>;
  raw?: Result;
};

export type Lengths = {
  /** Of a run at full speed, and at a fixed rate. */
  seconds: number;
  fixedSeconds: number;
  /** Most messages of a run; the backlog has a number of its own. */
  messages: number;
  /** Messages of the backlog. */
  backlog: number;
  /** How long after the load what is missing is waited for. */
  waitSeconds: number;
  /** Messages before anything is measured. */
  warmUp: number;
};

/** V8 compiles until some ten thousand messages have gone through, which shows as 0.1 s that are slower than the rest. */
export const WARM_UP = { messages: 40_000, seconds: 15 };
/** Messages a second at which latency is compared; the broker alone is measured at the same. */
export const FIXED_RATES = [200, 1_000] as const;
const THROTTLED_SHARE = 0.1;
export const OFFERED = 1_000;
/** No system under test is faster. */
const FASTEST = 60_000;
/** A backlog drains at least at this rate, once the bind is back. */
const SLOWEST_DRAIN = 1_000;
const BIND_WITHIN_MS = 30_000;

type Bounded = Case & { within: number };

export function caseOf(name: Exclude<CaseName, 'idle'>, lengths: Lengths): Bounded {
  const { seconds, fixedSeconds, messages, backlog, waitSeconds } = lengths;
  const full = (connections: number, asked: boolean): Bounded => ({
    title: name,
    door: 'http',
    rate: undefined,
    connections,
    most: Math.min(messages, FASTEST * seconds),
    seconds,
    receipts: asked,
    callbacks: asked,
    within: waitSeconds * 1_000,
  });
  const fixed = (rate: number, asked = false, seconds = fixedSeconds): Bounded => ({
    ...full(50, asked),
    rate,
    most: Math.min(messages, rate * seconds),
    seconds,
  });
  switch (name) {
    case 'rate-200':
      return fixed(FIXED_RATES[0]);
    case 'rate-1000':
      return fixed(FIXED_RATES[1]);
    case 'full':
      return full(50, false);
    case 'callbacks-rate-1000':
      return fixed(1_000, true);
    case 'callbacks-10':
      return full(10, true);
    case 'callbacks-50':
      return full(50, true);
    case 'throttled':
      // Twice as long, since a pace is found only in time.
      return { ...fixed(OFFERED, false, 2 * fixedSeconds), smsc: { throttleShare: THROTTLED_SHARE } };
    case 'backlog': {
      const within = BIND_WITHIN_MS + (backlog * 1_000) / SLOWEST_DRAIN;
      return { ...full(50, false), most: backlog, seconds: 600, backlog: true, within };
    }
  }
}

/**
 * Before any figure is taken: code that is compiled, tables that have grown. With and without callbacks, since V8 compiles
 * for the messages that it has seen, and begins anew at others.
 */
export const warmUps = (messages: number, lengths: Lengths): Bounded[] =>
  (['callbacks-50', 'full'] as const).map((name) => ({
    ...caseOf(name, lengths),
    title: 'warm-up',
    most: messages,
    seconds: WARM_UP.seconds,
    // What it leaves behind would be counted against the first case.
    within: 30_000,
  }));

/** `fullSpeed`: its messages a second without a backlog, where that was measured. */
export function figuresOf(name: CaseName, result: Result, fullSpeed: number | undefined): Partial<Figures> {
  const cpuUs = result.processes.reduce((sum, { part, cpuUs }) => sum + (part === 'system' ? cpuUs : 0), 0);
  const { toSmsc, answer, callbacks, lost, memory, drainPerSecond } = result;
  switch (name) {
    case 'throttled':
      return { steadyPerSecond: result.steadyPerSecond, latestSeconds: toSmsc.max / 1_000, missing: lost };
    case 'backlog':
      return {
        drainPerSecond,
        ...(fullSpeed ? { drainShare: drainPerSecond / fullSpeed } : {}),
        residentMb: memory.most,
        memoryGrowth: memory.most / memory.before,
        missing: lost,
      };
    default:
      return {
        perSecond: result.toSmscPerSecond,
        ...(callbacks ? { toldPerSecond: callbacks.perSecond / 2 } : {}),
        cpuUs,
        smscP50: toSmsc.p50,
        smscP99: toSmsc.p99,
        answerP99: answer.p99,
        missing: lost,
      };
  }
}

export const rigBusy = ({ processes, elsewhere }: Result): Record<string, number> => ({
  ...Object.fromEntries(processes.filter(({ part }) => part === 'rig').map(({ name, busy }) => [name, busy])),
  elsewhere: elsewhere.busy,
});
