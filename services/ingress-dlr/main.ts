// ingress-dlr. The door for HTTP providers' callbacks at /dlr/<provider>[/<token>]: delivery receipts and incoming messages.
// Writes reports to the exchange `report`; answers 200 only after the broker's confirm, so that what we lose is told again.
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { refuse } from '#shared/doors/accept.ts';
import { networksOf } from '#shared/doors/networks.ts';
import { serveRefusals } from '#shared/doors/refusals.ts';
import { type Api, apiOf } from '#shared/providers/api.ts';
import { sameText } from '#shared/providers/signature.ts';
import { type Context, portError, runServices, type Service } from '#shared/service.ts';
import { maskNumber } from '#shared/sms/number.ts';
import { logAccess } from '#shared/telemetry/access.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import { toReport } from '#shared/topology.ts';
import { callbackOf } from './callback.ts';
import { incomingReport, receiptReport } from './reports.ts';

const LIMITS = { requestTimeout: 10_000, keepAliveTimeout: 65_000, bodyLimit: 256 * 1_024, headerSize: 16 * 1_024 };
/** Providers wait some seconds for their answer; one that comes too late makes them repeat. */
const CONFIRM_WITHIN_MS = 1_800;
/** Receipts and messages of one callback. */
const MOST_IN_CALLBACK = 1_000;

type Provider = { api: Api; token: string | undefined; allows(address: string): boolean };
type Params = { provider: string; token?: string };
type Refusal = { status: number; reason: string };

const UNKNOWN: Refusal = { status: 404, reason: 'path' };
const FORBIDDEN: Refusal = { status: 403, reason: 'authorization' };
const UNREADABLE: Refusal = { status: 400, reason: 'body' };
const TEMPORARY: Refusal = { status: 503, reason: 'broker' };

export const ingressDlr: Service = {
  name: 'ingress-dlr',
  async start({ config, bus, log }: Context) {
    const listener = config.listen.dlr;
    if (!listener) throw new Error('the configuration has no listen.dlr: add it, or do not start ingress-dlr');
    const providers = new Map<string, Provider>();
    for (const [name, row] of Object.entries(config.providers)) {
      if (row.bearer !== 'http' || !row.dlr) continue;
      const { token, networks } = row.dlr;
      providers.set(name, { api: apiOf(row), token, allows: networks ? networksOf(networks) : () => true });
    }
    await serveRefusals(bus, 'dlr');
    const app = fastify({
      logger: false,
      requestTimeout: LIMITS.requestTimeout,
      keepAliveTimeout: LIMITS.keepAliveTimeout,
      bodyLimit: LIMITS.bodyLimit,
      http: { maxHeaderSize: LIMITS.headerSize },
      trustProxy: listener.proxies.length > 0 ? listener.proxies : false,
      routerOptions: { querystringParser: () => ({}) },
    });
    // Signatures cover the body octet for octet, so nobody else reads it.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));

    async function take(request: FastifyRequest<{ Params: Params }>, reply: FastifyReply) {
      const { provider: name, token } = request.params;
      const provider = providers.get(name);
      const callback = callbackOf(request, listener!.url);
      const no = ({ status, reason }: Refusal, detail: string) => {
        const fields = [...Object.keys(callback.query), ...Object.keys(callback.form)];
        refuse('dlr', reason, request.ip, undefined, { fields, detail: provider ? `${name}: ${detail}` : detail });
        return reply.code(status).send();
      };
      if (!provider) return no(UNKNOWN, 'no provider of this name takes callbacks');
      if (!provider.allows(request.ip)) return no(FORBIDDEN, 'called from outside its networks');
      if (provider.token !== undefined ? !sameText(token ?? '', provider.token) : token !== undefined)
        return no(FORBIDDEN, 'the token in the path is wrong');
      const { api } = provider;
      if (api.signed(callback) === false) return no(FORBIDDEN, 'the signature is wrong');

      const now = Date.now();
      const receipts = api.receipts(callback)?.filter(({ providerId }) => providerId !== '');
      const messages = receipts ? undefined : api.incoming(callback);
      if (!receipts && !messages) return no(UNREADABLE, 'neither a receipt nor a message');
      if ((receipts ?? messages)!.length > MOST_IN_CALLBACK) return no(UNREADABLE, 'too many in one callback');
      const reports = receipts
        ? receipts.map((one) => receiptReport(name, one, api.states, now))
        : messages!.map((one) => incomingReport(name, one, now));
      try {
        if (reports.length > 0) await bus.publish(toReport(reports[0]!.kind), reports, { withinMs: CONFIRM_WITHIN_MS });
      } catch (error) {
        return no(TEMPORARY, reasonOf(error));
      }
      for (const report of reports) {
        if (report.kind === 'incoming') continue;
        metrics.receipts.inc({ provider: name, state: report.state });
        logAccess({ event: 'receipt', provider: name, state: report.state, to: maskNumber(report.to ?? '') });
      }
      return api.reply ? reply.type(api.reply.type).send(api.reply.body) : reply.send();
    }

    for (const url of ['/dlr/:provider', '/dlr/:provider/:token'])
      app.route<{ Params: Params }>({ method: ['GET', 'POST', 'PUT'], url, handler: take });
    app.setNotFoundHandler((_request, reply) => reply.code(404).send());
    app.setErrorHandler((error, _request, reply) => {
      const { statusCode = 500 } = error as { statusCode?: number };
      if (statusCode >= 500) log.error({ reason: reasonOf(error) }, 'a callback failed: a fault of this program');
      return reply.code(statusCode).send();
    });
    await app.listen({ host: listener.host, port: listener.port }).catch((error) => {
      throw portError(error, 'listen.dlr');
    });
    return { stop: () => app.close() };
  },
};

if (import.meta.main) await runServices([ingressDlr]);
