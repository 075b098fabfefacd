// Providers paused, drained and resumed: the ledger keeps the lists and tells the workers and the routers.
import type { FastifyInstance } from 'fastify';
import type { Bus } from '#shared/bus/bus.ts';
import type { Config } from '#shared/config/schema.ts';
import { LEDGER_RPC } from '#shared/topology.ts';
import { act, Refusal } from './server.ts';

const ACTIONS = {
  pause: (provider: string) => ({ ask: 'pause', provider, paused: true }),
  drain: (provider: string) => ({ ask: 'drain', provider }),
  resume: (provider: string) => ({ ask: 'pause', provider, paused: false }),
} as const;

export function addProviders(scope: FastifyInstance, bus: Bus, { providers }: Config): void {
  for (const [action, question] of Object.entries(ACTIONS)) {
    scope.post<{ Params: { name: string } }>(
      `/providers/:name/${action}`,
      { config: { needs: 'operator' } },
      async (request) => {
        const provider = request.params.name;
        if (!Object.hasOwn(providers, provider)) throw new Refusal(404, 'there is no provider of this name');
        return act(bus, request, { action, object: `provider ${provider}` }, async () => ({
          [action === 'drain' ? 'draining' : 'paused']: await bus.ask(LEDGER_RPC, question(provider)),
        }));
      },
    );
  }
}
