// The OpenAPI document, made from the schemas that check the requests, and its page. Nothing is loaded from elsewhere.
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifySchema } from 'fastify';
import { z } from 'zod';
import { PROBLEMS, type ProblemName, typeOf } from './problems.ts';
import { event, problem } from './schemas.ts';

const PAGE = '/v1/docs';
const DOCUMENT = '/v1/openapi.json';

/** What the page may load and run: its own files. */
const CSP = {
  'default-src': ["'none'"],
  'script-src': ["'self'"],
  'style-src': ["'self'"],
  'img-src': ["'self'", 'data:'],
  'font-src': ["'self'"],
  'connect-src': ["'self'"],
  'base-uri': ["'none'"],
  'form-action': ["'none'"],
  'frame-ancestors': ["'none'"],
};

/** Before the routes, which it then finds. */
export async function documented(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Hermod',
        version,
        description:
          'SMS by REST. Refusals are problem details (RFC 9457); steps of a message are told by signed events.',
      },
      components: {
        securitySchemes: {
          key: { type: 'http', scheme: 'bearer', description: 'A key from `hermod key`.' },
          password: { type: 'http', scheme: 'basic', description: "The client's name and password." },
        },
      },
      security: [{ key: [] }, { password: [] }],
      webhooks: {
        message: {
          post: {
            summary: 'A step of a message, to its `callback`, with the headers of Standard Webhooks',
            requestBody: { content: { 'application/json': { schema: jsonSchema(event, 'output') } } },
            responses: { '2XX': { description: 'Taken. Anything else is tried again; 410 ends it.' } },
          },
        },
      },
    } as never,
    transform: ({ schema, url }) => ({ schema: asJsonSchema(schema ?? {}), url }),
  });
  await app.register(swaggerUi, {
    routePrefix: PAGE,
    staticCSP: CSP as never,
    uiConfig: { url: DOCUMENT, validatorUrl: null } as never,
  });
  app.get(DOCUMENT, { schema: { hide: true } as FastifySchema }, async () => app.swagger());
}

type Answers = Record<number, { description: string; schema: z.ZodType } | ProblemName[]>;

/** The answers of a route for its schema: what it gives, and which problems, by status. */
export function answers(good: Answers, ...problems: ProblemName[]): Record<string, unknown> {
  const all: Record<string, unknown> = {};
  for (const [status, { description, schema }] of Object.entries(good) as [string, never][]) {
    all[status] = { description, content: { 'application/json': { schema } } };
  }
  for (const name of [...problems, 'unauthorised', 'internal'] as const) {
    const { status, title } = PROBLEMS[name];
    const before = (all[status] as { description: string } | undefined)?.description;
    const description = `${before ? `${before}\n\n` : ''}\`${typeOf(name)}\`: ${title}`;
    all[status] = { description, content: { 'application/problem+json': { schema: problem } } };
  }
  return all;
}

const PARTS = ['body', 'querystring', 'params', 'headers'] as const;
type RouteSchema = FastifySchema & { response?: Record<string, { content: Record<string, { schema: z.ZodType }> }> };

function asJsonSchema(route: FastifySchema): FastifySchema {
  const { response, ...rest } = route as RouteSchema;
  const made: Record<string, unknown> = { ...rest };
  for (const part of PARTS) if (rest[part]) made[part] = jsonSchema(rest[part] as z.ZodType, 'input');
  if (response) {
    made.response = Object.fromEntries(
      Object.entries(response).map(([status, answer]) => {
        const content = Object.entries(answer.content).map(([type, { schema }]) => [
          type,
          { schema: jsonSchema(schema, 'output') },
        ]);
        return [status, { ...answer, content: Object.fromEntries(content) }];
      }),
    );
  }
  return made as FastifySchema;
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, { io }) as Record<string, unknown>;
  // Zod leaves examples out where a field is transformed; these are written as a client writes them.
  const { examples } = schema.meta() ?? {};
  return examples ? { ...json, examples: [...(examples as unknown[])] } : json;
}
