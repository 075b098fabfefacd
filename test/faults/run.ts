// `npm run faults`: the whole matrix with as many messages as asked, and a report as a table. Ends with exit code 1 when a
// promise was broken.
import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { CASES, CLUSTER_CASES, type FaultCase } from './cases.ts';
import { faultsOf, type Load, type Row, runCase } from './matrix.ts';
import { startStand } from './stand.ts';

const HELP = `Runs every case of the fault matrix under load and says what it cost.

  npm run faults                     all cases, 1,000,000 messages together
  npm run faults -- --messages N     N messages together
  npm run faults -- --only TEXT      cases whose name has TEXT
  npm run faults -- --rate N         messages offered a second (500)
  npm run faults -- --report FILE    writes the table as Markdown
`;

const COLUMNS: [title: string, of: (row: Row) => string | number][] = [
  ['case', ({ name }) => name],
  ['accepted', ({ accepted }) => accepted],
  ['lost', ({ lost }) => lost],
  ['without an end', ({ open }) => open],
  ['not told', ({ untold }) => untold],
  ['repeated (allowed)', ({ repeated, repeatsAllowed }) => `${repeated} (${repeatsAllowed})`],
  ['most binds', ({ binds }) => binds],
  ['doors closed, ms', ({ doorsClosedMs }) => doorsClosedMs],
  ['seconds', ({ seconds }) => seconds],
];

function table(rows: readonly Row[]): string {
  const line = (cells: (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [
    line(COLUMNS.map(([title]) => title)),
    line(COLUMNS.map((_column, i) => (i === 0 ? '---' : '--:'))),
    ...rows.map((row) => line(COLUMNS.map(([, of]) => of(row)))),
  ].join('\n');
}

function options() {
  const { values } = parseArgs({
    options: {
      messages: { type: 'string', default: '1000000' },
      only: { type: 'string', default: '' },
      rate: { type: 'string', default: '500' },
      report: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const whole = (name: 'messages' | 'rate', most: number) => {
    const n = Number(values[name]);
    if (Number.isInteger(n) && n >= 1 && n <= most) return n;
    throw new Error(`--${name} takes a whole number from 1 to ${most}`);
  };
  return { ...values, messages: whole('messages', 100_000_000), rate: whole('rate', 10_000) };
}

/** On one stand, one after another. */
async function runAll(nodes: 1 | 3, cases: readonly FaultCase[], load: Load): Promise<Row[]> {
  process.stdout.write(`On ${nodes === 1 ? 'one RabbitMQ node' : 'a cluster of three RabbitMQ nodes'}\n`);
  const stand = await startStand(nodes);
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void stand.stop().finally(() => process.exit(130)));
  const rows: Row[] = [];
  try {
    for (const one of cases) {
      process.stdout.write(`  ${one.name} … `);
      const row = await runCase(stand, one, load);
      rows.push(row);
      const wrong = faultsOf(row, one, load);
      if (wrong.length > 0) process.exitCode = 1;
      process.stdout.write(`${wrong.length === 0 ? 'as promised' : wrong.join(', ')} (${row.seconds} s)\n`);
    }
  } finally {
    await stand.stop();
  }
  return rows;
}

async function main(): Promise<void> {
  const { messages, only, rate, report, help } = options();
  if (help) return void process.stdout.write(HELP);
  const stands = (
    [
      [1, CASES],
      [3, CLUSTER_CASES],
    ] as const
  ).map(([nodes, cases]) => [nodes, cases.filter(({ name }) => name.includes(only))] as const);
  const count = stands.reduce((sum, [, cases]) => sum + cases.length, 0);
  if (count === 0) throw new Error(`no case has "${only}" in its name`);
  const load: Load = { messages: Math.ceil(messages / count), perSecond: rate, length: 'full' };
  const rows: Row[] = [];
  for (const [nodes, cases] of stands) if (cases.length > 0) rows.push(...(await runAll(nodes, cases, load)));
  const machine = `${cpus().length} × ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
  const text = `${machine}; ${rate} messages a second offered\n\n${table(rows)}\n`;
  process.stdout.write(`\n${text}`);
  if (report) writeFileSync(report, text);
}

await main().catch((error: Error) => {
  process.stderr.write(`faults: ${error.message}\n`);
  process.exitCode = 1;
});
