// The sandbox's HTTP side: a page for people, JSON for scripts and tests, and the switches for faults.
// It shows texts, so it answers only requests that were addressed to this very machine.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Inbox } from './inbox.ts';
import { page } from './page.ts';
import type { Smsc } from './smsc.ts';

const MAX_BODY_OCTETS = 65_536;
const PAGE_MESSAGES = 100;
const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

type Reply = { status: number; type: string; body: string };
type Route = (request: { url: URL; body: string }) => Reply;

const query = z.object({
  to: z.string().max(21).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});
const smsAddress = z.string().regex(/^[ -~]{1,20}$/);
const incoming = z.strictObject({
  from: smsAddress,
  to: smsAddress,
  text: z.string().max(2000),
  account: z.string().max(64).optional(),
});

/** Serves the sandbox's state; the caller makes it listen, on loopback only. */
export function createHttpServer(smsc: Smsc, inbox: Inbox): Server {
  const routes: Record<string, Route> = {
    'GET /': () => html(page(inbox.list({ limit: PAGE_MESSAGES }), smsc.binds().now)),
    'GET /messages': ({ url }) => json(inbox.list(read(query, Object.fromEntries(url.searchParams)))),
    'GET /state': () => json(state(smsc)),
    'POST /faults': ({ body }) => {
      smsc.set(parse(body) as Parameters<Smsc['set']>[0]);
      return json(smsc.behaviour);
    },
    'POST /drop': () => {
      smsc.dropAll();
      return json(state(smsc));
    },
    'POST /deliver': ({ body }) => {
      const { account, ...message } = read(incoming, parse(body));
      smsc.deliver(account === undefined ? message : { ...message, account });
      return json({});
    },
  };
  const server = createServer((request, response) => {
    answer(routes, request).then(
      (reply) => send(response, reply),
      (error: Error) => send(response, refusal(400, error.message)),
    );
  });
  server.maxConnections = 100;
  server.requestTimeout = 10_000;
  return server;
}

async function answer(routes: Record<string, Route>, request: IncomingMessage): Promise<Reply> {
  // A page of another site can have its name resolve to 127.0.0.1; it cannot change the Host header that then comes.
  if (!/^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(request.headers.host ?? '')) {
    return refusal(403, 'the sandbox answers only as localhost or 127.0.0.1');
  }
  // Nor can it post this content type here without asking first, which it is never granted.
  if (request.method === 'POST' && request.headers['content-type']?.split(';')[0] !== 'application/json') {
    return refusal(415, 'send Content-Type: application/json');
  }
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_OCTETS) {
    return refusal(413, `the body is longer than ${MAX_BODY_OCTETS} octets`);
  }
  const url = new URL(request.url ?? '/', 'http://localhost');
  const name = `${request.method} ${url.pathname}`;
  const route = Object.hasOwn(routes, name) ? routes[name] : undefined;
  if (route === undefined)
    return refusal(404, `there is no ${name.slice(0, 100)}; try ${Object.keys(routes).join(', ')}`);
  return route({ url, body: await readBody(request) });
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let octets = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    octets += chunk.length;
    if (octets > MAX_BODY_OCTETS) throw new Error('the body is too long'); // this cuts the connection
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new Error('the body is not JSON');
  }
}

function read<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw new Error([path.join('.'), message].filter(Boolean).join(': '));
}

function state(smsc: Smsc): unknown {
  const accounts = smsc.accounts().map((systemId) => ({ systemId, binds: smsc.binds(systemId) }));
  return { binds: smsc.binds(), accounts, counters: smsc.counters(), behaviour: smsc.behaviour };
}

function html(body: string): Reply {
  return { status: 200, type: 'text/html; charset=utf-8', body };
}

function json(value: unknown): Reply {
  return { status: 200, type: 'application/json', body: `${JSON.stringify(value)}\n` };
}

function refusal(status: number, message: string): Reply {
  return { ...json({ error: message }), status };
}

function send(response: ServerResponse, { status, type, body }: Reply): void {
  response.writeHead(status, { ...HEADERS, 'Content-Type': type });
  response.end(body);
}
