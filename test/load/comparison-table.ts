// The comparison as one table, for a terminal or as Markdown, and what must be known to read it.
import type { Capacity } from './capacity.ts';
import { asMarkdown, asText, type Columns } from './columns.ts';
import type { Lengths, Row } from './compared.ts';
import type { Floor } from './floor.ts';
import { type Compared, comparedLines, nameOf, type Sample } from './goals.ts';
import { STORES } from './kannel.ts';

const count = (n: number) => Math.round(n).toLocaleString('en-GB');
const digits = (n: number) => (n >= 100 ? count(n) : n >= 10 ? n.toFixed(1) : n.toFixed(2));
const percent = (share: number) => `${(share * 100).toFixed(0)} %`;
const WRITTEN: Record<Compared['unit'], (n: number) => string> = {
  perSecond: (n) => `${count(n)}/s`,
  us: (n) => `${count(n)} µs`,
  ms: (n) => `${digits(n)} ms`,
  s: (n) => `${digits(n)} s`,
  mb: (n) => `${count(n)} MB`,
  count,
  percent,
  times: (n) => `${n.toFixed(2)} ×`,
};

/** Without its unit. */
const bare = (written: (n: number) => string) => (n: number) => written(n).replace(/[^\d.,].*/, '');

const HEADER = ['', nameOf('hermod'), ...STORES.map(nameOf), ...STORES.map((store) => `÷ ${store}`), 'Goal'];

function cellsOf({ what, unit, samples, ratios, goals }: Compared): string[] {
  const cell = (sample: Sample | undefined, written: (n: number) => string) => {
    if (!sample) return '–';
    const { median, least, most, rounds } = sample;
    return rounds > 1 ? `${written(median)} (${[least, most].map(bare(written)).join('–')})` : written(median);
  };
  return [
    what,
    ...(['hermod', ...STORES] as const).map((system) => cell(samples[system], WRITTEN[unit])),
    ...STORES.map((store) => cell(ratios[store], (ratio) => ratio.toFixed(2))),
    goals.map(({ text, reached }) => `${text}: ${reached ? 'reached' : 'not reached'}`).join('; '),
  ];
}

/** What a long run says meanwhile. */
export function progressLine({ system, round, case: name, figures, unfinished }: Row): string {
  const said = Object.entries(figures).map(([figure, value]) => `${figure} ${digits(value)}`);
  return `${round} ${nameOf(system)}, ${name}: ${said.join(', ')}${unfinished > 0 ? `, ${unfinished} to come` : ''}`;
}

export type Told = {
  machine: string;
  capacity: readonly Capacity[];
  floors: readonly Floor[];
  lengths: Lengths;
  rows: readonly Row[];
};

export function comparisonText(told: Told): string {
  const lines = comparedLines(told.rows);
  return [asText(table(lines)), '', ...notes(told, lines)].join('\n');
}

export function comparisonMarkdown(told: Told): string {
  const lines = comparedLines(told.rows);
  return [asMarkdown(table(lines)), '', ...notes(told, lines).map((note) => `- ${note}`)].join('\n');
}

const table = (lines: readonly Compared[]): Columns => ({
  header: HEADER,
  rows: lines.map(cellsOf),
  texts: [0, HEADER.length - 1],
});

/** What was measured on, how sure it is, what the rig had left, and what was cut short. */
function notes({ machine, capacity, floors, lengths, rows }: Told, lines: readonly Compared[]): string[] {
  const { seconds, fixedSeconds, backlog, waitSeconds } = lengths;
  const rounds = Math.max(1, ...rows.map(({ round }) => round));
  const notes = [
    `${machine}.`,
    `${rounds} ${rounds === 1 ? 'round' : 'rounds'}; ${seconds} s at full speed, ${fixedSeconds} s at a fixed rate, ` +
      `${count(backlog)} messages of backlog, ${waitSeconds} s of waiting for what is missing.`,
  ];
  const figures = noiseOf(lines.flatMap(({ samples }) => Object.values(samples)));
  const ratios = noiseOf(lines.flatMap((line) => Object.values(line.ratios)));
  if (figures && ratios)
    notes.push(
      'A figure is the median of the rounds, a ratio that of the ratios within them, behind each the least and the most. ' +
        `Noise, half of what lies between these: figures ${figures}; ratios ${ratios}.`,
    );
  if (capacity.length > 0) {
    notes.push(
      `The rig alone: ${capacity.map(({ name, perSecond, cpuUs }) => `${name} ${count(perSecond)}/s at ${cpuUs.toFixed(1)} µs`).join('; ')}.`,
    );
  }
  for (const { rate, p50, p99, cpuUs } of floors) {
    notes.push(
      `The broker alone, two confirmed writes to quorum queues one after the other by one bare client, at ${count(rate)}/s: ` +
        `p50 ${digits(p50)} ms, p99 ${digits(p99)} ms, ${count(cpuUs)} µs of CPU per message.`,
    );
  }
  const busiest = (name: string) => Math.max(0, ...rows.map(({ busy }) => busy[name] ?? 0));
  notes.push(
    `Busiest of the rig in any run: load generator ${percent(busiest('generator'))} of a core, SMSC ${percent(busiest('smsc'))}, ` +
      `sink of callbacks ${percent(busiest('sink'))}; all else on the machine at most ${percent(busiest('elsewhere'))}.`,
  );
  const cut = rows.filter(({ unfinished }) => unfinished > 0);
  for (const { system, round, case: name, unfinished } of cut) {
    notes.push(
      `Cut short: ${nameOf(system)}, ${name}, round ${round}: ${count(unfinished)} messages, receipts and callbacks were still to come.`,
    );
  }
  return notes;
}

/** Undefined when there was one round. */
function noiseOf(samples: readonly Sample[]): string | undefined {
  const shares = samples
    .filter(({ rounds, median }) => rounds > 1 && median > 0)
    .map(({ median, least, most }) => (most - least) / 2 / median)
    .sort((one, other) => one - other);
  if (shares.length === 0) return undefined;
  const within = (part: number) => percent(shares[Math.ceil(part * shares.length) - 1]!);
  return `half of them within ±${within(0.5)}, nine of ten within ±${within(0.9)}`;
}
