// POST /v1/messages and its preview.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { counters } from '#shared/counters.ts';
import { WEBHOOK_SCHEME } from '#shared/messages/callback.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { decodeGsm7, isGsm7 } from '#shared/sms/gsm7.ts';
import { countSegments, encodingOf, split } from '#shared/sms/segments.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import type { Means } from '../mounted.ts';
import { type Asked, type Reason, type Refusal, take } from '../take.ts';
import { begin, type Once } from './idempotency.ts';
import { answers } from './openapi.ts';
import { Problem, type ProblemName } from './problems.ts';
import { previewAnswer, previewRequest, sendAnswer, sendHeaders, sendRequest } from './schemas.ts';

/** Delivered, failed, taken by the provider, and ended without it: every step but "waits at the SMSC". */
const ALL_STEPS = 1 + 2 + 8 + 16;

const KINDS: Record<Reason, ProblemName> = {
  to: 'invalid-recipient',
  from: 'invalid-sender',
  text: 'invalid-request',
  limit: 'too-much',
  'not permitted': 'not-permitted',
  'too often': 'too-often',
  broker: 'unavailable',
};

type Send = z.output<typeof sendRequest>;
type Preview = z.output<typeof previewRequest>;

export function addSending(app: FastifyInstance, means: Means): void {
  app.post(
    '/messages',
    {
      schema: {
        summary: 'Send an SMS to one or several recipients',
        body: sendRequest,
        headers: sendHeaders,
        response: answers(
          { 202: { description: 'Every message is kept by the broker.', schema: sendAnswer } },
          ...(['invalid-request', 'invalid-recipient', 'invalid-sender', 'too-much', 'unsigned-callback'] as const),
          ...(['not-permitted', 'in-progress', 'key-reused', 'too-large', 'unsupported-media-type'] as const),
          ...(['too-often', 'unavailable'] as const),
        ),
      } as object,
    },
    async (request, reply) => {
      const body = request.body as Send;
      const { name } = request.verified!;
      const key = request.headers['idempotency-key'] as string | undefined;
      const once = key === undefined ? undefined : await begin(await counters(), name, key, body);
      const messages = await send(body, request, once);
      if (messages.length === 1) reply.header('location', `/v1/messages/${messages[0]!.id}`);
      return reply.code(202).send({ messages: messages.map(answerOf) } satisfies z.input<typeof sendAnswer>);
    },
  );

  /** Every way out of here settles `once`. */
  async function send(body: Send, request: FastifyRequest, once: Once | undefined): Promise<Sms[]> {
    try {
      const call = {
        verified: request.verified!,
        address: request.ip,
        traceparent: request.headers.traceparent,
        fields: Object.keys(body),
      };
      const taken = await take(askedOf(body, request), call, means, once);
      if (!Array.isArray(taken)) throw await refused(taken, body, once);
      if (!once?.sent) await once?.done(taken.map(({ id }) => id));
      return taken;
    } catch (error) {
      if (!(error instanceof Lost) && !once?.sent) await once?.refused();
      throw error;
    }
  }

  app.post(
    '/messages/preview',
    {
      schema: {
        summary: 'What a text becomes: encoding, segments, parts. Nothing is sent',
        body: previewRequest,
        response: answers(
          { 200: { description: 'As it would be sent.', schema: previewAnswer } },
          ...(['invalid-request', 'too-much', 'too-large', 'unsupported-media-type'] as const),
        ),
      } as object,
    },
    async (request) => preview(request.body as Preview, request.verified!.client.maxSegments),
  );
}

class Lost extends Problem {}

async function refused(refusal: Refusal, { to }: Send, once: Once | undefined): Promise<Problem> {
  const { reason, detail, recipient, retryAfterS, lost } = refusal;
  const pointer = Array.isArray(to) && recipient !== undefined ? `#/to/${recipient}` : `#/${reason}`;
  const errors = reason === 'to' || reason === 'from' || reason === 'text' ? [{ pointer, detail }] : [];
  const more = { errors, ...(retryAfterS === undefined ? {} : { retryAfterS }) };
  if (!lost || !once) return new Problem(KINDS[reason], detail, more);
  await once.lost(lost.map(({ id }) => id));
  return new Lost(KINDS[reason], detail, more);
}

function askedOf({ to, validity, sendAt, callback, ...body }: Send, { verified }: FastifyRequest): Asked {
  checkEncoding(body);
  if (callback !== undefined && verified!.client.callbacks?.secret === undefined)
    throw new Problem('unsigned-callback', 'the client has no callbacks.secret, so its events cannot be signed');
  const notBefore = sendAt === undefined ? 0 : Date.parse(sendAt);
  return {
    ...(body as Omit<Asked, 'to'>),
    to: [to].flat(),
    ...(validity === undefined ? {} : { validityMs: validity }),
    ...(notBefore > Date.now() ? { notBefore } : {}),
    ...(callback === undefined ? {} : { dlrMask: ALL_STEPS, dlrUrl: WEBHOOK_SCHEME + callback }),
  };
}

const answerOf = ({ id, to, text, encoding, segments }: Sms) => ({
  id,
  to: /^\d{7,}$/.test(to) ? `+${to}` : to,
  state: 'accepted' as const,
  encoding: encoding === 'ucs2' ? ('ucs2' as const) : encoding === undefined ? encodingOf(text) : ('gsm7' as const),
  segments,
});

function checkEncoding({ text, encoding }: Pick<Preview, 'text' | 'encoding'>): void {
  if (encoding !== 'gsm7' || isGsm7(text)) return;
  const detail = 'the text has characters that GSM 7-bit cannot write: /v1/messages/preview names them';
  throw new Problem('invalid-request', detail, { errors: [{ pointer: '#/encoding', detail }] });
}

function preview(asked: Preview, maxSegments: number): z.input<typeof previewAnswer> {
  const { text } = asked;
  const notGsm7 = [...new Set(text)].filter((character) => !isGsm7(character));
  const encoding = notGsm7.length > 0 ? 'ucs2' : (asked.encoding ?? 'gsm7');
  try {
    const { segments, units } = countSegments(text, encoding);
    const decode = encoding === 'gsm7' ? decodeGsm7 : (part: Buffer) => part.swap16().toString('utf16le');
    const parts = split(text, encoding).map(decode);
    return { encoding, segments, units, allowed: segments <= maxSegments, parts, notGsm7 };
  } catch (error) {
    throw new Problem('too-much', reasonOf(error));
  }
}
