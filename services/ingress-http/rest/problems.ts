// Refusals of the REST API as problem details (RFC 9457). `type` is a path at this server: GET it, and it says what to do.
import type { FastifyReply } from 'fastify';

type Kind = { status: number; title: string; todo: string };

export const PROBLEMS = {
  'invalid-request': {
    status: 400,
    title: 'The request is not as documented',
    todo: 'See `errors`: each names a field by a JSON pointer and says what is wrong with it.',
  },
  'invalid-recipient': {
    status: 400,
    title: 'A recipient is no telephone number',
    todo: 'Write numbers with + and country code. Nothing was sent, to the other recipients neither.',
  },
  'invalid-sender': {
    status: 400,
    title: 'The sender cannot be used',
    todo: "Give `from` as up to 20 printable ASCII characters, or have the administrator set the client's sender.",
  },
  'too-much': {
    status: 400,
    title: 'More than the client may send in one request',
    todo: 'Shorten the text or split the list. The limits are `maxSegments` and `maxRecipients` of the client.',
  },
  'unsigned-callback': {
    status: 400,
    title: 'Events for this client cannot be signed',
    todo: 'Have the administrator set `callbacks.secret` of the client: `hermod webhook-secret` makes one.',
  },
  unauthorised: {
    status: 401,
    title: 'Key, name or password is wrong, or the client may not call from here',
    todo: 'Send `Authorization: Bearer KEY` or Basic. `hermod refusals` shows the administrator who was refused.',
  },
  'not-permitted': {
    status: 403,
    title: 'The client may not send this',
    todo: 'The administrator decides: senders, countries, prefixes and lists stand in the row of the client.',
  },
  'not-found': {
    status: 404,
    title: 'There is no such message or path',
    todo: 'A client sees its own messages only. One that was just accepted may take a moment to be found.',
  },
  'too-late': {
    status: 409,
    title: 'The message is on its way or has ended',
    todo: 'Only what is scheduled can be taken back, and only before its time.',
  },
  'in-progress': {
    status: 409,
    title: 'A request with this Idempotency-Key is under way',
    todo: 'Ask again after the time in Retry-After.',
  },
  'too-large': { status: 413, title: 'The request is too large', todo: 'A body has at most 64 KiB.' },
  'unsupported-media-type': {
    status: 415,
    title: 'The body is not JSON',
    todo: 'Send `Content-Type: application/json`.',
  },
  'key-reused': {
    status: 422,
    title: 'This Idempotency-Key came with another request before',
    todo: 'Use a new key for each new request, and the same one only to repeat it.',
  },
  'too-often': {
    status: 429,
    title: 'A limit of the client is reached',
    todo: 'Ask again after the time in Retry-After. The limits are `rate`, `dailyQuota` and `perNumber` of the client.',
  },
  internal: { status: 500, title: 'A fault of this program', todo: 'The log of ingress-http says more.' },
  unavailable: {
    status: 503,
    title: 'The gateway cannot do this right now',
    todo: 'Ask again after the time in Retry-After. With the same Idempotency-Key nothing is sent twice.',
  },
} satisfies Record<string, Kind>;

export type ProblemName = keyof typeof PROBLEMS;
export type FieldError = { pointer: string; detail: string };

export const typeOf = (name: ProblemName) => `/v1/problems/${name}`;

/** Thrown anywhere below the REST door; its error handler writes it. */
export class Problem extends Error {
  override name = 'Problem';
  readonly kind: ProblemName;
  readonly errors: readonly FieldError[];
  readonly retryAfterS: number | undefined;

  constructor(kind: ProblemName, detail: string, more: { errors?: readonly FieldError[]; retryAfterS?: number } = {}) {
    super(detail);
    this.kind = kind;
    this.errors = more.errors ?? [];
    this.retryAfterS = more.retryAfterS;
  }
}

export function sendProblem(reply: FastifyReply, { kind, message, errors, retryAfterS }: Problem): FastifyReply {
  const { status, title } = PROBLEMS[kind];
  if (retryAfterS !== undefined) reply.header('retry-after', String(Math.max(1, Math.ceil(retryAfterS))));
  if (status === 401) reply.header('www-authenticate', 'Basic realm="hermod", Bearer realm="hermod"');
  const body = { type: typeOf(kind), title, status, detail: message, ...(errors.length > 0 ? { errors } : {}) };
  return reply.code(status).type('application/problem+json').send(JSON.stringify(body));
}
