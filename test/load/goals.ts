// The lines of the comparison: what each shows, what is to be reached, and what the rounds of a run come to. Pure.
import { type CaseName, type Figure, OFFERED, type Row, type SystemName } from './compared.ts';
import { STORES, type Store } from './kannel.ts';

type Unit = 'perSecond' | 'us' | 'ms' | 's' | 'mb' | 'count' | 'percent' | 'times';
/** `ratio` to a store's figure; undefined where that was not measured. */
type Goal = { text: string; reached(own: number, ratio: (store: Store) => number | undefined): boolean | undefined };
type Line = { case: CaseName; figure: Figure; what: string; unit: Unit; goals?: readonly Goal[] };

/** What the rounds of a run gave. */
export type Sample = { median: number; least: number; most: number; rounds: number };
export type Compared = {
  what: string;
  unit: Unit;
  samples: Partial<Record<SystemName, Sample>>;
  /**
   * Hermod's figure ÷ that of each Kannel, of the same round, since a machine is not as fast in each; absent where one of
   * the two was not measured, or is 0.
   */
  ratios: Partial<Record<Store, Sample>>;
  goals: { text: string; reached: boolean }[];
};

const NAMES: Record<Store, string> = { none: 'no store', file: 'file store', spool: 'spool store' };
export const nameOf = (system: SystemName) => (system === 'hermod' ? 'Hermod' : `Kannel, ${NAMES[system]}`);

const than = (sign: '≥' | '≤', factor: number, store: Store): Goal => ({
  text: `${sign} ${factor} × Kannel, ${NAMES[store]}`,
  reached(_own, ratio) {
    const measured = ratio(store);
    if (measured === undefined) return undefined;
    return sign === '≥' ? measured >= factor : measured <= factor;
  },
});
const atLeast = (text: string, least: number): Goal => ({ text: `≥ ${text}`, reached: (own) => own >= least });
const atMost = (text: string, most: number): Goal => ({ text: `≤ ${text}`, reached: (own) => own <= most });

/** The last second's throttled ones are still on their way when the load ends. */
const CARRIED = 0.97 * OFFERED;

