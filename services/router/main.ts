// router. Reads router.urgent and router.bulk; judges each message; writes to the egress queue of the provider that
// takes it, to a retry step, or a final report to the ledger.
import type { Follow, Handled } from '#shared/bus/consume.ts';
import type { NewsOf } from '#shared/bus/health.ts';
import type { Config } from '#shared/config/schema.ts';
import { type Envelope, VERSION } from '#shared/messages/envelope.ts';
import type { ReportOf } from '#shared/messages/report.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { type Context, runServices, type Service } from '#shared/service.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import { egressQueue, LANES, type Lane, retryQueue, routerQueue, toQueue, toReport } from '#shared/topology.ts';
import { judge, type Verdict } from './judge.ts';

/** Messages held at once: what a crash of the router repeats at most. */
const HOLD = 256;
const BULK_WAITS_MS = 600_000;
/** A provider whose workers are silent for this long is taken as away. */
const NEWS_STALE_MS = 4_000;

export const router: Service = {
  name: 'router',
  async start({ config, bus }: Context) {
    const heard = new Map<string, { at: number; news: NewsOf<'provider'> }>();
    const startedAt = Date.now();
    await bus.listen((item) => {
      if (item.kind === 'provider') heard.set(`${item.provider} ${item.worker}`, { at: Date.now(), news: item });
    });
    const up = (provider: string) => isUp(provider, heard, startedAt);
    const handle = (lane: Lane) => (batch: Envelope[]) => {
      const now = Date.now();
      return batch.map((envelope): Handled => {
        const message = envelope as Sms;
        return [follow(message, lane, judge(message, { routes: config.routes, up }, now), config, now)];
      });
    };
    const consumers = await Promise.all(
      LANES.map((lane) => bus.consume(routerQueue(lane), { hold: HOLD, dead: 'message' }, handle(lane))),
    );
    for (const consumer of consumers) await consumer.start();
    return { stop: async () => void (await Promise.all(consumers.map((consumer) => consumer.stop()))) };
  },
};

/** Up when a worker said within the last seconds that it is bound and not paused. Before any news: taken as up. */
function isUp(
  provider: string,
  heard: Map<string, { at: number; news: NewsOf<'provider'> }>,
  startedAt: number,
): boolean {
  const now = Date.now();
  let known = false;
  for (const { at, news } of heard.values()) {
    if (news.provider !== provider) continue;
    known = true;
    if (now - at < NEWS_STALE_MS && news.bound > 0 && !news.paused) return true;
  }
  return !known && now - startedAt < NEWS_STALE_MS;
}

/** The publish that a verdict asks for. */
function follow(message: Sms, lane: Lane, verdict: Verdict, config: Config, now: number): Follow {
  const { last: _last, ...rest } = message;
  if (verdict.kind === 'end') {
    const report: ReportOf<'final'> = {
      v: VERSION.report,
      type: 'report',
      kind: 'final',
      at: now,
      id: message.id,
      handover: message.handover,
      state: verdict.state,
      reason: verdict.reason,
      ...(message.provider ? { provider: message.provider } : {}),
    };
    return { to: toReport('final'), envelope: report };
  }
  if (verdict.kind === 'wait') {
    const { provider: _provider, tried: _tried, ...afresh } = rest;
    const envelope: Sms = {
      ...afresh,
      attempts: verdict.attempts,
      refusedBy: verdict.refusedBy,
      handover: message.handover + 1,
    };
    return { to: toQueue(retryQueue(lane, verdict.step)), envelope };
  }
  const { provider, handover, attempts, tried, refusedBy } = verdict;
  metrics.routed.inc({ provider, lane });
  return {
    to: toQueue(egressQueue(provider, lane)),
    envelope: { ...rest, provider, handover, attempts, tried, refusedBy },
    expiration: lane === 'urgent' ? config.limits.failoverAfter : BULK_WAITS_MS,
    mostInBatch: Math.min(64, config.providers[provider]?.window ?? 64),
  };
}

if (import.meta.main) await runServices([router]);
