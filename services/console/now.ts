// What the console knows now: the workers' news, the depths of queues, the latest messages. Looked at every two seconds
// while someone watches, and by nobody else.
import { setTimeout as pass } from 'node:timers/promises';
import type { Bus } from '#shared/bus/bus.ts';
import type { NewsOf } from '#shared/bus/health.ts';
import type { Config } from '#shared/config/schema.ts';
import { type ProviderRow, providerRows } from '#shared/egress/heard.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { DEAD_KINDS, type DeadKind, deadQueue, LEDGER_RPC, topologyOf } from '#shared/topology.ts';
import type { Denials } from './denials.ts';
import { type Depth, deadCounts, type LaneDepth, laneDepths, readDepths } from './depths.ts';
import { type Flow, LastHour } from './flow.ts';
import { type Problem, problemsOf } from './problems.ts';

export type Now = {
  at: number;
  problems: Problem[];
  providers: (ProviderRow & More)[];
  lanes: LaneDepth[];
  dead: Record<DeadKind, number>;
  queues: Depth[];
  /** The newest messages, as the ledger's `list` gives them. */
  latest: unknown[];
  flow: Flow;
};

/** `medianMs`: of the latest receipts. `rate` is the most a second that the configuration allows. */
type More = {
  bearer?: string;
  lateReceipts?: number;
  medianMs?: number;
  rate?: number;
  flow?: Flow['providers'][number];
};

export type Watch = {
  /** Not older than `EVERY_MS`. */
  now(): Promise<Now>;
  /** While dead letters are read they are out of everyone's sight: their counts stay as they were. */
  whileReading<T>(work: () => Promise<T>): Promise<T>;
};

export const EVERY_MS = 2_000;
/** A worker speaks every second: one that is silent for so long is gone. */
const SILENT_MS = 4_000;
const LATEST = 10;
const DEAD_QUEUES = new Set(DEAD_KINDS.map(deadQueue));
const LEDGER_WITHIN_MS = 2_000;

const isDead = ({ queue }: Depth) => DEAD_QUEUES.has(queue);

export async function openWatch(bus: Bus, config: Config, denials: Denials): Promise<Watch> {
  const heard = new Map<string, { item: NewsOf<'provider'>; at: number }>();
  const receipts = new Map<string, NewsOf<'receipts'>>();
  const hour = new LastHour(Date.now());
  const topology = topologyOf(config);
  const startedAt = performance.now();
  let last: { at: number; now: Promise<Now> } | undefined;
  let reading = 0;
  let dead: Depth[] = [];

  await bus.listen((item) => {
    hour.hear(item, Date.now());
    if (item.kind === 'provider') heard.set(`${item.provider} ${item.worker}`, { item, at: performance.now() });
    else if (item.kind === 'receipts') receipts.set(item.provider, item);
  });

  const ask = <T>(question: Record<string, unknown>) => bus.ask(LEDGER_RPC, question, LEDGER_WITHIN_MS) as Promise<T>;

  async function look(): Promise<Now> {
    // Whoever speaks has spoken once.
    await pass(Math.max(0, startedAt + 1_500 - performance.now()));
    let broker = bus.notReady();
    let ledger: string | undefined;
    const failed = (error: unknown) => {
      ledger = reasonOf(error);
    };
    const [paused = [], draining = [], list, fresh = []] = await Promise.all([
      ask<string[]>({ ask: 'paused' }).catch(failed),
      ask<string[]>({ ask: 'draining' }).catch(failed),
      ask<{ messages: unknown[] }>({ ask: 'list', limit: LATEST }).catch(failed),
      readDepths(bus, topology).catch((error) => {
        broker ??= reasonOf(error);
      }),
    ]);
    if (!reading) dead = fresh.filter(isDead);
    const depths = fresh.map((depth) =>
      isDead(depth) ? (dead.find(({ queue }) => queue === depth.queue) ?? depth) : depth,
    );
    for (const [key, { at }] of heard) if (performance.now() - at > SILENT_MS) heard.delete(key);
    const news = [...heard.values()].map(({ item }) => item);
    const providers = providerRows(Object.keys(config.providers), news, paused, draining);
    const flow = hour.view(Date.now());
    return {
      at: Date.now(),
      problems: problemsOf({
        broker,
        ledger,
        providers,
        lateReceipts: lateShares(receipts),
        depths,
        denials: denials.known(),
        clients: flow.clients,
      }),
      providers: providers.map((row) => {
        const { bearer, rate } = config.providers[row.provider] ?? {};
        const { lateShare: lateReceipts, medianMs } = receipts.get(row.provider) ?? {};
        const mine = flow.providers.find(({ provider }) => provider === row.provider);
        return Object.assign(row, { bearer, rate, lateReceipts, medianMs, flow: mine }) as ProviderRow & More;
      }),
      lanes: laneDepths(depths, Object.keys(config.providers)),
      dead: deadCounts(depths),
      queues: depths,
      latest: list?.messages ?? [],
      flow,
    };
  }

  return {
    now() {
      if (!last || performance.now() - last.at >= EVERY_MS) last = { at: performance.now(), now: look() };
      return last.now;
    },
    async whileReading(work) {
      reading++;
      try {
        return await work();
      } finally {
        reading--;
        last = undefined;
      }
    },
  };
}

const lateShares = (receipts: ReadonlyMap<string, NewsOf<'receipts'>>) =>
  new Map([...receipts].map(([provider, { lateShare }]) => [provider, lateShare]));
