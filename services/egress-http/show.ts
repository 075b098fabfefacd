// A request and its answer as they stand on the line, without the account's secrets: for a person who tries the provider.
import type { HttpRequest } from '#shared/providers/preset.ts';
import { hide } from '#shared/providers/redact.ts';
import type { Called } from './call.ts';

/** Headers that carry credentials, whatever stands in them. */
const PRIVATE = /auth|key|token|secret|cookie|sign|password/i;
const MOST_BODY = 4_000;

export function requestLines({ method, url, headers, body, auth }: HttpRequest, secrets: readonly string[]): string[] {
  const { pathname, search, host } = new URL(url);
  const scheme = auth && ('digest' in auth ? 'Digest' : 'Bearer');
  const fetched: Record<string, string> = scheme === undefined ? {} : { authorization: scheme };
  const lines = [
    `${method} ${pathname}${search} HTTP/1.1`,
    `host: ${host}`,
    ...headerLines({ ...headers, ...fetched }),
    '',
    ...bodyLines(body ?? ''),
  ];
  return lines.map((line) => hide(line, secrets));
}

export function calledLines(called: Called, secrets: readonly string[]): string[] {
  if (called.kind !== 'answer') return [`no answer: ${called.reason}`].map((line) => hide(line, secrets));
  const { status, headers, body } = called.answer;
  return [`HTTP/1.1 ${status}`, ...headerLines(headers), '', ...bodyLines(body)].map((line) => hide(line, secrets));
}

const headerLines = (headers: Readonly<Record<string, string>>): string[] =>
  Object.entries(headers).map(([name, value]) => `${name}: ${PRIVATE.test(name) ? hiddenCredentials(value) : value}`);

/** The scheme may be told. */
const hiddenCredentials = (value: string) =>
  `${/^(Basic|Bearer|Digest|AccessKey|App)\b/i.exec(value)?.[0] ?? ''} …`.trim();

const bodyLines = (body: string): string[] => (body === '' ? [] : body.slice(0, MOST_BODY).split(/\r\n|\r|\n/));
