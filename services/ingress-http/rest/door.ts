// The REST API under /v1: who calls, what is checked before a handler sees it, and how refusals look. The document that
// describes it is at /v1/docs.
import { readFileSync } from 'node:fs';
import type { FastifyError, FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { refuse } from '#shared/doors/accept.ts';
import type { Verified } from '#shared/doors/credentials.ts';
import { type Log, reasonOf } from '#shared/telemetry/log.ts';
import { presentedIn, verify } from '../caller.ts';
import type { Means, Mount } from '../mounted.ts';
import { addLookUps } from './lookups.ts';
import { documented } from './openapi.ts';
import { type FieldError, PROBLEMS, Problem, type ProblemName, sendProblem } from './problems.ts';
import { addSending } from './send.ts';

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
const MOST_ERRORS = 10;
const MOST_DETAIL = 200;

declare module 'fastify' {
  interface FastifyRequest {
    /** Set before any handler of the REST API runs. */
    verified?: Verified;
  }
}

export const rest: Mount = async (app, means) => {
  await documented(app, version);
  app.setErrorHandler((error, request, reply) => sendProblem(reply, problemOf(error, request, means.log)));
  app.get<{ Params: { name: string } }>('/v1/problems/:name', { schema: { hide: true } as object }, (request) => {
    const { name } = request.params;
    if (!Object.hasOwn(PROBLEMS, name)) throw new Problem('not-found', 'there is no such type of problem');
    const { status, title, todo } = PROBLEMS[name as ProblemName];
    return `${status}: ${title}. ${todo}\n`;
  });
  await app.register(async (v1) => api(v1, means), { prefix: '/v1' });
};

async function api(v1: FastifyInstance, means: Means): Promise<void> {
  v1.setNotFoundHandler((_request, reply) => sendProblem(reply, new Problem('not-found', 'there is no such path')));
  v1.setValidatorCompiler(({ schema, httpPart }) => (data: unknown) => {
    const parsed = (schema as unknown as z.ZodType).safeParse(data);
    return parsed.success ? { value: parsed.data } : { error: faultsOf(parsed.error.issues, httpPart ?? 'body') };
  });
  v1.setSerializerCompiler(() => JSON.stringify);
  // Before a body is read, so that a stranger's is not.
  v1.addHook('onRequest', async (request) => {
    const address = request.ip;
    const verified = await verify(presentedIn(request.headers.authorization), address, means);
    if (!verified)
      throw new Problem('unauthorised', 'no client has this key, or this name and password, and may call from here');
    request.verified = verified;
  });
  v1.addHook('preValidation', async (request) => {
    request.query = queryOf(request);
  });
  addSending(v1, means);
  addLookUps(v1, means);
}

/** The server's own parser leaves the query to the doors. */
const queryOf = ({ raw }: FastifyRequest) =>
  Object.fromEntries(new URL(raw.url ?? '/', 'http://localhost').searchParams);

function faultsOf(issues: readonly z.core.$ZodIssue[], part: string): Problem {
  const errors = issues.slice(0, MOST_ERRORS).flatMap((issue): FieldError[] => {
    const keys = issue.code === 'unrecognized_keys' ? issue.keys.map(String).slice(0, MOST_ERRORS) : [undefined];
    return keys.map((key) => {
      const path = key === undefined ? issue.path : [...issue.path, key];
      const at = path.map((step) => String(step).slice(0, 40).replaceAll('~', '~0').replaceAll('/', '~1'));
      const detail = key === undefined ? issue.message.slice(0, MOST_DETAIL) : 'there is no such field';
      return { pointer: `#${at.map((step) => `/${encodeURIComponent(step.toWellFormed())}`).join('')}`, detail };
    });
  });
  const where = part === 'body' ? '' : `the ${part}: `;
  const first = errors[0]!;
  const name = decodeURIComponent(first.pointer.slice(2));
  return new Problem('invalid-request', `${where}${name ? `${name}: ` : ''}${first.detail}`, { errors });
}

function problemOf(error: unknown, request: FastifyRequest, log: Log): Problem {
  const problem = error instanceof Problem ? error : problemOfServer(error as FastifyError, log);
  // What a handler refuses is told by `take`.
  if (problem.kind === 'invalid-request' || problem.kind === 'too-large' || problem.kind === 'unsupported-media-type')
    refuse('http', 'fields', request.ip, request.verified?.name, { detail: problem.message });
  return problem;
}

function problemOfServer(error: FastifyError, log: Log): Problem {
  const { statusCode = 500 } = error;
  if (statusCode === 413) return new Problem('too-large', 'the body is larger than 64 KiB');
  if (statusCode === 415) return new Problem('unsupported-media-type', 'the body is not application/json');
  if (statusCode >= 400 && statusCode < 500) return new Problem('invalid-request', 'the body is not valid JSON');
  log.error({ reason: reasonOf(error) }, 'a request failed: a fault of this program');
  return new Problem('internal', 'see the log of ingress-http');
}
