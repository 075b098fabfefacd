// A whole egress service out of a bearer: one worker for each of its providers, or for those that HERMOD_PROVIDERS names.
import type { Provider, ProviderOf } from '../config/schema.ts';
import type { Context, Service } from '../service.ts';
import type { Bearer } from './bearer.ts';
import { Worker } from './worker.ts';

/** `make` builds the bearer of one provider. HERMOD_PROVIDERS is comma separated; all of the bearer's when not set. */
export function egressService<B extends Provider['bearer'], P>(
  bearer: B,
  make: (name: string, provider: ProviderOf<B>, context: Context) => Bearer<P>,
): Service {
  return {
    name: `egress-${bearer}`,
    async start(context) {
      const { config, bus, log } = context;
      const only = process.env.HERMOD_PROVIDERS?.split(',').map((name) => name.trim());
      const mine = Object.entries(config.providers).filter(
        (row): row is [string, ProviderOf<B>] => row[1].bearer === bearer && (!only || only.includes(row[0])),
      );
      if (only && mine.length < only.length)
        throw new Error(`HERMOD_PROVIDERS names a provider whose bearer is not ${bearer}: ${only.join(', ')}`);
      const { failoverAfter } = config.limits;
      const workers = mine.map(
        ([name, provider]) =>
          new Worker({ name, provider, bearer: make(name, provider, context), failoverAfter, bus, log }),
      );
      await Promise.all(workers.map((worker) => worker.start()));
      return { stop: async () => void (await Promise.all(workers.map((worker) => worker.stop()))) };
    },
  };
}
