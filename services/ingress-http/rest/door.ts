// The REST door: a client looks up its own messages.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { refuse } from '#shared/doors/accept.ts';
import type { Verified } from '#shared/doors/credentials.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { LEDGER_RPC } from '#shared/topology.ts';
import type { Means, Mount } from '../mounted.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

export const rest: Mount = (app, { bus, credentials }) => {
  app.get<{ Params: { id: string } }>('/v1/messages/:id', async (request, reply) => {
    const verified = await basic(request, credentials);
    if (!verified) {
      refuse('http', 'authorization', request.socket.remoteAddress ?? '');
      return problem(reply.header('www-authenticate', 'Basic realm="hermod"'), 401, 'the name or password is wrong');
    }
    if (!UUID.test(request.params.id)) return problem(reply, 404, 'this is not a message id');
    try {
      const found = await bus.ask(LEDGER_RPC, {
        ask: 'message',
        id: request.params.id.toLowerCase(),
        client: verified.name,
      });
      return found ?? problem(reply, 404, 'no message of yours has this id (a new one may take a moment)');
    } catch (error) {
      return problem(reply, 503, reasonOf(error));
    }
  });
};

async function basic(request: FastifyRequest, credentials: Means['credentials']): Promise<Verified | undefined> {
  const [scheme, value] = (request.headers.authorization ?? '').split(' ');
  if (scheme?.toLowerCase() !== 'basic' || !value) return undefined;
  const pair = Buffer.from(value, 'base64').toString();
  const colon = pair.indexOf(':');
  const verified = await credentials.verify(pair.slice(0, colon), pair.slice(colon + 1));
  return verified && credentials.allows(verified, request.socket.remoteAddress ?? '') ? verified : undefined;
}

/** RFC 9457. */
const problem = (reply: FastifyReply, status: number, detail: string) =>
  reply.code(status).type('application/problem+json').send({ status, detail });
