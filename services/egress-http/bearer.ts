// The bearer of HTTP providers: a bind is a pool of keep-alive connections, a hand-over one request and its answer.
import type { ProviderOf } from '#shared/config/schema.ts';
import type { Bearer, Link } from '#shared/egress/bearer.ts';
import { openDispatcher } from '#shared/http/dispatcher.ts';
import { readPems } from '#shared/http/pems.ts';
import type { Outcome } from '#shared/outcome.ts';
import { apiOf, callbackUrl } from '#shared/providers/api.ts';
import { type HttpRequest, type Outgoing, refused } from '#shared/providers/preset.ts';
import { redact } from '#shared/providers/redact.ts';
import type { Context } from '#shared/service.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { openCaller } from './authorise.ts';
import { openBalance } from './balance.ts';
import type { Called } from './call.ts';
import { outgoingOf } from './prepare.ts';
import { reach } from './reach.ts';
import { calledLines, requestLines } from './show.ts';

/** `request` is missing when this provider cannot carry the message, for the reason beside it. */
export type Prepared = { message: Outgoing; request?: HttpRequest; reason: string };

const MOST_ID = 255;

export function httpBearer(
  name: string,
  row: ProviderOf<'http'>,
  { config, dir, log }: Pick<Context, 'config' | 'dir'> & Partial<Pick<Context, 'log'>>,
): Bearer<Prepared> {
  const api = apiOf(row);
  const { ca, cert, key } = row.tls ?? {};
  const tls = {
    ...readPems(`providers.${name}.tls`, { ca, cert, key }, dir),
    ...(row.tls?.serverName ? { servername: row.tls.serverName } : {}),
    rejectUnauthorized: row.tls?.verify ?? true,
  };
  const reported = api.reports ? callbackUrl(name, row, config.listen) : undefined;
  const caller = openCaller();
  const everyMs = 'balanceEvery' in row ? row.balanceEvery : undefined;
  const warn = (reason: string) => log?.warn({ provider: name, reason }, 'the credit is not known');
  const balance = api.balance && typeof everyMs === 'number' ? openBalance(api, { name, everyMs, warn }) : undefined;

  function verdict(called: Called, message: Outgoing): Outcome {
    if (called.kind === 'unsent') return { kind: 'unavailable', reason: called.reason };
    if (called.kind === 'lost') return { kind: 'unknown', reason: called.reason };
    try {
      return api.answer(called.answer, message);
    } catch (error) {
      // The provider answered, and whether it took the message nobody can tell.
      return { kind: 'unknown', reason: `its answer cannot be read: ${reasonOf(error)}` };
    }
  }

  function clean(outcome: Outcome, { text }: Outgoing): Outcome {
    if (outcome.kind !== 'done') return { ...outcome, reason: redact(outcome.reason, [...api.secrets, text]) };
    return {
      ...outcome,
      parts: outcome.parts.map((part) => ({ ...part, providerId: part.providerId.slice(0, MOST_ID) })),
    };
  }

  return {
    begun: () => false,
    ...(balance ? { balance: balance.latest } : {}),

    prepare(sms) {
      const message = outgoingOf(sms, row, reported, Date.now());
      if (!api.binary && (message.encoding === 'binary' || message.udh !== undefined))
        return { message, reason: 'this provider takes texts only' };
      try {
        return { message, request: api.request(message), reason: '' };
      } catch (error) {
        return { message, reason: reasonOf(error) };
      }
    },

    async open(ended) {
      await reach(row, tls);
      const dispatcher = openDispatcher({
        proxy: row.proxy,
        tls,
        connections: row.window,
        connectMs: row.connectTimeout,
        idleMs: row.timeout,
      });
      let running = 0;
      let over = false;
      /** Why it must end once the calls under way have their answers. */
      let failing: string | undefined;
      let emptied: (() => void) | undefined;

      const open = new AbortController();
      balance?.follow((request) => caller(dispatcher, request, row.timeout), open.signal);

      const end = (reason: string) => {
        if (over) return;
        over = true;
        open.abort();
        void dispatcher.destroy(new Error(reason)).catch(() => {});
        ended(reason);
      };
      const settled = (outcome: Outcome) => {
        running--;
        if (outcome.kind === 'unavailable') failing ??= outcome.reason;
        if (running > 0) return;
        emptied?.();
        if (failing !== undefined) end(failing);
      };

      const link: Link<Prepared> = {
        // A link that is about to end takes no more.
        inFlight: () => (failing === undefined ? running : Number.POSITIVE_INFINITY),
        submit({ request, message, reason }, told, show) {
          if (!request) return told(refused('provider', reason));
          running++;
          show?.('hermod', ...requestLines(request, api.secrets));
          void caller(dispatcher, request, row.timeout).then((called) => {
            show?.('provider', ...calledLines(called, api.secrets));
            const outcome = clean(verdict(called, message), message);
            settled(outcome);
            told(outcome);
          });
        },
        async close(drainMs) {
          if (running > 0) {
            await Promise.race([
              new Promise<void>((resolve) => {
                emptied = resolve;
              }),
              new Promise((resolve) => setTimeout(resolve, drainMs).unref()),
            ]);
          }
          end('closed');
        },
        cut: end,
      };
      return link;
    },
  };
}
