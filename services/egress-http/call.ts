// One call over a pool of connections: its answer, or whether it can have reached the provider at all.
import type { Dispatcher } from 'undici';
import { failureText } from '#shared/http/failures.ts';
import type { HttpAnswer, HttpRequest } from '#shared/providers/preset.ts';

/** `unsent`: nothing of it left this machine. `lost`: it went out, and no answer came. */
export type Called =
  | { kind: 'answer'; answer: HttpAnswer }
  | { kind: 'unsent'; reason: string }
  | { kind: 'lost'; reason: string };

/** What is behind this is not read: no answer of a provider is so long. */
const MOST_BODY = 256 * 1_024;
const PROXY_AUTHENTICATION = 407;

/** Never rejects. `timeoutMs` covers connection and answer. */
export function call(dispatcher: Dispatcher, request: HttpRequest, timeoutMs: number): Promise<Called> {
  const { origin, pathname, search } = new URL(request.url);
  return new Promise((resolve) => {
    let controller: Dispatcher.DispatchController | undefined;
    let sent = false;
    let over = false;
    let status = 0;
    let headers: Record<string, string> = {};
    const chunks: Buffer[] = [];
    let octets = 0;
    const end = (called: Called) => {
      clearTimeout(timer);
      over = true;
      resolve(called);
    };
    const failed = (reason: string) => end({ kind: sent ? 'lost' : 'unsent', reason });
    const answered = () => {
      if (status === PROXY_AUTHENTICATION) return end({ kind: 'unsent', reason: 'the proxy refuses us (HTTP 407)' });
      end({ kind: 'answer', answer: { status, headers, body: Buffer.concat(chunks).toString() } });
    };
    const timer = setTimeout(() => {
      failed(`no answer within ${timeoutMs / 1_000} s`);
      controller?.abort(new Error('time is over'));
    }, timeoutMs);
    dispatcher.dispatch(
      { origin, path: pathname + search, method: request.method, headers: request.headers, body: request.body ?? null },
      {
        onRequestStart(fresh) {
          controller = fresh;
          if (over) fresh.abort(new Error('time is over'));
          else sent = true;
        },
        onResponseStart(_controller, code, raw) {
          status = code;
          headers = joined(raw);
        },
        onResponseData(active, chunk) {
          octets += chunk.length;
          if (octets <= MOST_BODY) chunks.push(chunk);
          else if (!over) {
            answered();
            active.abort(new Error('the answer is longer than anyone reads'));
          }
        },
        onResponseEnd() {
          if (!over) answered();
        },
        onResponseError(_controller, error) {
          // An alert of TLS after our first octets: the provider refused the connection, not the message.
          if (isTlsAlert(error)) sent = false;
          if (!over) failed(failureText(error));
        },
      },
    );
  });
}

const isTlsAlert = (error: unknown) => /^ERR_SSL_/.test((error as { code?: string }).code ?? '');

function joined(raw: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(raw))
    if (value !== undefined) headers[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
  return headers;
}
