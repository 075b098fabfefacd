// ingress-http. The HTTP door: Kannel's sendsms, and look-ups. Writes accepted messages to the exchange `submit`; asks the
// ledger for look-ups. Answers with success only after the broker's confirm.
import { Server } from 'node:tls';
import fastify from 'fastify';
import { refuse } from '#shared/doors/accept.ts';
import { openCredentials } from '#shared/doors/credentials.ts';
import { openKeys } from '#shared/doors/keys.ts';
import { serveLimits } from '#shared/doors/limits.ts';
import { serveLists } from '#shared/doors/lists.ts';
import { followPems, readPems } from '#shared/doors/pems.ts';
import { serveRefusals } from '#shared/doors/refusals.ts';
import { followSuppressed } from '#shared/doors/suppressed.ts';
import { type Context, portError, runServices, type Service } from '#shared/service.ts';
import { tellCounts } from '#shared/telemetry/counts.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { openKannelAdmin } from './kannel/admin/door.ts';
import { answer, kannel } from './kannel/door.ts';
import { UNKNOWN_PATH } from './kannel/sendsms.ts';
import type { Mount } from './mounted.ts';
import { rest } from './rest/door.ts';
import { shapes } from './shapes/door.ts';

const LIMITS = {
  requestTimeout: 10_000,
  /** How often Node looks whether a request is too slow. */
  lookAfterMs: 1_000,
  keepAliveTimeout: 65_000,
  bodyLimit: 64 * 1_024,
  headerSize: 32 * 1_024,
};

/** The doors at this port, each in its folder. */
const MOUNTED: readonly Mount[] = [
  kannel, // /cgi-bin/sendsms
  rest, // /v1
  shapes, // /rest/message, /http/sendmsg, /messages, /2010-04-01: providers that programs know
];

export const ingressHttp: Service = {
  name: 'ingress-http',
  async start({ config, file, dir, bus, log }: Context) {
    const credentials = openCredentials(config.clients);
    const means = { config, bus, log, credentials, keys: openKeys(config.clients) };
    await serveRefusals(bus, 'http');
    await serveLists(bus, { config, file });
    await followSuppressed(bus, log);
    await serveLimits(bus, config);
    const { host, port, tls, proxies } = config.listen.http;
    const pems = readPems('http', tls, dir);
    const socket = { maxHeaderSize: LIMITS.headerSize, connectionsCheckingInterval: LIMITS.lookAfterMs };
    const app = fastify({
      logger: false,
      requestTimeout: LIMITS.requestTimeout,
      keepAliveTimeout: LIMITS.keepAliveTimeout,
      bodyLimit: LIMITS.bodyLimit,
      trustProxy: proxies.length > 0 ? proxies : false,
      ...(pems ? { https: { ...socket, ...pems } } : { http: socket }),
      // Octets matter here, so the query is read by our own parser and fastify's is given nothing to do.
      routerOptions: { querystringParser: () => ({}) },
    });
    for (const mount of MOUNTED) {
      await app.register(async (scope) => mount(scope, means));
    }
    app.setNotFoundHandler((_request, reply) => answer(reply, UNKNOWN_PATH.status, UNKNOWN_PATH.body));
    app.setErrorHandler((error, request, reply) => {
      const { statusCode = 500 } = error as { statusCode?: number };
      if (statusCode >= 400 && statusCode < 500) {
        // Its words may hold the request's line, and that a password: only the code is kept.
        const { code = 'unknown' } = error as { code?: string };
        refuse('http', 'request', request.ip, undefined, { detail: code });
        return answer(reply, statusCode, `Request not understood (${code}), rejected`);
      }
      log.error({ reason: reasonOf(error) }, 'a request failed: a fault of this program');
      return answer(reply, 500, 'Internal error, see the log of ingress-http');
    });
    await app.listen({ host, port }).catch((error) => {
      throw portError(error, 'listen.http');
    });
    const unfollow = followPems('http', tls, { dir, log }, (renewed) => {
      if (app.server instanceof Server) app.server.setSecureContext(renewed);
    });
    const admin = await openKannelAdmin(means).catch(async (error) => {
      await app.close();
      throw error;
    });
    const untell = [tellCounts(bus, 'accepted', { door: 'http' }), tellCounts(bus, 'refused', { door: 'http' })];
    return {
      async stop() {
        for (const end of untell) end();
        unfollow();
        await admin?.stop();
        await app.close();
      },
    };
  },
};

if (import.meta.main) await runServices([ingressHttp]);
