// The worker of one SMPP provider: reads its two lanes while a bind is up, submits urgent before bulk within window and
// rate, and turns every answer into an outcome.
import { randomUUID } from 'node:crypto';
import type { PDU } from 'smpp';
import type { Bus } from '#shared/bus/bus.ts';
import type { Consumer, Follow, Handled } from '#shared/bus/consume.ts';
import type { Provider } from '#shared/config/schema.ts';
import { type Ending, followsOf } from '#shared/handover.ts';
import { type Envelope, VERSION } from '#shared/messages/envelope.ts';
import { handoverKey, type Sms } from '#shared/messages/sms.ts';
import type { Outcome } from '#shared/outcome.ts';
import { STATUS } from '#shared/smpp/library.ts';
import { maskNumber } from '#shared/sms/number.ts';
import { logAccess } from '#shared/telemetry/access.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import { egressQueue, LANES, type Lane, toReport } from '#shared/topology.ts';
import { Handed } from './handed.ts';
import type { Answer } from './link.ts';
import { submitPdus } from './pdus.ts';
import { receiptOf } from './receipts.ts';
import { type Bind, runSlot, type Slot } from './slot.ts';
import { verdict } from './verdict.ts';

/** Bulk may use this share of window and rate, so that a one-time password always finds room. */
const BULK_SHARE = 0.8;
/** No worker holds a message longer than this without handing it over. */
const LONGEST_HOLD_MS = { bulk: 300_000 };
const LEASE_MS = { renew: 8_000, old: 15_000 };
const TICK_MS = 1_000;
const DRAIN_MS = 8_000;
/** A throttled message goes out again after this, unless the provider names a time. */
const THROTTLE_PAUSE_MS = 1_000;

/** When the parts of a message are answered differently, the highest counts. */
const RANK: Record<string, number> = { throttled: 1, retry: 2, unknown: 3, refused: 4 };

/** A message in this worker. `parts` are made at its first submit; those without an answer of 0 are still to be sent. */
type Item = {
  message: Sms;
  since: number;
  notBefore: number;
  parts: { pdu: PDU; receipt: boolean; providerId?: string }[] | undefined;
  settle: (ending: Ending) => void;
};

export type Worker = { notReady(): string | undefined; stop(): Promise<void> };

