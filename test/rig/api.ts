// A client of the REST API for tests. It holds every answer to the OpenAPI document that the door serves: status, media type
// and body must be as documented, or the test fails.
import { expect } from 'vitest';
import { z } from 'zod';

type Operation = {
  requestBody?: { content: Record<string, { schema: unknown; examples: Record<string, { value: unknown }> }> };
  responses: Record<string, { content?: Record<string, { schema: never }> }>;
};
type Paths = Record<string, Record<string, Operation>>;
export type OpenApi = { openapi: string; paths: Paths; webhooks: Paths };

export type Answer = { status: number; headers: Headers; body: Record<string, never> };
export type Call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;
export type Api = { document: OpenApi; call: Call };

export const basicAuth = (name: string, password: string) =>
  `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;

/** `authorization` is for every call that brings none of its own. A body that is a string is sent as it stands. */
export async function openApi(httpUrl: string, authorization: string): Promise<Api> {
  const document = (await (await fetch(`${httpUrl}/v1/openapi.json`)).json()) as OpenApi;
  return {
    document,
    async call(method, path, body, headers = {}) {
      const sent = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
      const answer = await fetch(httpUrl + path, {
        method,
        headers: { authorization, ...(sent === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(sent === undefined ? {} : { body: sent }),
      });
      const text = await answer.text();
      const parsed = JSON.parse(text || 'null');
      checkAnswer(document, method, path, answer, parsed);
      return { status: answer.status, headers: answer.headers, body: parsed };
    },
  };
}

function checkAnswer({ paths }: OpenApi, method: string, path: string, answer: Response, body: unknown): void {
  const plain = path.split('?')[0]!;
  const found =
    Object.entries(paths).find(([template]) => matches(template, plain) && !template.includes('{')) ??
    Object.entries(paths).find(([template]) => matches(template, plain));
  const operation = found?.[1][method.toLowerCase()];
  const what = `${method} ${plain}: ${answer.status} ${JSON.stringify(body)}`;
  if (!operation) {
    expect(answer.status, what).toBe(404);
    return;
  }
  const documented = operation.responses[answer.status];
  expect(documented, `documented: ${what}`).toBeDefined();
  const type = answer.headers.get('content-type')!.split(';')[0]!;
  expect(Object.keys(documented!.content!), `media type of ${what}`).toContain(type);
  const checked = z.fromJSONSchema(documented!.content![type]!.schema).safeParse(body);
  expect(checked.error?.issues, what).toBeUndefined();
}

const matches = (template: string, path: string) =>
  new RegExp(`^${template.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`).test(path);
