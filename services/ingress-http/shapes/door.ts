// Doors that look like a provider's API, so that a program that knows the provider needs another host and other credentials
// only. A shape says how its requests are read and how its answers look; what happens between is the same for all.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { refuse } from '#shared/doors/accept.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { type Presented, verify } from '../caller.ts';
import type { Means, Mount } from '../mounted.ts';
import { type Asked, type Refusal as NotTaken, take } from '../take.ts';
import { clickatellHttp, clickatellPlatform, clickatellRest } from './clickatell.ts';
import { type Fields, readFields } from './fields.ts';
import { twilio } from './twilio.ts';

export type Refusal = Omit<NotTaken, 'reason'> & {
  reason: NotTaken['reason'] | 'authorization' | 'malformed' | 'fault';
};
export type Answer = { status: number; type: string; body: string };
/** What an answer may need of its request. */
export type Asker = { path: string; fields: Fields };

export type Shape = {
  /** Methods and paths, as fastify writes them. */
  routes: readonly (readonly [method: 'GET' | 'POST', path: string])[];
  /** Names of its fields, in small letters: a body that has none of them is the text itself. */
  known: readonly string[];
  text: string;
  presented(authorization: string | undefined, fields: Fields): Presented | undefined;
  asked(fields: Fields): Asked;
  accepted(messages: readonly Sms[], asker: Asker): Answer;
  refused(refusal: Refusal, asker: Asker): Answer;
};

const SHAPES: readonly Shape[] = [clickatellRest, clickatellHttp, clickatellPlatform, twilio];

export const shapes: Mount = async (app, means) => {
  for (const shape of SHAPES) await app.register(async (scope) => mount(scope, shape, means));
};

function mount(app: FastifyInstance, shape: Shape, means: Means): void {
  // Any content type, also one that is none: what a body is shows in the body.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.addHook('onRequest', async (request) => {
    if (/^[^/]*$/.test(request.headers['content-type'] ?? '/')) delete request.headers['content-type'];
  });
  app.setErrorHandler((error, request, reply) => {
    const { statusCode = 500 } = error as { statusCode?: number };
    const malformed = statusCode < 500;
    if (!malformed) means.log.error({ reason: reasonOf(error) }, 'a request failed: a fault of this program');
    const detail = malformed ? reasonOf(error) : 'see the log of ingress-http';
    const asker = { path: pathOf(request), fields: new Map() };
    return send(reply, shape.refused({ reason: malformed ? 'malformed' : 'fault', detail }, asker));
  });
  for (const [method, url] of shape.routes) {
    app.route({ method, url, handler: (request, reply) => serve(request, reply, shape, means) });
  }
}

async function serve(request: FastifyRequest, reply: FastifyReply, shape: Shape, means: Means): Promise<FastifyReply> {
  const address = request.ip;
  const body = Buffer.isBuffer(request.body) ? request.body : undefined;
  const read = readFields(request.raw.url ?? '', body, shape.known, shape.text);
  const asker = { path: pathOf(request), fields: read ?? (new Map() as Fields) };
  const names = [...asker.fields.keys()];
  const no = (refusal: Refusal) => {
    if (refusal.retryAfterS !== undefined) reply.header('retry-after', String(refusal.retryAfterS));
    return send(reply, shape.refused(refusal, asker));
  };
  const verified = await verify(shape.presented(request.headers.authorization, asker.fields), address, means, names);
  if (!verified) {
    return no({ reason: 'authorization', detail: 'no client has these credentials and may call from here' });
  }
  if (!read) {
    const detail = 'the request is neither form data nor JSON, or not UTF-8';
    refuse('http', 'fields', address, verified.name, { detail });
    return no({ reason: 'malformed', detail });
  }
  const call = { verified, address, traceparent: request.headers.traceparent, fields: names };
  const taken = await take(shape.asked(read), call, means);
  return Array.isArray(taken) ? send(reply, shape.accepted(taken, asker)) : no(taken);
}

const pathOf = ({ raw }: FastifyRequest) => (raw.url ?? '').split('?', 1)[0]!;
const send = (reply: FastifyReply, { status, type, body }: Answer) => reply.code(status).type(type).send(body);