const LINES: readonly Line[] = [
  ...(['rate-200', 'rate-1000'] as const).flatMap((name): Line[] => {
    const at = `At ${name === 'rate-200' ? '200' : '1,000'}/s`;
    return [
      { case: name, figure: 'smscP50', what: `${at}: request → SMSC p50`, unit: 'ms', goals: [atMost('2 ms', 2)] },
      { case: name, figure: 'smscP99', what: `${at}: request → SMSC p99`, unit: 'ms', goals: [atMost('8 ms', 8)] },
      { case: name, figure: 'answerP99', what: `${at}: the 202, p99`, unit: 'ms', goals: [atMost('5 ms', 5)] },
      { case: name, figure: 'cpuUs', what: `${at}: CPU per message`, unit: 'us' },
    ];
  }),
  {
    case: 'full',
    figure: 'perSecond',
    what: '50 connections, full speed: to the SMSC',
    unit: 'perSecond',
    goals: [than('≥', 1, 'spool'), than('≥', 1, 'none')],
  },
  { case: 'full', figure: 'smscP99', what: '50 connections, full speed: request → SMSC p99', unit: 'ms' },
  {
    case: 'full',
    figure: 'cpuUs',
    what: '50 connections, full speed: CPU per message',
    unit: 'us',
    goals: [than('≤', 1.2, 'spool')],
  },
  {
    case: 'callbacks-rate-1000',
    figure: 'smscP99',
    what: 'Receipts and callbacks at 1,000/s: request → SMSC p99',
    unit: 'ms',
    goals: [than('≤', 0.25, 'none')],
  },
  {
    case: 'callbacks-rate-1000',
    figure: 'cpuUs',
    what: 'Receipts and callbacks at 1,000/s: CPU per message',
    unit: 'us',
  },
  ...(['callbacks-10', 'callbacks-50'] as const).flatMap((name): Line[] => {
    const at = `Receipts and callbacks, ${name.slice(-2)} connections`;
    return [
      {
        case: name,
        figure: 'perSecond',
        what: `${at}: to the SMSC`,
        unit: 'perSecond',
        goals: [than('≥', 1.3, 'none'), than('≥', 2, 'none')],
      },
      { case: name, figure: 'toldPerSecond', what: `${at}: told whole`, unit: 'perSecond' },
      { case: name, figure: 'cpuUs', what: `${at}: CPU per message`, unit: 'us' },
    ];
  }),
  {
    case: 'throttled',
    figure: 'steadyPerSecond',
    what: `${OFFERED.toLocaleString('en-GB')}/s, every tenth throttled: carried`,
    unit: 'perSecond',
    goals: [atLeast(`${CARRIED}/s`, CARRIED)],
  },
  {
    case: 'throttled',
    figure: 'latestSeconds',
    what: 'Every tenth throttled: the latest of those that came',
    unit: 's',
    goals: [atMost('30 s', 30)],
  },
  {
    case: 'throttled',
    figure: 'missing',
    what: 'Every tenth throttled: not there when the waiting ended',
    unit: 'count',
    goals: [atMost('0', 0)],
  },
  { case: 'backlog', figure: 'drainPerSecond', what: 'Backlog: drains at', unit: 'perSecond' },
  {
    case: 'backlog',
    figure: 'drainShare',
    what: 'Backlog: of its full speed',
    unit: 'percent',
    goals: [atLeast('80 %', 0.8)],
  },
  { case: 'backlog', figure: 'residentMb', what: 'Backlog: resident at most while it drains', unit: 'mb' },
  {
    case: 'backlog',
    figure: 'memoryGrowth',
    what: 'Backlog: of what was resident before',
    unit: 'times',
    goals: [atMost('1.25 × (flat)', 1.25)],
  },
  { case: 'idle', figure: 'residentMb', what: 'Idle: the whole installation, resident', unit: 'mb' },
  {
    case: 'idle',
    figure: 'onceMb',
    what: 'Idle: the whole installation, shared once',
    unit: 'mb',
    goals: [atMost('400 MB', 400)],
  },
];

export function comparedLines(rows: readonly Row[]): Compared[] {
  return LINES.flatMap(({ case: name, figure, what, unit, goals = [] }) => {
    const those = rows.filter((row) => row.case === name);
    const own = byRound(those, 'hermod', figure);
    const samples: Compared['samples'] = {};
    const ratios: Compared['ratios'] = {};
    if (own.size > 0) samples.hermod = sampleOf([...own.values()]);
    for (const store of STORES) {
      const theirs = byRound(those, store, figure);
      if (theirs.size > 0) samples[store] = sampleOf([...theirs.values()]);
      const both = [...theirs].filter(([round, value]) => value !== 0 && own.has(round));
      if (both.length > 0) ratios[store] = sampleOf(both.map(([round, value]) => own.get(round)! / value));
    }
    if (Object.keys(samples).length === 0) return [];
    return [{ what, unit, samples, ratios, goals: samples.hermod ? judged(goals, samples.hermod.median, ratios) : [] }];
  });
}

function byRound(rows: readonly Row[], system: SystemName, figure: Figure): Map<number, number> {
  const values = new Map<number, number>();
  for (const row of rows) {
    const value = row.figures[figure];
    if (row.system === system && value !== undefined) values.set(row.round, value);
  }
  return values;
}

function judged(goals: readonly Goal[], own: number, ratios: Compared['ratios']): Compared['goals'] {
  return goals.flatMap(({ text, reached }) => {
    const verdict = reached(own, (store) => ratios[store]?.median);
    return verdict === undefined ? [] : [{ text, reached: verdict }];
  });
}

function sampleOf(values: readonly number[]): Sample {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
  return { median, least: sorted[0]!, most: sorted.at(-1)!, rounds: values.length };
}
