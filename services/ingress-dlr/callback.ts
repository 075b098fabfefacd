// A provider's HTTP request as presets read it.
import type { FastifyRequest } from 'fastify';
import { jsonOf } from '#shared/providers/json.ts';
import type { HttpCallback } from '#shared/providers/preset.ts';

type Fields = Record<string, string>;

/** `base` is the public address of this door, which signatures cover. */
export function callbackOf(request: FastifyRequest, base: string): HttpCallback {
  const path = request.raw.url ?? '/';
  const mark = path.indexOf('?');
  const body = typeof request.body === 'string' ? request.body : '';
  const type = request.headers['content-type'] ?? '';
  return {
    method: request.method,
    url: base + path,
    query: fieldsOf(mark === -1 ? '' : path.slice(mark + 1)),
    form: type.startsWith('application/x-www-form-urlencoded') ? fieldsOf(body) : fieldsOf(''),
    json: /^\s*[[{]/.test(body) ? jsonOf(body) : undefined,
    headers: headersOf(request.headers),
    body,
  };
}

/** The first of a name counts. Without a prototype: names come from outside. */
function fieldsOf(encoded: string): Fields {
  const fields: Fields = Object.create(null);
  for (const [name, value] of new URLSearchParams(encoded)) fields[name] ??= value;
  return fields;
}

function headersOf(raw: FastifyRequest['headers']): Fields {
  const headers: Fields = Object.create(null);
  for (const [name, value] of Object.entries(raw))
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  return headers;
}
