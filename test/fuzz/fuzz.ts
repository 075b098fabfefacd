// A coverage-guided fuzzer: inputs that reach a block of our code that no input reached before are kept and changed further.
// What a target throws that it did not declare, takes too long over, or swells without measure, is a finding.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Coverage } from './coverage.ts';
import { mutated, random } from './mutate.ts';

export type Target = {
  name: string;
  /** Reads an input and gives what came of it. */
  read(input: Buffer): unknown;
  /** Whether an error is one that this parser declares. */
  declares(error: unknown): boolean;
  /** Pieces that its inputs are made of. */
  words: readonly string[];
  /** Octets of the longest input that is tried. */
  most: number;
};

export type Finding = { target: string; input: Buffer; what: string };
/** `kept` went new ways; `blocks` ran in all. */
export type Result = { target: string; runs: number; kept: Buffer[]; blocks: number; findings: Finding[] };

/** Of one input, on a busy machine: what a parser needs a thousandth of. CPU time, since others run too. */
const MOST_MS = 1_000;
/** What is read is no longer than this and so many times its input. */
const MOST_OUTPUT = { octets: 16_384, times: 64 };
/** Coverage is asked for this many inputs at a time: asking takes longer than reading. */
const BATCH = 128;
const MOST_FINDINGS = 5;

/** The inputs of a target's folder: seeds, and what was found once. */
export const corpusOf = (folder: string): Buffer[] =>
  readdirSync(folder)
    .sort()
    .map((name) => readFileSync(join(folder, name)));

/** Tries one input; what is wrong with it, or undefined. */
export async function tryOne({ read, declares }: Target, input: Buffer): Promise<string | undefined> {
  const before = process.cpuUsage();
  let value: unknown;
  try {
    value = await read(Buffer.from(input));
  } catch (error) {
    if (!declares(error)) return `throws ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
  const { user } = process.cpuUsage(before);
  if (user > MOST_MS * 1_000) return `takes ${Math.round(user / 1_000)} ms`;
  const length = JSON.stringify(value)?.length ?? 0;
  if (length > MOST_OUTPUT.octets + MOST_OUTPUT.times * input.length) return `gives ${length} characters`;
  return undefined;
}

/** All of `corpus`, then inputs made of it until `ms` of CPU time are over: the same work on a busy machine. */
export async function fuzz(
  target: Target,
  corpus: readonly Buffer[],
  coverage: Coverage,
  { seed, ms }: { seed: number; ms: number },
): Promise<Result> {
  const chance = random(seed);
  const kept = [...corpus];
  const findings: Finding[] = [];
  let runs = 0;

  async function judge(input: Buffer): Promise<void> {
    runs++;
    const what = await tryOne(target, input);
    // A moment of the machine's own is no finding: it must be slow again.
    if (what && (!what.startsWith('takes') || (await tryOne(target, input))))
      findings.push({ target: target.name, input, what });
  }

  /** Of a batch that went a new way, finds the inputs that did: each half is read again. */
  async function sift(batch: readonly Buffer[], blocks: ReadonlySet<string>): Promise<void> {
    if ([...blocks].every((block) => seen.has(block))) return;
    if (batch.length === 1) {
      kept.push(batch[0]!);
      for (const block of blocks) seen.add(block);
      return;
    }
    const middle = batch.length >> 1;
    for (const half of [batch.slice(0, middle), batch.slice(middle)]) {
      for (const input of half) await tryOne(target, input);
      await sift(half, coverage());
    }
  }

  for (const input of corpus) await judge(input);
  const seen = coverage();
  const before = process.cpuUsage();
  while (process.cpuUsage(before).user < ms * 1_000 && findings.length < MOST_FINDINGS) {
    const batch = Array.from({ length: BATCH }, () =>
      mutated(chance.pick(kept), chance.pick(kept), target.words, target.most, chance),
    );
    for (const input of batch) await judge(input);
    await sift(batch, coverage());
  }
  return { target: target.name, runs, kept: kept.slice(corpus.length), blocks: seen.size, findings };
}
