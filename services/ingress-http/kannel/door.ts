// Kannel's sendsms as a door: who calls, what the request becomes, and the answer that Kannel would give.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { prepare, refuse, submit } from '#shared/doors/accept.ts';
import { Excess } from '#shared/doors/admission.ts';
import type { Means, Mount } from '../mounted.ts';
import { parseQuery } from '../query.ts';
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

export const kannel: Mount = (app, means) => {
  app.get('/cgi-bin/sendsms', async (request, reply) => {
    const answered = await sendsms(request, means);
    if (!Array.isArray(answered)) {
      const { status, body, retryAfterS } = answered;
      if (retryAfterS !== undefined) reply.header('retry-after', retryAfterS);
      return answer(reply, status, body);
    }
    reply.header('x-message-id', answered.join(','));
    return answer(reply, 202, ACCEPTED);
  });
};

/** The ids of the messages, once the broker has them all. */
async function sendsms(request: FastifyRequest, { config, credentials, bus, log }: Means): Promise<string[] | Refusal> {
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
  if (!Array.isArray(messages)) return no(notPrepared(messages));
  try {
    await submit(bus, messages, verified.client, address, log);
  } catch (error) {
    if (!(error instanceof Excess)) return no(TEMPORARY);
    return no({ ...TEMPORARY, reason: error.reason, retryAfterS: error.retryAfterS });
  }
  return messages.map(({ id }) => id);
}

/** With the headers that Kannel writes. */
export const answer = (reply: FastifyReply, status: number, body: string) =>
  reply
    .code(status)
    .header('content-type', 'text/html')
    .header('cache-control', 'no-cache')
    .header('pragma', 'no-cache')
    .send(body);
