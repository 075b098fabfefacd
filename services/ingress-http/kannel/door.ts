// Kannel's sendsms as a door: who calls, what the request becomes, and the answer that Kannel would give.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { prepare, refuse, submit } from '#shared/doors/accept.ts';
import { Excess } from '#shared/doors/admission.ts';
import { denialOf } from '#shared/doors/credentials.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { encodingOf } from '#shared/sms/segments.ts';
import type { Means, Mount } from '../mounted.ts';
import { readParameters } from './parameters.ts';
import { routable } from './routable.ts';
import {
  ACCEPTED,
  addHeaders,
  NOT_ROUTABLE,
  notPrepared,
  passwordOf,
  type Refusal,
  readSendsms,
  TEMPORARY,
  UNAUTHORISED,
  userOf,
} from './sendsms.ts';

const TAKEN = ['GET', 'HEAD', 'POST'] as const;
const OTHERS = ['PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

export const kannel: Mount = (app, means) => {
  const url = means.config.listen.http.sendsms;
  const mayRoute = routable(means.config.providers);
  // Octets, whatever their type says.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.route({
    method: [...TAKEN],
    url,
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      const answered = await sendsms(request, means, mayRoute);
      if (Array.isArray(answered)) {
        reply.header('x-message-id', answered.map(({ id }) => id).join(','));
        // One text for all recipients.
        reply.header('x-message-segments', answered[0]!.segments);
        reply.header('x-message-encoding', answered[0]!.encoding ?? encodingOf(answered[0]!.text));
        return answer(reply, 202, ACCEPTED);
      }
      const { status, body, retryAfterS } = answered;
      if (retryAfterS !== undefined) reply.header('retry-after', retryAfterS);
      return answer(reply, status, body);
    },
  });
  app.route({ method: [...OTHERS], url, handler: async (_request, reply) => answer(reply, 400, '') });
};

/** The messages, once the broker has them all. */
async function sendsms(
  request: FastifyRequest,
  { config, credentials, bus, log }: Means,
  mayRoute: (e164: string) => boolean,
): Promise<Sms[] | Refusal> {
  const address = request.ip;
  const { method, headers } = request;
  const query = readParameters({
    method,
    headers,
    url: request.raw.url ?? '',
    body: request.body as Buffer | undefined,
  });
  if ('status' in query) return noted(query, address);
  const user = userOf(query);
  let verified = credentials.verify(user, passwordOf(query), address);
  if (verified instanceof Promise) verified = await verified;
  const no = (refusal: Refusal, more: Noted = {}) =>
    noted(refusal, address, verified ? user : undefined, { fields: [...query.keys()], ...more });
  if (!verified || !credentials.allows(verified, address))
    return no(UNAUTHORISED, denialOf(user, verified !== undefined, config.clients));
  const now = Date.now();
  addHeaders(query, headers);
  const read = readSendsms(query, verified, address, now);
  if ('status' in read) return no(read);
  const smsc = verified.client.forcedSmsc ?? read.smsc;
  if (smsc !== undefined && !Object.hasOwn(config.providers, smsc)) return no(NOT_ROUTABLE);
  if (!read.recipients.every(({ e164 }) => mayRoute(e164))) return no(NOT_ROUTABLE);
  const messages = prepare({ ...read, traceparent: headers.traceparent }, verified, now);
  if (!Array.isArray(messages)) return no(notPrepared(messages));
  try {
    await submit(bus, messages, verified.client, address, log);
  } catch (error) {
    if (!(error instanceof Excess)) return no(TEMPORARY);
    const refusal = { ...TEMPORARY, reason: error.reason, retryAfterS: error.retryAfterS };
    return no(refusal, { detail: error.message });
  }
  return messages;
}

type Noted = { fields?: string[]; detail?: string; claimed?: string };

function noted(refusal: Refusal, address: string, client?: string, more: Noted = {}): Refusal {
  refuse('http', refusal.reason, address, client, { detail: refusal.body, ...more });
  return refusal;
}

/** With the headers that Kannel writes. */
export const answer = (reply: FastifyReply, status: number, body: string) =>
  reply
    .code(status)
    .header('content-type', 'text/html')
    .header('cache-control', 'no-cache')
    .header('pragma', 'no-cache')
    .send(body);
