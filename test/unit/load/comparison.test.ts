// The table of Hermod beside Kannel, from rows that the bench wrote (test/recorded) and from rows of every kind.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CASES, type Figure, type Row } from '../../load/compared.ts';
import { comparisonMarkdown, comparisonText, progressLine, type Told } from '../../load/comparison-table.ts';
import { comparedLines } from '../../load/goals.ts';
import { STORES } from '../../load/kannel.ts';
import { MARKS, pageFault, writePage } from '../../load/page.ts';

const RECORDED = resolve(import.meta.dirname, '../../recorded/bench-against-kannel.json');
const floors = [{ rate: 200, p50: 2.345, p99: 12.3, cpuUs: 1_234 }];
const recorded: Told = { ...JSON.parse(readFileSync(RECORDED, 'utf8')), floors };
const NO_NUMBER = /NaN|Infinity|undefined|null/;

/** By round. */
const valuesOf = (system: string, name: string, figure: Figure) =>
  recorded.rows.filter((row) => row.system === system && row.case === name).map(({ figures }) => figures[figure]!);
/** Of two. */
const middle = ([one, other]: number[]) => (one! + other!) / 2;

test('the recorded run: medians over its rounds, and ratios of what was measured in the same one', () => {
  const line = comparedLines(recorded.rows).find(({ what }) => what === '50 connections, full speed: to the SMSC')!;
  const [own, none, spool] = ['hermod', 'none', 'spool'].map((system) => valuesOf(system, 'full', 'perSecond'));
  const ratioTo = (theirs: number[]) => middle(own!.map((value, i) => value / theirs[i]!));
  expect(line.samples.hermod!.median).toBeCloseTo(middle(own!));
  expect(line.ratios.none!.median).toBeCloseTo(ratioTo(none!));
  expect(line.ratios.spool!.median).toBeCloseTo(ratioTo(spool!));
  expect(line.ratios.file).toBeUndefined();
  expect(line.goals).toEqual([
    { text: '≥ 1 × Kannel, spool store', reached: ratioTo(spool!) >= 1 },
    { text: '≥ 1 × Kannel, no store', reached: ratioTo(none!) >= 1 },
  ]);
  expect(comparisonText(recorded)).toMatch(/full speed: to the SMSC +[\d,]+\/s \([\d,]+–[\d,]+\) /);
});

test('one bad round of three moves no median, a slow machine no ratio; both show as noise', () => {
  const rows = ([1, 2, 3] as const).flatMap((round): Row[] => {
    const one = (system: Row['system'], perSecond: number): Row => ({
      ...{ system, round, case: 'full', figures: { perSecond }, unfinished: 0, busy: {} },
    });
    const machine = [1, 0.5, 1][round - 1]!;
    return [one('hermod', 2_000 * machine), one('none', 1_000 * machine * (round === 3 ? 0.1 : 1))];
  });
  const [line] = comparedLines(rows);
  expect(line!.samples.hermod).toEqual({ median: 2_000, least: 1_000, most: 2_000, rounds: 3 });
  expect(line!.samples.none!.median).toBe(500);
  expect(line!.ratios.none).toMatchObject({ median: 2, least: 2, most: 20 });
  expect(line!.goals).toEqual([{ text: '≥ 1 × Kannel, no store', reached: true }]);
});

test('the recorded run as a page has it: every line with as many cells, and what must be known beside it', () => {
  const markdown = comparisonMarkdown(recorded);
  const cells = markdown.split('\n').filter((line) => line.startsWith('|'));
  expect(cells.length).toBe(comparedLines(recorded.rows).length + 2);
  for (const line of cells) expect(line.match(/\|/g)!.length, line).toBe(10);
  expect(markdown).toMatch(/ratios half of them within ±\d+ %, nine of ten within ±\d+ %\./);
  expect(markdown).toContain('The rig alone: load generator');
  expect(markdown).toContain('at 200/s: p50 2.35 ms, p99 12.3 ms, 1,234 µs of CPU per message.');
  expect(markdown).not.toMatch(NO_NUMBER);
});

