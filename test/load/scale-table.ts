// What was measured of scale as tables, and what follows from it by multiplication: what each part needs at higher rates.
import { asMarkdown, asText, type Columns } from './columns.ts';
import { PARTS, type Part, type ScaleRow } from './scale.ts';

/** A process that is busier than this has no room for a second that is worse than the mean. */
export const BUSY = 0.6;
const RATES = [10_000, 100_000] as const;
/** One writer keeps the order of a message's story: a second one stands by, and takes nothing off it. */
const ALONE: Part = 'ledger';

const count = (n: number) => Math.round(n).toLocaleString('en-GB');
const us = (n: number) => n.toFixed(n < 10 ? 1 : 0);
const times = (n: number) => `${n.toFixed(2)} ×`;

const measuredTable = (rows: readonly ScaleRow[]): Columns => ({
  header: [
    'Providers',
    'Routers, egress workers',
    'To the SMSC',
    ...PARTS.map((part) => `${part} µs`),
    'All µs',
    'At rest',
    'Resident',
  ],
  rows: rows.map((row) => [
    count(row.providers),
    `${row.workers}, ${row.workers}`,
    `${count(row.perSecond)}/s`,
    ...PARTS.map((part) => us(row.cpuUs[part])),
    us(wholeOf(row)),
    `${row.atRest.toFixed(2)} cores`,
    `${count(row.residentMb)} MB`,
  ]),
  texts: [],
});

const wholeOf = ({ cpuUs }: ScaleRow) => PARTS.reduce((sum, part) => sum + cpuUs[part], 0);

/** By part: the dearest message of any row, what one process carries at that price, and what the rates need. */
export function needs(rows: readonly ScaleRow[]) {
  return PARTS.map((part) => {
    const dearest = Math.max(...rows.map(({ cpuUs }) => cpuUs[part]));
    const each = (BUSY * 1e6) / dearest;
    return {
      part,
      dearest,
      each,
      cores: RATES.map((rate) => (rate * dearest) / 1e6),
      many: RATES.map((rate) => Math.ceil(rate / each)),
    };
  });
}

function needsTable(rows: readonly ScaleRow[]): Columns {
  return {
    header: ['Part', 'Dearest µs', `One carries, ${BUSY * 100} % busy`, ...RATES.map((rate) => `At ${count(rate)}/s`)],
    rows: needs(rows).map(({ part, dearest, each, cores, many }) => [
      part,
      us(dearest),
      `${count(each)}/s`,
      ...RATES.map((_, i) => {
        const what =
          part === 'broker' ? 'cores' : part === ALONE ? (many[i] === 1 ? 'ledger' : 'partitions') : 'processes';
        return `${many[i]} ${what} (${cores[i]!.toFixed(1)} cores of work)`;
      }),
    ]),
    texts: [0],
  };
}

/** What grows with workers and with providers: the price of a message, and memory, against the row with one of each. */
function growth(rows: readonly ScaleRow[]): string[] {
  const at = (workers: number, providers: number) =>
    rows.find((row) => row.workers === workers && row.providers === providers);
  const base = at(1, 1);
  const said = (what: string, row: ScaleRow | undefined) =>
    base && row
      ? [
          `${what}: CPU per message ${times(wholeOf(row) / wholeOf(base))}, throughput ${times(row.perSecond / base.perSecond)}, ` +
            `memory ${times(row.residentMb / base.residentMb)} of one worker and one provider`,
        ]
      : [];
  return [
    ...said('4 routers and egress workers, one provider', at(4, 1)),
    ...said('One router and egress worker, 100 providers', at(1, 100)),
    ...said('4 routers and egress workers, 100 providers', at(4, 100)),
  ];
}

function firstToBreak(rows: readonly ScaleRow[]): string {
  const { part, each } = needs(rows).reduce((least, one) => (one.each < least.each ? one : least));
  const { each: alone } = needs(rows).find((one) => one.part === ALONE)!;
  return (
    `By these prices the first part to be ${BUSY * 100} % busy on one core is ${part}, at ${count(each)}/s; ` +
    `the one part of which a second process takes nothing off, the ${ALONE}, is at ${count(alone)}/s`
  );
}

const notes = (rows: readonly ScaleRow[]) => [...growth(rows), firstToBreak(rows)];

export const scaleText = (rows: readonly ScaleRow[]): string =>
  [asText(measuredTable(rows)), '', asText(needsTable(rows)), '', ...notes(rows)].join('\n');

/** With the machine, and the length of each row's run. */
export const scaleMarkdown = (rows: readonly ScaleRow[], machine: string, seconds: number): string =>
  [
    asMarkdown(measuredTable(rows)),
    '',
    `Measured: ${machine}; ${seconds} s for each row. By multiplication:`,
    '',
    asMarkdown(needsTable(rows)),
    '',
    ...notes(rows).map((note) => `- ${note}.`),
  ].join('\n');
