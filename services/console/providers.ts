// Providers paused, drained and resumed: the ledger keeps the lists and tells the workers and the routers. A test message
// goes to whoever holds a bind.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Bus } from '#shared/bus/bus.ts';
import type { Config } from '#shared/config/schema.ts';
import { askHolder, sharedSender } from '#shared/egress/trial.ts';
import { maskNumber, parseRecipients } from '#shared/sms/number.ts';
import { LEDGER_RPC } from '#shared/topology.ts';
import { parsed } from './door.ts';
import { act, Refusal } from './server.ts';

const ACTIONS = {
  pause: (provider: string) => ({ ask: 'pause', provider, paused: true }),
  drain: (provider: string) => ({ ask: 'drain', provider }),
  resume: (provider: string) => ({ ask: 'pause', provider, paused: false }),
} as const;

const trial = z.strictObject({ to: z.string().min(1).max(40), text: z.string().min(1).max(1_600) });

export function addProviders(scope: FastifyInstance, bus: Bus, { providers, clients }: Config): void {
  scope.post<{ Params: { name: string } }>(
    '/providers/:name/try',
    { config: { needs: 'operator' } },
    async (request) => {
      const { name } = request.params;
      if (!Object.hasOwn(providers, name)) throw new Refusal(404, 'there is no provider of this name');
      const { to, text } = parsed(trial, request.body);
      const read = parseRecipients(to);
      if (!read.ok) throw new Refusal(400, `the number: ${read.reason}`);
      const [recipient, second] = read.numbers;
      if (!recipient || second) throw new Refusal(400, 'one number, not several');
      const { e164, given } = recipient;
      const question = {
        ask: 'try',
        to: e164,
        given,
        text,
        from: sharedSender(clients),
        by: request.session!.user,
      } as const;
      const deed = { action: 'try', object: `provider ${name}`, detail: `to ${maskNumber(e164)}` };
      return act(bus, request, deed, async () => {
        const answer = await askHolder(bus, name, providers[name]!.binds, question);
        if (!answer) throw new Refusal(503, `nobody holds a bind of ${name}: is its egress service running?`);
        return answer;
      });
    },
  );

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