export async function startWorker(
  name: string,
  provider: Provider,
  failoverAfter: number,
  bus: Bus,
  log: Log,
): Promise<Worker> {
  const worker = randomUUID().slice(0, 8);
  const binds = new Set<Bind>();
  const waiting: Record<Lane, Item[]> = { urgent: [], bulk: [] };
  const open = new Map<string, Promise<Follow[]>>();
  const handed = new Handed(Date.now());
  const counts = { sent: 0, errors: 0, sentBefore: 0, errorsBefore: 0 };
  let inFlight = 0;
  let bulkInFlight = 0;
  let lastError = '';
  let paused = false;
  let stopping = false;
  let pumpTimer: NodeJS.Timeout | undefined;
  let pumpScheduled = false;
  const { submits, submitSeconds, wireSeconds } = metrics;
  const seconds = submitSeconds.labels(name);
  metrics.bindsAllowed.labels(name).set(provider.binds);

  const usable = () => [...binds].filter((bind) => bind.usable);

  // ── from the bus ──
  const handle = (batch: Envelope[], { redelivered }: { redelivered: boolean }): Handled[] =>
    batch.map((envelope) => take(envelope as Sms, redelivered));

  function take(message: Sms, redelivered: boolean): Handled {
    const key = handoverKey(message);
    const known = open.get(key);
    if (known || handed.has(key)) {
      metrics.repeats.inc({ provider: name });
      return known ?? [];
    }
    if (redelivered) {
      // Another worker, or this one before a crash, may have handed it over.
      metrics.possibleRepeats.inc({ provider: name, cause: 'redelivered' });
      if (provider.onUnknown === 'park') {
        return followsOf(
          message,
          { kind: 'unknown', reason: 'a worker ended while it held this message' },
          provider,
          Date.now(),
        );
      }
    }
    const follows = new Promise<Follow[]>((resolve) => {
      const settle = (ending: Ending) => {
        open.delete(key);
        tell(message, ending);
        resolve(followsOf(message, ending, provider, Date.now()));
      };
      waiting[message.lane].push({ message, since: performance.now(), notBefore: 0, parts: undefined, settle });
    });
    open.set(key, follows);
    schedulePump();
    return follows;
  }

  function tell(message: Sms, ending: Ending): void {
    submits.inc({ provider: name, outcome: ending.kind });
    const reason = 'reason' in ending ? ending.reason : undefined;
    if (ending.kind === 'done') counts.sent++;
    else if (ending.kind !== 'waited' && ending.kind !== 'expired') {
      counts.errors++;
      lastError = reason ?? ending.kind;
    }
    logAccess({
      event: ending.kind === 'done' ? 'submitted' : 'given-back',
      id: message.id,
      client: message.client,
      provider: name,
      to: maskNumber(message.to),
      segments: message.segments,
      state: ending.kind,
      ...(reason ? { reason } : {}),
      ms: Date.now() - message.at,
    });
  }

  // ── to the wire ──
  function schedulePump(): void {
    if (pumpScheduled) return;
    pumpScheduled = true;
    setImmediate(() => {
      pumpScheduled = false;
      pump();
    });
  }

  function pump(): void {
    if (binds.size === 0) return;
    if (bus.confirmAge() > LEASE_MS.old) return; // Without the broker's word these binds may be someone else's.
    let soonest = Number.POSITIVE_INFINITY;
    for (const bind of usable()) {
      const now = performance.now();
      while (bind.link.inFlight() < provider.window) {
        const item = next(bind, now);
        if (!item) break;
        submit(bind, item);
      }
      soonest = Math.min(soonest, Math.max(1, bind.pace.wait(now)));
    }
    if ((waiting.urgent.length > 0 || waiting.bulk.length > 0) && Number.isFinite(soonest)) {
      clearTimeout(pumpTimer);
      pumpTimer = setTimeout(pump, Math.min(soonest === 1 ? 20 : soonest, 200));
    }
  }

  /** The next message that may go out on this bind now: urgent first. */
  function next(bind: Bind, now: number): Item | undefined {
    for (const lane of LANES) {
      const queue = waiting[lane];
      if (lane === 'bulk' && bulkInFlight >= Math.max(1, provider.window * binds.size * BULK_SHARE)) return undefined;
      const index = queue.findIndex((item) => item.notBefore <= now);
      if (index === -1) continue;
      const item = queue[index]!;
      if (!bind.pace.take(item.message.segments, now, lane === 'bulk' ? BULK_SHARE : 1)) return undefined;
      if (index === 0) queue.shift();
      else queue.splice(index, 1);
      return item;
    }
    return undefined;
  }

  function submit(bind: Bind, item: Item): void {
    const { message } = item;
    if (Date.now() >= message.expiry) return item.settle({ kind: 'expired' });
    try {
      item.parts ??= submitPdus(message, provider);
    } catch (error) {
      return item.settle({ kind: 'refused', reason: (error as Error).message, scope: 'message' });
    }
    const parts = item.parts.filter((part) => part.providerId === undefined);
    handed.add(handoverKey(message), Date.now());
    wireSeconds.observe({ provider: name, lane: message.lane }, (Date.now() - message.at) / 1_000);
    const startedAt = performance.now();
    inFlight++;
    if (message.lane === 'bulk') bulkInFlight++;
    let left = parts.length;
    let worst: Exclude<Outcome, { kind: 'done' }> | undefined;
    for (const part of parts) {
      bind.link.submit(part.pdu, (answer) => {
        const bad = judgeAnswer(answer, part);
        if (bad && (worst === undefined || RANK[bad.kind]! > RANK[worst.kind]!)) worst = bad;
        if (--left > 0) return;
        inFlight--;
        if (message.lane === 'bulk') bulkInFlight--;
        seconds.observe((performance.now() - startedAt) / 1_000);
        settle(bind, item, worst);
        schedulePump();
      });
    }
  }

  function judgeAnswer(answer: Answer, part: { providerId?: string }): Exclude<Outcome, { kind: 'done' }> | undefined {
    if (answer === 'lost') return { kind: 'unknown', reason: 'the provider did not answer the submit_sm' };
    if (answer.status !== STATUS.ROK) return verdict(answer.status);
    part.providerId = answer.messageId;
    return undefined;
  }

  function settle(bind: Bind, item: Item, worst: Exclude<Outcome, { kind: 'done' }> | undefined): void {
    if (!worst) {
      const parts = item.parts!.map(({ providerId, receipt }) => ({ providerId: providerId!, receipt }));
      return item.settle({ kind: 'done', parts });
    }
    if (worst.kind === 'throttled') {
      submits.inc({ provider: name, outcome: 'throttled' });
      bind.pace.throttled(performance.now());
      item.notBefore = performance.now() + (worst.afterMs ?? THROTTLE_PAUSE_MS);
      for (const part of item.parts!) if (part.providerId === undefined) part.pdu.sequence_number = 0;
      waiting[item.message.lane].unshift(item);
      return;
    }
    item.settle(worst);
  }

  // ── binds come and go ──
  const slots: Slot[] = Array.from(
    { length: Math.min(provider.binds, provider.bindsPerWorker ?? provider.binds) },
    (_, i) =>
      runSlot(name, i + 1, provider, bus, log, {
        up(bind) {
          binds.add(bind);
          metrics.bound.labels(name).set(binds.size);
          log.info({ provider: name, binds: binds.size }, 'bound');
          read();
          schedulePump();
        },
        down(bind, reason) {
          binds.delete(bind);
          metrics.bound.labels(name).set(binds.size);
          lastError = reason;
          if (binds.size === 0) rest(reason);
        },
        failed: (reason) => {
          lastError = reason;
        },
        deliver,
      }),
  );

  function read(): void {
    if (stopping || paused || binds.size === 0) return;
    for (const consumer of consumers) void consumer.start();
  }

  /** Nobody is bound (or wanted): stop reading, and give what was not handed over back to the router. */
  function rest(reason: string): void {
    for (const consumer of consumers) void consumer.stop();
    for (const lane of LANES) {
      for (const item of waiting[lane].splice(0)) giveBack(item, { kind: 'unavailable', reason });
    }
  }

  /** A message of which a part went out already may be on the handset. */
  function giveBack(item: Item, ending: Ending): void {
    const begun = item.parts?.some((part) => part.providerId !== undefined);
    // Throttled and never taken: the same hand-over may come back, and is then no repeat.
    if (!begun) handed.delete(handoverKey(item.message));
    item.settle(begun ? { kind: 'unknown', reason: 'only a part of it was taken' } : ending);
  }

  function deliver(pdu: PDU, respond: (status: number) => void): void {
    const report = receiptOf(pdu, name, Date.now());
    if (!report) {
      log.warn({ provider: name }, 'a deliver_sm that is no receipt was refused: incoming messages have no route yet');
      return respond(STATUS.RX_P_APPN!);
    }
    metrics.receipts.inc({ provider: name, state: report.state });
    logAccess({ event: 'receipt', provider: name, state: report.state, to: maskNumber(report.to ?? '') });
    bus.publish(toReport('receipt'), [report]).then(() => respond(STATUS.ROK!));
  }

  // ── every second: news, the lease, and what waited too long ──
  const ticker = setInterval(() => {
    if (binds.size > 0 && bus.confirmAge() > LEASE_MS.renew) {
      void bus.publish(toReport('lease'), [
        { v: VERSION.report, type: 'report', kind: 'lease', at: Date.now(), provider: name },
      ]);
    }
    if (bus.confirmAge() > LEASE_MS.old)
      for (const bind of binds) bind.link.cut('the broker has confirmed nothing for 15 s');
    tooLong('urgent', failoverAfter);
    tooLong('bulk', LONGEST_HOLD_MS.bulk);
    const backlog = waiting.urgent.length + waiting.bulk.length;
    for (const lane of LANES) metrics.backlog.labels(name, lane).set(waiting[lane].length);
    metrics.windowUsed.labels(name).set(inFlight);
    bus.announce({
      kind: 'provider',
      provider: name,
      worker,
      at: Date.now(),
      bound: usable().length,
      allowed: provider.binds,
      waiting: backlog,
      inFlight,
      sentPerSecond: counts.sent - counts.sentBefore,
      errorsPerSecond: counts.errors - counts.errorsBefore,
      paused,
      ...(lastError ? { lastError } : {}),
    });
    counts.sentBefore = counts.sent;
    counts.errorsBefore = counts.errors;
  }, TICK_MS);

  function tooLong(lane: Lane, ms: number): void {
    const limit = performance.now() - ms;
    const late = waiting[lane].filter((item) => item.since < limit);
    if (late.length === 0) return;
    waiting[lane] = waiting[lane].filter((item) => item.since >= limit);
    for (const item of late) giveBack(item, { kind: 'waited' });
  }

  const hold = 2 * provider.window * provider.binds;
  const consumers: Consumer[] = await Promise.all(
    LANES.map((lane) => bus.consume(egressQueue(name, lane), { hold, dead: 'message' }, handle)),
  );
  read();
  await bus.listen((item) => {
    if (item.kind !== 'paused' || item.providers.includes(name) === paused) return;
    paused = !paused;
    log.info({ provider: name }, paused ? 'paused by an administrator' : 'resumed by an administrator');
    if (paused) rest('paused by an administrator');
    else read();
  });

  return {
    notReady: () => undefined,
    async stop() {
      stopping = true;
      const stopped = Promise.all(consumers.map((consumer) => consumer.stop()));
      for (const lane of LANES) for (const item of waiting[lane].splice(0)) giveBack(item, { kind: 'waited' });
      await Promise.all(slots.map((slot) => slot.stop(DRAIN_MS)));
      await stopped;
      clearInterval(ticker);
      clearTimeout(pumpTimer);
    },
  };
}
