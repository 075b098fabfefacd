// egress-smpp. Reads egress.<provider>.urgent and .bulk of every SMPP provider (or of those in HERMOD_PROVIDERS, comma
// separated), submits to the SMSC, and writes reports; delivery receipts come back on the same sessions.
import { type Context, runServices, type Service } from '#shared/service.ts';
import { Worker } from './worker.ts';

export const egressSmpp: Service = {
  name: 'egress-smpp',
  async start({ config, bus, log }: Context) {
    const only = process.env.HERMOD_PROVIDERS?.split(',').map((name) => name.trim());
    const mine = Object.entries(config.providers).filter(
      ([name, { bearer }]) => bearer === 'smpp' && (!only || only.includes(name)),
    );
    if (only && mine.length < only.length)
      throw new Error(`HERMOD_PROVIDERS names a provider that is not an SMPP provider here: ${only.join(', ')}`);
    const workers = mine.map(
      ([name, provider]) => new Worker({ name, provider, failoverAfter: config.limits.failoverAfter, bus, log }),
    );
    await Promise.all(workers.map((worker) => worker.start()));
    return { stop: async () => void (await Promise.all(workers.map((worker) => worker.stop()))) };
  },
};

if (import.meta.main) await runServices([egressSmpp]);
