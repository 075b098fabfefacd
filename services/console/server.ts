// The console's HTTP server: headers on every answer, and who may call what. Everything below /api needs a session unless
// its route says otherwise, and what changes something has to come from the console's own pages.
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { auditEnded, audited, type Deed } from '#shared/audit.ts';
import type { Bus } from '#shared/bus/bus.ts';
import { ROLES, type Role } from '#shared/config/console.ts';
import type { Pems } from '#shared/doors/pems.ts';
import type { AuditResult } from '#shared/messages/report.ts';
import { logAccess } from '#shared/telemetry/access.ts';
import { type Log, reasonOf } from '#shared/telemetry/log.ts';
import { cookieName, isSecure, type Listener, tokenIn } from './cookie.ts';
import type { Session, Sessions } from './sessions.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The least role for this route; `viewer` unless set, and nobody has to be logged in for `anyone`. */
    needs?: Role | 'anyone';
    /** What a page fetches by itself: no sign that its person is there. */
    byItself?: boolean;
    /** Whoever has to set up a second factor may call it before. */
    enrolling?: boolean;
  }
  interface FastifyRequest {
    session?: Session;
  }
}

const LIMITS = { requestTimeout: 10_000, keepAliveTimeout: 65_000, bodyLimit: 64 * 1_024, headerSize: 16 * 1_024 };
const CSP = [
  "default-src 'self'",
  "base-uri 'none'",
  "object-src 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');
const HEADERS = {
  'content-security-policy': CSP,
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};
const HSTS = { 'strict-transport-security': 'max-age=31536000' };

/** An answer that is not a success, in words for the person. */
export class Refusal extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, message: string) {
    super(message);
    this.statusCode = statusCode;
  }
}

export function openServer(listener: Listener, pems: Pems | undefined, log: Log): FastifyInstance {
  const socket = { maxHeaderSize: LIMITS.headerSize };
  const app = fastify({
    logger: false,
    requestTimeout: LIMITS.requestTimeout,
    keepAliveTimeout: LIMITS.keepAliveTimeout,
    bodyLimit: LIMITS.bodyLimit,
    trustProxy: listener.proxies.length > 0 ? listener.proxies : false,
    ...(pems ? { https: { ...socket, ...pems } } : { http: socket }),
  }) as FastifyInstance;
  // A form on another page can send text, but not JSON.
  app.removeContentTypeParser('text/plain');
  const headers = isSecure(listener) ? { ...HEADERS, ...HSTS } : HEADERS;
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers(headers);
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: 'there is no such page' }));
  app.setErrorHandler((error, _request, reply) => {
    const { statusCode = 500, message } = error as { statusCode?: number; message: string };
    if (statusCode < 500 || error instanceof Refusal) return reply.code(statusCode).send({ error: message });
    log.error({ reason: reasonOf(error) }, 'a request failed: a fault of this program');
    return reply.code(500).send({ error: 'a fault of this program: see the log of the service console' });
  });
  return app;
}

/** Before any route of `scope`: a session with the right role, and our own origin for what changes something. */
export function guard(scope: FastifyInstance, listener: Listener, sessions: Sessions, bus: Bus): void {
  const own = listener.url ? new URL(listener.url).origin : undefined;
  const scheme = listener.tls ? 'https' : 'http';
  const isOurs = ({ headers }: FastifyRequest) =>
    headers.origin === (own ?? `${scheme}://${headers.host}`) &&
    (headers['sec-fetch-site'] ?? 'same-origin') === 'same-origin';

  scope.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store');
    const { needs = 'viewer', byItself = false, enrolling = false } = request.routeOptions.config;
    if (!['GET', 'HEAD'].includes(request.method) && !isOurs(request))
      throw new Refusal(403, 'this did not come from a page of the console');
    if (needs === 'anyone') return;
    const session = sessions.find(tokenIn(request, cookieName(listener)), !byItself);
    if (!session) throw new Refusal(401, 'log in first');
    if (session.enrol && !enrolling) throw new Refusal(403, 'set up the second factor first');
    if (ROLES.indexOf(session.role) < ROLES.indexOf(needs)) {
      const deed = { action: `${request.method} ${request.routeOptions.url}`, detail: `needs the role ${needs}` };
      void note(bus, request, session.user, deed, 'refused');
      throw new Refusal(403, `this needs the role ${needs}`);
    }
    request.session = session;
  });
}

/** Does `work` for the person who asked for it, once it is confirmed that they did; how it ended is written down too. */
export async function act<T>(
  bus: Bus,
  { ip, session }: FastifyRequest,
  what: Deed,
  work: () => Promise<T>,
): Promise<T> {
  const { user } = session!;
  const who = { user, address: ip };
  try {
    const value = await audited(bus, who, what, work);
    access(user, what, ip, 'done');
    return value;
  } catch (error) {
    access(user, what, ip, 'failed', reasonOf(error));
    throw error instanceof Refusal ? error : new Refusal(503, reasonOf(error));
  }
}

/** Something that has its end already: a log-in, or what a role did not allow. Resolves when it is confirmed. */
export function note(bus: Bus, { ip }: FastifyRequest, user: string, what: Deed, result: AuditResult): Promise<void> {
  access(user, what, ip, result);
  return auditEnded(bus, { user, address: ip }, what, result).catch(() => {});
}

/** To the access log alone. */
export function access(
  user: string,
  { action, object, detail }: Deed,
  address: string,
  state: AuditResult,
  reason = detail,
): void {
  logAccess({
    event: 'console',
    user,
    action,
    ...(object ? { object } : {}),
    state,
    ...(reason ? { reason } : {}),
    address,
  });
}
