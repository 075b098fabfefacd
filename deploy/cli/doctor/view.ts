// What the checks of `hermod doctor` look at: the configuration, the broker, and what everyone says now; each fetched once,
// by whoever asks first.
import { setTimeout as pass } from 'node:timers/promises';
import { type Bus, openBus } from '#shared/bus/bus.ts';
import type { NewsOf } from '#shared/bus/health.ts';
import { type Loaded, loadConfig } from '#shared/config/load.ts';
import { type ProviderRow, providerRows } from '#shared/egress/heard.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { topologyOf } from '#shared/topology.ts';
import { readDepths } from '../../../services/console/depths.ts';
import { type Problem, problemsOf } from '../../../services/console/problems.ts';
import { amqpUrl, askLedger, configFile, log, type Options } from '../gateway.ts';

export type View = {
  /** Throws what is wrong with the configuration. */
  loaded(): Loaded;
  /** Throws when nobody knows where the broker is. */
  url(): string;
  /** Rejects when the broker cannot be reached. */
  bus(): Promise<Bus>;
  known(): Promise<Known>;
};

export type Known = {
  /** Undefined without the broker. */
  now: { problems: Problem[]; providers: ProviderRow[]; queues: number } | undefined;
  /** Why the ledger does not answer, and how long it took. */
  ledger: string | undefined;
  ms: number;
  /** How far the clocks of workers are away from ours. */
  skews: { provider: string; ms: number }[];
};

const BROKER_WITHIN_MS = 4_000;
const LEDGER_WITHIN_MS = 2_000;
/** A worker speaks every second. */
const LISTEN_MS = 1_500;

export function openView(options: Options): View {
  let loaded: Loaded | undefined;
  let bus: Promise<Bus> | undefined;
  let known: Promise<Known> | undefined;
  const view: View = {
    loaded() {
      loaded ??= loadConfig(configFile(options));
      return loaded;
    },
    url: () => amqpUrl(options),
    async bus() {
      bus ??= inTime(openBus(view.url(), 'cli', log, 0));
      return bus;
    },
    known() {
      known ??= look(view);
      return known;
    },
  };
  return view;
}

function inTime(opening: Promise<Bus>): Promise<Bus> {
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`RabbitMQ does not answer within ${BROKER_WITHIN_MS / 1_000} s`);
    setTimeout(reject, BROKER_WITHIN_MS, error).unref();
  });
  return Promise.race([opening, late]);
}

async function look(view: View): Promise<Known> {
  const nothing: Known = { now: undefined, ledger: 'no broker', ms: 0, skews: [] };
  const bus = await view.bus().catch(() => undefined);
  if (!bus) return nothing;
  const { config } = view.loaded();
  const heard = new Map<string, { news: NewsOf<'provider'>; skew: number }>();
  await bus.listen((item) => {
    if (item.kind === 'provider')
      heard.set(`${item.provider} ${item.worker}`, { news: item, skew: item.at - Date.now() });
  });
  const startedAt = performance.now();
  const [asked, depths] = await Promise.all([
    askLedger<string[]>(bus, { ask: 'paused' }, LEDGER_WITHIN_MS).then(
      (paused) => ({ paused, ledger: undefined, ms: performance.now() - startedAt }),
      (error) => ({ paused: [], ledger: reasonOf(error), ms: 0 }),
    ),
    readDepths(bus, topologyOf(config)),
    pass(LISTEN_MS),
  ]);
  const { paused, ledger, ms } = asked;
  const all = [...heard.values()];
  const news = all.map((one) => one.news);
  const providers = providerRows(Object.keys(config.providers), news, paused);
  const problems = problemsOf({ ledger, providers, lateReceipts: new Map(), depths, denials: [], clients: [] });
  return {
    now: { problems, providers, queues: depths.length },
    ledger,
    ms,
    skews: all.map(({ news, skew }) => ({ provider: news.provider, ms: skew })),
  };
}
