// Hermod and Kannel, one after another on the same rig and in the same run: A B C D A B C D, so that what changes on the
// machine meanwhile shows as a difference between the rounds. Only one system is up at a time.
import type { Rigs } from './case.ts';
import {
  type CaseName,
  caseOf,
  figuresOf,
  type Lengths,
  type Row,
  rigBusy,
  type SystemName,
  warmUps,
} from './compared.ts';
import { type Memory, memoryOf } from './measure.ts';
import { quiet } from './rest.ts';
import { run } from './run.ts';
import type { System } from './system.ts';

/** Whoever is told of an interruption must be able to stop what runs; stopping twice does no harm. */
export type Hold = (running: { stop(): Promise<void> }) => void;

export type Contender = {
  name: SystemName;
  open(): System;
  /** The memory of a whole installation at rest, where that is more than the system's own processes. */
  idle?: (hold: Hold) => Promise<Memory>;
  /** What is missing is waited for at least so long after a load. */
  patienceMs?: number;
  /** Messages before anything is measured. */
  warmUp: number;
};

export type Comparison = {
  contenders: readonly Contender[];
  cases: readonly CaseName[];
  rounds: number;
  lengths: Lengths;
  rigs: Rigs;
  hold: Hold;
  say(row: Row): void;
};

/** Slow, and the same in every round: what rests is not disturbed, and a pace takes its time. */
const ONCE: readonly CaseName[] = ['throttled', 'idle'];

export async function compare(comparison: Comparison): Promise<Row[]> {
  const rows: Row[] = [];
  for (let round = 1; round <= comparison.rounds; round++) {
    for (const contender of comparison.contenders) await oneRound(contender, round, rows, comparison);
  }
  return rows;
}

async function oneRound(contender: Contender, round: number, rows: Row[], comparison: Comparison): Promise<void> {
  const { cases, lengths, rigs, say } = comparison;
  const add = (row: Omit<Row, 'system' | 'round'>) => {
    rows.push({ system: contender.name, round, ...row });
    say(rows.at(-1)!);
  };
  let system: System | undefined;
  let fullSpeed: number | undefined;
  for (const name of cases) {
    if (round > 1 && ONCE.includes(name)) continue;
    if (name === 'idle') {
      const figures = await (contender.idle?.(comparison.hold) ?? resting(contender, comparison));
      add({ case: name, figures, unfinished: 0, busy: {} });
      continue;
    }
    system ??= await warm(contender, comparison);
    const what = caseOf(name, lengths);
    const raw = await run({ ...what, within: Math.max(what.within, contender.patienceMs ?? 0) }, system, rigs);
    if (name === 'full') fullSpeed = raw.toSmscPerSecond;
    const figures = figuresOf(name, raw, fullSpeed);
    add({ case: name, figures, unfinished: raw.unfinished, busy: rigBusy(raw), raw });
    if (raw.unfinished === 0) continue;
    // What it has not done yet would be counted against the next case.
    await system.stop();
    system = undefined;
  }
  await system?.stop();
}

async function started({ open }: Contender, { hold }: Comparison): Promise<System> {
  const system = open();
  hold(system);
  await system.start();
  return system;
}

async function warm(contender: Contender, comparison: Comparison): Promise<System> {
  const system = await started(contender, comparison);
  for (const one of warmUps(contender.warmUp, comparison.lengths)) await run(one, system, comparison.rigs);
  return system;
}

async function resting(contender: Contender, comparison: Comparison): Promise<Memory> {
  const system = await started(contender, comparison);
  const pids = [...system.pids.values()];
  await quiet(pids);
  const memory = memoryOf(pids);
  await system.stop();
  return memory;
}
