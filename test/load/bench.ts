// `npm run bench`: a door → SMPP through the whole gateway, measured from outside. It ends by itself.
import { type Capacity, capacityOf } from './capacity.ts';
import type { Rigs } from './case.ts';
import { compare } from './comparison.ts';
import { comparisonMarkdown, comparisonText, progressLine } from './comparison-table.ts';
import type { GeneratorApi } from './generator.ts';
import { idleOneBoxMb } from './idle.ts';
import { kannel } from './kannel.ts';
import { casesOf, HELP, isSeries, Misuse, type Options, readOptions, smppWindowOf, warmUps } from './options.ts';
import { writePage } from './page.ts';
import { startRig } from './rig.ts';
import { type Result, run } from './run.ts';
import type { SinkApi } from './sink.ts';
import type { SmscApi } from './smsc.ts';
import { hermod, parseProcesses, type System } from './system.ts';
import { capacityTable, machineLine, resultTable } from './table.ts';
import { whereTable } from './where.ts';

const running: { rigs?: Rigs; system?: System } = {};

async function startRigs(): Promise<Rigs> {
  const generator = startRig<GeneratorApi>('generator.ts');
  const smsc = startRig<SmscApi>('smsc.ts');
  const sink = startRig<SinkApi>('sink.ts');
  const [smscPort, sinkPort] = await Promise.all([smsc.ask('start', undefined), sink.ask('start', undefined)]);
  return { generator, smsc, smscPort, sink, sinkPort };
}

function systemFor(options: Options, { smscPort }: Rigs): System {
  return hermod({
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
  });
}

async function bench(options: Options): Promise<void> {
  if (options.against) return againstKannel(options);
  const say = (text: string) => void (options.json || process.stdout.write(`${text}\n`));
  const machine = machineLine();
  say(`${machine}\n`);
  const rigs = await startRigs();
  running.rigs = rigs;
  const capacity: Capacity[] =
    options.rig || isSeries(options) ? await capacityOf(rigs, options.connections ?? 50) : [];
  if (capacity.length > 0) say(capacityTable(capacity));
  const results: Result[] = [];
  if (!options.rig) {
    const system = systemFor(options, rigs);
    running.system = system;
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
  if (options.json) process.stdout.write(`${JSON.stringify({ machine, capacity, results }, null, 2)}\n`);
  if (results.some(({ lost, duplicated }) => lost + duplicated > 0)) process.exitCode = 1;
}

async function againstKannel(options: Options): Promise<void> {
  const say = (text: string) => void (options.json || process.stdout.write(`${text}\n`));
  const machine = machineLine();
  say(`${machine}\n`);
  const rigs = await startRigs();
  running.rigs = rigs;
  const capacity = await capacityOf(rigs, 50);
  const { lengths, only: cases, rounds } = options;
  const { smscPort } = rigs;
  const { window } = options;
  const accessLog = options['access-log'] === 'on';
  const rows = await compare({
    contenders: [
      { name: 'hermod', open: () => systemFor({ ...options, callbacks: true }, rigs), idleMb: idleOneBoxMb },
      ...options.stores.map((store) => ({ name: store, open: () => kannel(store, { smscPort, window, accessLog }) })),
    ],
    cases,
    rounds,
    lengths,
    rigs,
    hold(system) {
      running.system = system;
    },
    say: (row) => process.stderr.write(`${progressLine(row)}\n`),
  });
  const told = { machine, capacity, lengths, rows };
  say(comparisonText(told));
  if (options.json) process.stdout.write(`${JSON.stringify(told, null, 2)}\n`);
  if (options.write) writePage(options.write, comparisonMarkdown(told));
  const own = rows.filter(({ system }) => system === 'hermod');
  if (own.some(({ unfinished }) => unfinished > 0)) process.exitCode = 1;
}

async function stop(): Promise<void> {
  await running.system?.stop();
  const { generator, smsc, sink } = running.rigs ?? {};
  await Promise.all([generator?.stop(), smsc?.stop(), sink?.stop()]);
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
