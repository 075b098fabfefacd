// router. Reads router.urgent and router.bulk; judges each message; writes to the egress queue of the provider that
// takes it, to a retry step, or a final report to the ledger.
import type { Follow, Handled } from '#shared/bus/consume.ts';
import type { Config } from '#shared/config/schema.ts';
import { followSuppressed, isSuppressed } from '#shared/doors/suppressed.ts';
import { type Envelope, VERSION } from '#shared/messages/envelope.ts';
import type { ReportOf } from '#shared/messages/report.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { type Context, runServices, type Service } from '#shared/service.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import { traceProcess } from '#shared/telemetry/spans.ts';
import { egressQueue, LANES, type Lane, retryQueue, routerQueue, toQueue, toReport } from '#shared/topology.ts';
import { explained } from './explained.ts';
import { Health } from './health.ts';
import { givenSender, judge, type Verdict } from './judge.ts';
import { compilePolicy } from './policy.ts';

/** Messages held at once: what a crash of the router repeats at most. */
const HOLD = 256;
const BULK_WAITS_MS = 600_000;

export const router: Service = {
  name: 'router',
  async start({ config, bus, log }: Context) {
    const policy = compilePolicy(config);
    const health = new Health(Date.now());
    await bus.listen((item, reply) => {
      if (item.kind === 'ask' && item.what === 'route') return reply(explained(item.message, policy));
      if (item.kind === 'paused') return health.drain(item.draining ?? []);
      if (item.kind !== 'provider' && item.kind !== 'receipts') return;
      const change = health.hear(item, Date.now());
      if (change) log.info({ provider: item.provider, change }, 'weight of a provider changed');
    });
    await followSuppressed(bus, log);
    const handle = (lane: Lane) => (batch: Envelope[]) => {
      const now = Date.now();
      const standing = (provider: string) => health.standing(provider, now);
      const knowledge = { policy, standing, isSuppressed };
      return batch.map((envelope): Handled => {
        const message = envelope as Sms;
        const span = traceProcess('router', routerQueue(lane), message);
        const verdict = judge(message, knowledge, now);
        if (verdict.kind === 'send') health.handed(verdict.provider, now);
        if (!span) return follows(message, lane, verdict, config, now);
        span.end({ 'hermod.verdict': verdict.kind, 'hermod.provider': 'provider' in verdict ? verdict.provider : '' });
        return follows({ ...message, traceparent: span.traceparent }, lane, verdict, config, now);
      });
    };
    const consumers = await Promise.all(
      LANES.map((lane) => bus.consume(routerQueue(lane), { hold: HOLD, dead: 'message' }, handle(lane))),
    );
    for (const consumer of consumers) await consumer.start();
    return { stop: async () => void (await Promise.all(consumers.map((consumer) => consumer.stop()))) };
  },
};

/** Kannel's bits for "delivered" and "failed": the provider is asked for receipts. */
const ASKS_RECEIPTS = 3;

/** What a verdict asks for; on a route with a fallback the ledger hears of it first. */
function follows(message: Sms, lane: Lane, verdict: Verdict, config: Config, now: number): Follow[] {
  if (verdict.kind !== 'send' || !verdict.fallback) return [follow(message, lane, verdict, config, now)];
  const { fallback } = verdict;
  const { id } = message;
  const head = { v: VERSION.report, type: 'report', kind: 'fallback', at: now, id } as const;
  const envelope = { ...head, due: now + fallback.after, message: { ...message, fallback: fallback.to } };
  const asking = { ...message, dlrMask: (message.dlrMask ?? 0) | ASKS_RECEIPTS };
  return [{ to: toReport('fallback'), envelope }, follow(asking, lane, verdict, config, now)];
}

/** The publish that a verdict asks for. */
function follow(message: Sms, lane: Lane, verdict: Verdict, config: Config, now: number): Follow {
  const { last: _last, givenFrom: _givenFrom, why: _why, ...rest } = message;
  const given = givenSender(message);
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
      traceparent: message.traceparent,
      ...(message.provider ? { provider: message.provider } : {}),
    };
    return { to: toReport('final'), envelope: report };
  }
  if (verdict.kind === 'wait') {
    const { provider: _provider, tried: _tried, ...afresh } = rest;
    const envelope: Sms = {
      ...afresh,
      from: given,
      attempts: verdict.attempts,
      refusedBy: verdict.refusedBy,
      handover: message.handover + 1,
    };
    return { to: toQueue(retryQueue(lane, verdict.step)), envelope };
  }
  const { kind: _kind, fallback: _fallback, ...handed } = verdict;
  const { provider, from } = handed;
  metrics.routed.inc({ provider, lane });
  return {
    to: toQueue(egressQueue(provider, lane)),
    envelope: { ...rest, ...handed, ...(from === given ? {} : { givenFrom: given }) },
    expiration: lane === 'urgent' ? config.limits.failoverAfter : BULK_WAITS_MS,
    mostInBatch: Math.min(64, config.providers[provider]?.window ?? 64),
  };
}

if (import.meta.main) await runServices([router]);
