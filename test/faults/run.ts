// `npm run faults`: the whole matrix with as many messages as asked, and a report as Markdown. Ends with exit code 1 when a
// promise was broken.
import { appendFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { CASES } from './cases.ts';
import { CLUSTER_CASES } from './cases-cluster.ts';
import { MANY_CASES, SMALL_DISK_CASES } from './cases-many.ts';
import { kannelCases, STORES, startKannelGround } from './kannel.ts';
import { type FaultCase, runCase } from './matrix.ts';
import { again, report, type Section } from './report.ts';
import { type Shape, startStand } from './stand.ts';
import type { Ground } from './tally.ts';

const HELP = `Runs every case of the fault matrix under load and says what it cost.

  npm run faults                     all cases, 1,000,000 messages together
  npm run faults -- --messages N     N messages together
  npm run faults -- --only TEXT      cases whose name, or the name of whose ground, has TEXT
  npm run faults -- --rate N         messages offered a second (1000)
  npm run faults -- --report FILE    writes the report, after each ground
  npm run faults -- --append FILE    adds these cases to the end of a report, as run again

Needs root for the cases with a cluster (network namespaces) and with a full disk (a small tmpfs).
`;

/** The load of a case, at least: the fault begins with a quarter of it. */
const LEAST = 200;
const KANNEL_TAKES = 10_000;

type Shares = ReturnType<typeof sharesOf>;
type Stoppable = Ground & { stop(): Promise<void> };
/** Cases that share a ground, one after another. */
type Group<G extends Stoppable = never> = {
  title: string;
  promises: boolean;
  cases: readonly FaultCase<G>[];
  start(): Promise<Stoppable>;
};

const hermod = (title: string, shape: Shape, cases: Group['cases']): Group => ({
  title,
  promises: true,
  cases,
  start: () => startStand(shape),
});

const GROUPS: readonly Group[] = [
  hermod('Hermod on one node, with SQLite', 'one node', CASES),
  hermod('Hermod on one node, the ledger on a small disk', 'small disk', SMALL_DISK_CASES),
  hermod('Hermod with PostgreSQL, Redis, two ledgers and two workers', 'many', MANY_CASES),
  hermod('Hermod on a cluster of three RabbitMQ nodes', 'cluster', CLUSTER_CASES),
  ...STORES.map((store) => ({
    title: `Debian's Kannel, ${store === 'none' ? 'no store' : `store ${store}`}`,
    promises: false,
    cases: kannelCases(store),
    start: () => startKannelGround(store),
  })),
];

function options() {
  const { values } = parseArgs({
    options: {
      messages: { type: 'string', default: '1000000' },
      only: { type: 'string', default: '' },
      rate: { type: 'string', default: '1000' },
      report: { type: 'string' },
      append: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const whole = (name: 'messages' | 'rate', most: number) => {
    const n = Number(values[name]);
    if (Number.isInteger(n) && n >= 1 && n <= most) return n;
    throw new Error(`--${name} takes a whole number from 1 to ${most}`);
  };
  return { ...values, messages: whole('messages', 5_000_000), rate: whole('rate', 10_000) };
}

/** What each case is offered, so that all of Hermod's together take `messages`: long faults take more than their share. */
function sharesOf(messages: number, cases: number): { next(): number; took(accepted: number): void } {
  let [left, casesLeft] = [messages, cases];
  return {
    next: () => Math.max(LEAST, Math.ceil(left / Math.max(1, casesLeft--))),
    took: (accepted) => {
      left -= accepted;
    },
  };
}

async function runGroup({ title, promises, cases, start }: Group, shares: Shares, perSecond: number): Promise<Section> {
  process.stdout.write(`${title}\n`);
  const ground = await start();
  const end = () => void ground.stop().finally(() => process.exit(130));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
  const rows: Section['rows'][number][] = [];
  try {
    for (const one of cases) {
      process.stdout.write(`  ${one.name} … `);
      const messages = promises ? shares.next() : KANNEL_TAKES;
      const row = await runCase(ground as never, one, { messages, perSecond, length: 'full' });
      if (promises) shares.took(row.accepted);
      rows.push(row);
      if (promises && row.wrong.length > 0) process.exitCode = 1;
      const cost = `${row.lost} lost, ${row.repeated} repeated, ${row.untold} not told`;
      const verdict = !promises ? cost : row.wrong.length === 0 ? 'as promised' : row.wrong.join(', ');
      process.stdout.write(`${verdict} (${row.accepted} messages, ${row.seconds} s)\n`);
    }
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signal, end);
    await ground.stop();
  }
  return { title, promises, rows };
}

async function main(): Promise<void> {
  const { messages, only, rate, report: file, append, help } = options();
  if (help) return void process.stdout.write(HELP);
  const groups = GROUPS.map((group) => ({
    ...group,
    cases: group.title.includes(only) ? group.cases : group.cases.filter(({ name }) => name.includes(only)),
  })).filter(({ cases }) => cases.length > 0);
  if (groups.length === 0) throw new Error(`no case has "${only}" in its name`);
  const count = groups.reduce((sum, { cases, promises }) => sum + (promises ? cases.length : 0), 0);
  const shares = sharesOf(messages, count);
  const machine = `${cpus().length} × ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
  const sections: Section[] = [];
  for (const group of groups) {
    sections.push(await runGroup(group, shares, rate));
    if (file) writeFileSync(file, report(sections, { machine, perSecond: rate }));
  }
  if (append) appendFileSync(append, again(sections, { machine, perSecond: rate }));
  process.stdout.write(`\n${report(sections, { machine, perSecond: rate })}`);
}

await main().catch((error: Error) => {
  process.stderr.write(`faults: ${error.message}\n`);
  process.exitCode = 1;
});
process.exit(); // Timers of the load that wait for what no longer comes.