test('what a system had not done when the waiting ended is told', () => {
  const rows = recorded.rows.map((row, i) => (i === 0 ? { ...row, unfinished: 1_234 } : row));
  expect(comparisonText({ ...recorded, rows })).toContain('1,234 messages, receipts and callbacks were still to come');
});

test('idle memory: both sums, and the goal is about the one that counts shared memory once', () => {
  const rows = [{ system: 'hermod' as const, round: 1, case: 'idle' as const, unfinished: 0, busy: {} }];
  const lines = (onceMb: number) =>
    comparedLines(rows.map((row) => ({ ...row, figures: { residentMb: 450, onceMb } }))).map(({ samples, goals }) => [
      samples.hermod!.median,
      goals.map(({ reached }) => reached),
    ]);
  expect(lines(399)).toEqual([
    [450, []],
    [399, [true]],
  ]);
  expect(lines(401)[1]).toEqual([401, [false]]);
});

const figures: Figure[] = [
  'perSecond',
  'toldPerSecond',
  'cpuUs',
  'smscP50',
  'smscP99',
  'answerP99',
  'residentMb',
  'onceMb',
];
const amount = fc.oneof(fc.constant(0), fc.double({ min: 0.001, max: 1e6, noNaN: true }));
const row: fc.Arbitrary<Row> = fc.record({
  system: fc.constantFrom('hermod' as const, ...STORES),
  round: fc.integer({ min: 1, max: 3 }),
  case: fc.constantFrom(...CASES),
  figures: fc.dictionary(fc.constantFrom(...figures, 'drainShare', 'missing', 'memoryGrowth'), amount),
  unfinished: fc.nat(),
  busy: fc.dictionary(fc.constantFrom('generator', 'smsc', 'elsewhere'), amount),
});

test('whatever was measured and whatever not: no cell without a number, no ratio but Hermod ÷ Kannel', () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 60 }), (rows) => {
      const told = { ...recorded, capacity: [], floors: [], rows };
      for (const written of [comparisonText(told), comparisonMarkdown(told), ...rows.map(progressLine)]) {
        expect(written).not.toMatch(NO_NUMBER);
      }
      for (const { samples, ratios } of comparedLines(rows)) {
        for (const store of STORES) {
          const [own, theirs, ratio] = [samples.hermod, samples[store], ratios[store]];
          if (!own || !theirs || theirs.most === 0) expect(ratio).toBeUndefined();
          else if (own.rounds === 3 && theirs.rounds === 3) expect(ratio).toBeDefined();
          if (!ratio) continue;
          expect(ratio.rounds).toBeLessThanOrEqual(theirs!.rounds);
          // Of one round each this is the ratio itself.
          expect(ratio.least).toBeGreaterThanOrEqual(own!.least / theirs!.most);
          if (theirs!.least > 0) expect(ratio.most).toBeLessThanOrEqual(own!.most / theirs!.least);
          expect(ratio.median).toBeGreaterThanOrEqual(ratio.least);
          expect(ratio.median).toBeLessThanOrEqual(ratio.most);
        }
      }
    }),
  );
});

test('a table goes between the marks of a page, as often as it is measured; a page without them is refused', () => {
  const dir = mkdtempSync(join(tmpdir(), 'hermod-page-'));
  try {
    const file = join(dir, 'page.md');
    expect(pageFault(file)).toContain('there is no');
    writeFileSync(file, `before\n${MARKS[1]}\n${MARKS[0]}\nafter\n`);
    expect(pageFault(file)).toContain('in this order');
    writeFileSync(file, `before\n${MARKS[0]}\nold\n${MARKS[1]}\nafter\n`);
    expect(pageFault(file)).toBeUndefined();
    for (const table of ['| first |', '| second |']) writePage(file, table);
    expect(readFileSync(file, 'utf8')).toBe(`before\n${MARKS[0]}\n| second |\n${MARKS[1]}\nafter\n`);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
