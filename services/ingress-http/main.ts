// ingress-http. The HTTP door: Kannel's sendsms and look-ups. Writes accepted messages to the exchange `submit`; asks the
// ledger for look-ups. Answers 202 only after the broker's confirm.
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { prepare, refuse, submit } from '#shared/doors/accept.ts';
import { openCredentials, type Verified } from '#shared/doors/credentials.ts';
import { serveRefusals } from '#shared/doors/refusals.ts';
import { type Context, portError, runServices, type Service } from '#shared/service.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { LEDGER_RPC } from '#shared/topology.ts';
import { parseQuery } from './query.ts';
import {
  ACCEPTED,
  addHeaders,
  NOT_ROUTABLE,
  passwordOf,
  type Refusal,
  readSendsms,
  TEMPORARY,
  UNAUTHORISED,
  UNKNOWN_PATH,
  userOf,
} from './sendsms.ts';

const LIMITS = { requestTimeout: 10_000, keepAliveTimeout: 65_000, bodyLimit: 64 * 1_024, headerSize: 32 * 1_024 };
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

export const ingressHttp: Service = {
  name: 'ingress-http',
  async start({ config, bus, log }: Context) {
    const credentials = openCredentials(config.clients);
    await serveRefusals(bus, 'http');
    const app = fastify({
      logger: false,
      requestTimeout: LIMITS.requestTimeout,
      keepAliveTimeout: LIMITS.keepAliveTimeout,
      bodyLimit: LIMITS.bodyLimit,
      http: { maxHeaderSize: LIMITS.headerSize },
      // Octets matter here, so the query is read by our own parser and fastify's is given nothing to do.
      routerOptions: { querystringParser: () => ({}) },
    });

    app.get('/cgi-bin/sendsms', async (request, reply) => {
      const answer = await sendsms(request);
      if (!Array.isArray(answer)) return kannel(reply, answer.status, answer.body);
      reply.header('x-message-id', answer.join(','));
      return kannel(reply, 202, ACCEPTED);
    });

    async function sendsms(request: FastifyRequest): Promise<string[] | Refusal> {
      const address = request.socket.remoteAddress ?? '';
      const url = request.raw.url ?? '';
      const query = parseQuery(url.slice(url.indexOf('?') + 1 || url.length));
      const user = userOf(query);
      let verified = credentials.verify(user, passwordOf(query));
      if (verified instanceof Promise) verified = await verified;
      const no = (refusal: Refusal) => {
        const more = { fields: [...query.keys()], detail: refusal.body };
        refuse('http', refusal.reason, address, verified ? user : undefined, more);
        return refusal;
      };
      if (!verified || !credentials.allows(verified, address)) return no(UNAUTHORISED);
      const now = Date.now();
      addHeaders(query, request.headers);
      const read = readSendsms(query, verified, address, now);
      if ('status' in read) return no(read);
      if (read.smsc !== undefined && !config.providers[read.smsc]) return no(NOT_ROUTABLE);
      const messages = prepare({ ...read, traceparent: request.headers.traceparent }, verified, now);
      if (!Array.isArray(messages)) return no({ status: 400, body: `${messages.refused}, rejected`, reason: 'limit' });
      try {
        await submit(bus, messages, address, log);
      } catch {
        return no(TEMPORARY);
      }
      return messages.map(({ id }) => id);
    }

    app.get<{ Params: { id: string } }>('/v1/messages/:id', async (request, reply) => {
      const verified = await basic(request);
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

    async function basic(request: FastifyRequest): Promise<Verified | undefined> {
      const [scheme, value] = (request.headers.authorization ?? '').split(' ');
      if (scheme?.toLowerCase() !== 'basic' || !value) return undefined;
      const pair = Buffer.from(value, 'base64').toString();
      const colon = pair.indexOf(':');
      const verified = await credentials.verify(pair.slice(0, colon), pair.slice(colon + 1));
      return verified && credentials.allows(verified, request.socket.remoteAddress ?? '') ? verified : undefined;
    }

    app.setNotFoundHandler((_request, reply) => kannel(reply, UNKNOWN_PATH.status, UNKNOWN_PATH.body));
    app.setErrorHandler((error, _request, reply) => {
      log.error({ reason: reasonOf(error) }, 'a request failed: a fault of this program');
      return kannel(reply, 500, 'Internal error, see the log of ingress-http');
    });
    await app.listen(config.listen.http).catch((error) => {
      throw portError(error, 'listen.http');
    });
    return {
      stop: () => app.close(),
    };
  },
};

const kannel = (reply: FastifyReply, status: number, body: string) =>
  reply
    .code(status)
    .header('content-type', 'text/html')
    .header('cache-control', 'no-cache')
    .header('pragma', 'no-cache')
    .send(body);

/** RFC 9457. */
const problem = (reply: FastifyReply, status: number, detail: string) =>
  reply.code(status).type('application/problem+json').send({ status, detail });

if (import.meta.main) await runServices([ingressHttp]);
