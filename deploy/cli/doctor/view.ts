// What the checks of `hermod doctor` look at: the configuration, the broker, and what everyone says now; each fetched once,
// by whoever asks first.
import { type Bus, openBus } from '#shared/bus/bus.ts';
import type { NewsOf } from '#shared/bus/health.ts';
import { type Loaded, loadConfig } from '#shared/config/load.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { type Now, openWatch } from '../../../services/console/now.ts';
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
  now: Now | undefined;
  /** Why the ledger does not answer, and how long it took. */
  ledger: string | undefined;
  ms: number;
  /** How far the clocks of workers are away from ours. */
  skews: { provider: string; ms: number }[];
};

const BROKER_WITHIN_MS = 4_000;
const LEDGER_WITHIN_MS = 2_000;

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
  const skews = new Map<string, number>();
  await bus.listen((item) => {
    if (item.kind === 'provider') skews.set((item as NewsOf<'provider'>).provider, item.at - Date.now());
  });
  const startedAt = performance.now();
  const answer = askLedger(bus, { ask: 'paused' }, LEDGER_WITHIN_MS).then(
    () => ({ ledger: undefined, ms: performance.now() - startedAt }),
    (error) => ({ ledger: reasonOf(error), ms: 0 }),
  );
  const watch = await openWatch(bus, view.loaded().config);
  const now = await watch.now();
  return { now, ...(await answer), skews: [...skews].map(([provider, ms]) => ({ provider, ms })) };
}
