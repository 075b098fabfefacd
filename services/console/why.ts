// Why a message went where it went: the router's own judgement of it, by the configuration that the router has now.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Bus } from '#shared/bus/bus.ts';
import type { Config } from '#shared/config/schema.ts';
import { VERSION } from '#shared/messages/envelope.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { LEDGER_RPC } from '#shared/topology.ts';
import { parsed } from './door.ts';
import { Refusal } from './server.ts';

const params = z.strictObject({ id: z.uuid('no message has such an id') });
/** Routers answer at once. */
const ANSWER_WITHIN_MS = 500;
/** Conditions of routes that look at what the ledger does not keep. */
const FORGOTTEN = ['text', 'user', 'realm', 'tag', 'address'] as const;

type Story = Pick<Sms, 'id' | 'client' | 'door' | 'from' | 'segments' | 'expiry'> & {
  lane: string;
  acceptedAt: number;
};

export function addWhy(scope: FastifyInstance, bus: Bus, { routes }: Config): void {
  const forgotten = FORGOTTEN.filter((name) => routes.some(({ when }) => when[name] !== undefined));

  scope.get('/messages/:id/why', { config: { byItself: true } }, async (request) => {
    const { id } = parsed(params, request.params);
    const [story, to] = await Promise.all([
      bus.ask(LEDGER_RPC, { ask: 'story', id }) as Promise<Story | null>,
      // For conditions on prefixes and countries: it goes to the router, and no further.
      bus.ask(LEDGER_RPC, { ask: 'number', id }) as Promise<string | null>,
    ]).catch((error) => {
      throw new Refusal(503, reasonOf(error));
    });
    if (!story || !to) throw new Refusal(404, 'no message has this id');
    const message = messageOf(story, to);
    const [explained] = await bus.askAll({ kind: 'ask', what: 'route', message }, ANSWER_WITHIN_MS);
    return explained ? { ...explained, forgotten } : { steps: [], reason: 'no router answers', forgotten };
  });
}

const messageOf = ({ id, client, door, lane, from, segments, expiry, acceptedAt }: Story, to: string) => ({
  ...{ v: VERSION.sms, type: 'sms', handover: 0, attempts: 0, traceparent: '', text: '', given: to },
  ...{ id, client, door, lane, from, segments, expiry, at: acceptedAt, to },
});
