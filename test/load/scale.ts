// What more workers and more providers do to the gateway: 1, 2 and 4 routers and egress workers, each a process of its own,
// for 1, 8 and 100 providers with a bind each. On the cores of one machine the throughput ends where they are busy; what a
// message costs in each part says what more machines would carry.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startPrivateNode } from '../../deploy/broker/node.ts';
import type { Case, Rigs } from './case.ts';
import { type Lengths, WARM_UP } from './compared.ts';
import type { Hold } from './comparison.ts';
import { useAtRest } from './rest.ts';
import { run } from './run.ts';
import { hermod, type SystemOptions } from './system.ts';

export const WORKERS = [1, 2, 4] as const;
export const PROVIDERS = [1, 8, 100] as const;
/** The parts of a message's way, in its order. */
export const PARTS = ['ingress-http', 'router', 'egress-smpp', 'ledger', 'broker'] as const;
export type Part = (typeof PARTS)[number];

/**
 * `cpuUs`: per message, of all processes of a part together, without what they use at rest. `atRest`: that, of the whole
 * system, in cores.
 */
export type ScaleRow = {
  workers: number;
  providers: number;
  perSecond: number;
  lost: number;
  residentMb: number;
  cpuUs: Record<Part, number>;
  atRest: number;
};

type Wanted = {
  lengths: Pick<Lengths, 'seconds' | 'warmUp'>;
  rigs: Rigs;
  options: Omit<SystemOptions, 'amqpUrl' | 'brokerPid' | 'processes' | 'providers'>;
  hold: Hold;
  say(row: ScaleRow): void;
};

const VAR = resolve(import.meta.dirname, '../../var');
const FASTEST = 60_000;
/** What a system at rest uses is looked at for so long, and may be so much more while one waits for it to come to rest. */
const REST = { ms: 3_000, factor: 1.5, share: 0.1 };

export async function measureScale(wanted: Wanted): Promise<ScaleRow[]> {
  mkdirSync(VAR, { recursive: true });
  const dir = mkdtempSync(join(VAR, 'bench-'));
  const node = await startPrivateNode({ dir, say: wanted.options.say });
  const stop = async () => {
    await node.stop();
    for (const folder of [node.home, dir]) rmSync(folder, { recursive: true, force: true });
  };
  wanted.hold({ stop });
  const rows: ScaleRow[] = [];
  try {
    for (const providers of PROVIDERS) {
      for (const workers of WORKERS) rows.push(await oneRun(workers, providers, node, wanted));
    }
  } finally {
    await stop();
  }
  return rows;
}

async function oneRun(
  workers: number,
  providers: number,
  broker: { url: string; pid: number },
  { lengths: { seconds, warmUp }, rigs, options, hold, say }: Wanted,
): Promise<ScaleRow> {
  const several = (service: string) => Array.from({ length: workers }, () => [service]);
  const processes = [['ledger'], ['notifier'], ...several('router'), ...several('egress-smpp'), ['ingress-http']];
  const system = hermod({ ...options, amqpUrl: broker.url, brokerPid: broker.pid, processes, providers });
  hold(system);
  await system.start();
  const load: Case = {
    title: `${workers} workers, ${providers} providers`,
    door: 'http',
    rate: undefined,
    connections: 50,
    most: FASTEST * seconds,
    seconds,
    receipts: false,
    callbacks: false,
  };
  await run({ ...load, most: warmUp, seconds: WARM_UP.seconds }, system, rigs);
  const rest = await useAtRest(system.pids, REST.ms);
  const atRest = [...rest.values()].reduce((sum, share) => sum + share, 0);
  const restShare = REST.factor * atRest + REST.share;
  const result = await run(load, { ...system, restShare }, rigs);
  const { toSmscPerSecond, processes: measured, memory, lost, accepted, measuredMs } = result;
  await system.stop();
  const restUs = (name: string) => ((rest.get(name) ?? 0) * measuredMs * 1_000) / Math.max(1, accepted);
  const cpuOf = (part: Part) =>
    measured
      .filter(({ name }) => name === part || name.startsWith(`${part} `))
      .reduce((sum, { name, cpuUs }) => sum + cpuUs - restUs(name), 0);
  const row: ScaleRow = {
    workers,
    providers,
    perSecond: toSmscPerSecond,
    lost,
    residentMb: memory.after,
    cpuUs: Object.fromEntries(PARTS.map((part) => [part, cpuOf(part)])) as Record<Part, number>,
    atRest,
  };
  say(row);
  return row;
}
