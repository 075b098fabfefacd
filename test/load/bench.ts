// `npm run bench`: a door → SMPP through the whole gateway, measured from outside. It ends by itself.
import { type Capacity, capacityOf } from './capacity.ts';
import type { Rigs } from './case.ts';
import { FIXED_RATES } from './compared.ts';
import { type Contender, compare, type Hold } from './comparison.ts';
import { comparisonMarkdown, comparisonText, progressLine } from './comparison-table.ts';
import { floorsOf } from './floor.ts';
import type { GeneratorApi } from './generator.ts';
import { idleOneBox } from './idle.ts';
import { kannel } from './kannel.ts';
import { casesOf, HELP, isSeries, Misuse, type Options, readOptions, smppWindowOf, warmUps } from './options.ts';
import { writePage } from './page.ts';
import { startRig } from './rig.ts';
import { type Result, run } from './run.ts';
import { measureScale, type ScaleRow } from './scale.ts';
import { scaleMarkdown, scaleText } from './scale-table.ts';
import type { SinkApi } from './sink.ts';
import type { SmscApi } from './smsc.ts';
import { hermod, parseProcesses, type SystemOptions } from './system.ts';
import { capacityTable, machineLine, resultTable } from './table.ts';
import { whereTable } from './where.ts';

/** What Hermod has not handed over so long after a load is too late. */
const LATEST_MS = 30_000;

let rigs: Rigs | undefined;
const running: { stop(): Promise<void> }[] = [];
const hold: Hold = (one) => void running.push(one);

async function startRigs(): Promise<Rigs> {
  const generator = startRig<GeneratorApi>('generator.ts');
  const smsc = startRig<SmscApi>('smsc.ts');
  const sink = startRig<SinkApi>('sink.ts');
  const [smscPort, sinkPort] = await Promise.all([smsc.ask('start', undefined), sink.ask('start', undefined)]);
  return { generator, smsc, smscPort, sink, sinkPort };
}

function systemOptions(options: Options, { smscPort }: Rigs): SystemOptions {
  return {
    amqpUrl: process.env.AMQP_URL,
    brokerPid: options.brokerPid,
    smscPort,
    window: options.window,
    smppWindow: smppWindowOf(options),
    processes: parseProcesses(options.processes),
    providers: 1,
    accessLog: options['access-log'] === 'on',
    callbacks: options.callbacks,
    profile: options.profile,
    say: (line) => process.stderr.write(`${line}\n`),
  };
}

async function bench(options: Options): Promise<void> {
  const say = (text: string) => void (options.json || process.stdout.write(`${text}\n`));
  const machine = machineLine();
  say(`${machine}\n`);
  rigs = await startRigs();
  if (options.against) await againstKannel(options, rigs, machine, say);
  else if (options.scale) await scale(options, rigs, machine, say);
  else await measure(options, rigs, machine, say);
}

type Say = (text: string) => void;

async function measure(options: Options, rigs: Rigs, machine: string, say: Say): Promise<void> {
  const capacity: Capacity[] =
    options.rig || isSeries(options) ? await capacityOf(rigs, options.connections ?? 50) : [];
  if (capacity.length > 0) say(capacityTable(capacity));
  const results: Result[] = [];
  if (!options.rig) {
    const system = hermod(systemOptions(options, rigs));
    hold(system);
    await system.start();
    for (const one of warmUps(options)) await run(one, system, rigs);
    for (const one of casesOf(options)) {
      const result = await run(one, system, rigs);
      results.push(result);
      say(resultTable(result));
    }
    await system.stop();
    if (options.profile) say(whereTable(options.profile, results.at(-1)!.processes));
  }
  if (options.json) print({ machine, capacity, results });
  if (results.some(({ lost, duplicated }) => lost + duplicated > 0)) process.exitCode = 1;
}

async function againstKannel(options: Options, rigs: Rigs, machine: string, say: Say): Promise<void> {
  const { lengths, only: cases, rounds, stores, json, write } = options;
  const own = systemOptions({ ...options, callbacks: true }, rigs);
  const capacity = await capacityOf(rigs, 50);
  const contenders: Contender[] = [
    { name: 'hermod', open: () => hermod(own), idle: idleOneBox, patienceMs: LATEST_MS, warmUp: lengths.warmUp },
    // C needs no compiling while it runs: what grows with the first messages has grown after a tenth of them.
    ...stores.map((store) => ({ name: store, open: () => kannel(store, own), warmUp: Math.ceil(lengths.warmUp / 10) })),
  ];
  const rows = await compare({ contenders, cases, rounds, lengths, rigs, hold, say: progress(progressLine) });
  const floors = await floorsOf(FIXED_RATES, hold);
  const told = { machine, capacity, floors, lengths, rows };
  say(comparisonText(told));
  if (json) print(told);
  if (write) writePage(write, comparisonMarkdown(told));
  const isWrong = rows.some(
    ({ system, figures, unfinished }) => system === 'hermod' && (figures.missing || unfinished),
  );
  if (isWrong) process.exitCode = 1;
}

async function scale(options: Options, rigs: Rigs, machine: string, say: Say): Promise<void> {
  const { lengths } = options;
  const said = progress(
    ({ workers, providers, perSecond }: ScaleRow) =>
      `${workers} workers, ${providers} providers: ${Math.round(perSecond)}/s`,
  );
  const rows = await measureScale({ lengths, rigs, options: systemOptions(options, rigs), hold, say: said });
  say(scaleText(rows));
  if (options.json) print({ machine, rows });
  if (options.write) writePage(options.write, scaleMarkdown(rows, machine, lengths.seconds));
  if (rows.some(({ lost }) => lost > 0)) process.exitCode = 1;
}

const print = (value: unknown) => void process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
const progress =
  <Row>(line: (row: Row) => string) =>
  (row: Row) =>
    void process.stderr.write(`${(performance.now() / 1_000).toFixed(0).padStart(4)} s  ${line(row)}\n`);

async function stop(): Promise<void> {
  for (const one of running.splice(0).reverse()) await one.stop();
  await Promise.all([rigs?.generator.stop(), rigs?.smsc.stop(), rigs?.sink.stop()]);
}

async function main(): Promise<void> {
  let interrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interrupted = true;
      stop().finally(() => process.exit(130));
    });
  }
  try {
    const options = readOptions(process.argv.slice(2));
    if (options.help) process.stdout.write(HELP);
    else await bench(options);
  } catch (error) {
    if (interrupted) return;
    process.stderr.write(`bench: ${(error as Error).message}\n`);
    process.exitCode = error instanceof Misuse ? 2 : 1;
  } finally {
    await stop();
  }
}

await main();
