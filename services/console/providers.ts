// Providers paused and resumed: the ledger keeps the list and tells the workers.
import type { FastifyInstance } from 'fastify';
import type { Bus } from '#shared/bus/bus.ts';
import type { Config } from '#shared/config/schema.ts';
import { LEDGER_RPC } from '#shared/topology.ts';
import { act, Refusal } from './server.ts';

const ACTIONS = { pause: true, resume: false } as const;

export function addProviders(scope: FastifyInstance, bus: Bus, { providers }: Config): void {
  for (const [action, paused] of Object.entries(ACTIONS)) {
    scope.post<{ Params: { name: string } }>(
      `/providers/:name/${action}`,
      { config: { needs: 'operator' } },
      async (request) => {
        const provider = request.params.name;
        if (!Object.hasOwn(providers, provider)) throw new Refusal(404, 'there is no provider of this name');
        return act(bus, request, { action, object: `provider ${provider}` }, async () => ({
          paused: await bus.ask(LEDGER_RPC, { ask: 'pause', provider, paused }),
        }));
      },
    );
  }
}
