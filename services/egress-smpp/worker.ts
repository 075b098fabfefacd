// The worker of one SMPP provider: reads its two lanes while a bind is up, submits urgent before bulk within window and
// rate, and turns every answer into an outcome.
import { randomUUID } from 'node:crypto';
import type { PDU } from 'smpp';
import type { Bus } from '#shared/bus/bus.ts';
import type { Consumer, Follow, Handled } from '#shared/bus/consume.ts';
import type { Provider } from '#shared/config/schema.ts';
import { type Ending, followsOf } from '#shared/handover.ts';
import { VERSION } from '#shared/messages/envelope.ts';
import { handoverKey, type Sms } from '#shared/messages/sms.ts';
import type { Outcome } from '#shared/outcome.ts';
import { STATUS } from '#shared/smpp/library.ts';
import { maskNumber } from '#shared/sms/number.ts';
import { logAccess } from '#shared/telemetry/access.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import { egressQueue, LANES, type Lane, toReport } from '#shared/topology.ts';
import { Handed } from './handed.ts';
import { submitPdus } from './pdus.ts';
import { receiptOf } from './receipts.ts';
import { type Bind, runSlot, type Slot } from './slot.ts';
import { submitParts } from './submit.ts';
import { type Item, Waiting } from './waiting.ts';

/** Bulk may use this share of window and rate, so that a one-time password always finds room. */
const BULK_SHARE = 0.8;
/** A worker holds no bulk message longer than this without handing it over; urgent ones no longer than failoverAfter. */
const BULK_HELD_MS = 300_000;
const LEASE_MS = { renew: 8_000, old: 15_000 };
const TICK_MS = 1_000;
/** Room in the window or a token may be there again after this, at the latest. */
const PUMP_AGAIN_MS = { least: 5, most: 200 };
const DRAIN_MS = 8_000;
/** A throttled message goes out again after this, unless the provider names a time. */
const THROTTLE_PAUSE_MS = 1_000;

export type WorkerOptions = { name: string; provider: Provider; failoverAfter: number; bus: Bus; log: Log };

export class Worker {
  readonly #options: WorkerOptions;
  readonly #name: string;
  readonly #id = randomUUID().slice(0, 8);
  readonly #binds = new Set<Bind>();
  readonly #waiting = new Waiting();
  /** Hand-overs that have no end yet, and those that had one: what makes a repeat harmless. */
  readonly #open = new Map<string, Promise<Follow[]>>();
  readonly #handed = new Handed(Date.now());
  readonly #inFlight: Record<Lane, number> = { urgent: 0, bulk: 0 };
  readonly #counts = { sent: 0, errors: 0, failures: 0 };
  #consumers: Consumer[] = [];
  #slots: Slot[] = [];
  #ticker: NodeJS.Timeout | undefined;
  #pumpTimer: NodeJS.Timeout | undefined;
  #pumpScheduled = false;
  #lastError = '';
  #paused = false;
  #stopping = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#name = options.name;
  }

  async start(): Promise<void> {
    const { provider, bus, log } = this.#options;
    const hold = 2 * provider.window * provider.binds;
    this.#consumers = await Promise.all(
      LANES.map((lane) =>
        bus.consume(egressQueue(this.#name, lane), { hold, dead: 'message' }, (batch, { redelivered }) =>
          batch.map((envelope) => this.#take(envelope as Sms, redelivered)),
        ),
      ),
    );
    await bus.listen((item) => {
      if (item.kind === 'paused') this.#pause(item.providers.includes(this.#name));
    });
    metrics.bindsAllowed.labels(this.#name).set(provider.binds);
    const slots = Math.min(provider.binds, provider.bindsPerWorker ?? provider.binds);
    this.#slots = Array.from({ length: slots }, () =>
      runSlot(this.#name, provider, bus, log, {
        up: (bind) => this.#up(bind),
        down: (bind, reason) => this.#down(bind, reason),
        failed: (reason) => {
          this.#lastError = reason;
        },
        deliver: (pdu, respond) => this.#deliver(pdu, respond),
      }),
    );
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
  }

  /** What waits goes back to the router, what is in flight is waited for, then the sessions unbind. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const stopped = Promise.all(this.#consumers.map((consumer) => consumer.stop()));
    this.#giveBackAll({ kind: 'waited' });
    await Promise.all(this.#slots.map((slot) => slot.stop(DRAIN_MS)));
    await stopped;
    clearInterval(this.#ticker);
    clearTimeout(this.#pumpTimer);
  }

  // ── from the bus ──

  #take(message: Sms, redelivered: boolean): Handled {
    const { provider } = this.#options;
    const key = handoverKey(message);
    const known = this.#open.get(key);
    if (known || this.#handed.has(key)) {
      metrics.repeats.inc({ provider: this.#name });
      return known ?? [];
    }
    if (redelivered) {
      // Another worker, or this one before a crash, may have handed it over.
      metrics.possibleRepeats.inc({ provider: this.#name, cause: 'redelivered' });
      const ending: Ending = { kind: 'unknown', reason: 'a worker ended while it held this message' };
      if (provider.onUnknown === 'park') return followsOf(message, ending, provider, Date.now());
    }
    const follows = new Promise<Follow[]>((resolve) => {
      const settle = (ending: Ending) => {
        this.#open.delete(key);
        this.#tell(message, ending);
        resolve(followsOf(message, ending, provider, Date.now()));
      };
      this.#waiting.add({ message, key, since: performance.now(), notBefore: 0, parts: undefined, settle });
    });
    this.#open.set(key, follows);
    this.#schedulePump();
    return follows;
  }

  #tell(message: Sms, ending: Ending): void {
    metrics.submits.inc({ provider: this.#name, outcome: ending.kind });
    const reason = 'reason' in ending ? ending.reason : undefined;
    if (ending.kind === 'done') this.#counts.sent++;
    else if (reason !== undefined) {
      this.#counts.errors++;
      this.#lastError = reason;
    }
    if (speaksAgainstProvider(ending)) this.#counts.failures++;
    if (ending.kind === 'unknown' && this.#options.provider.onUnknown === 'resend') {
      metrics.possibleRepeats.inc({ provider: this.#name, cause: 'no answer' });
    }
    logAccess({
      event: ending.kind === 'done' ? 'submitted' : 'given-back',
      id: message.id,
      client: message.client,
      provider: this.#name,
      to: maskNumber(message.to),
      segments: message.segments,
      state: ending.kind,
      ...(reason === undefined ? {} : { reason }),
      ms: Date.now() - message.at,
    });
  }

  // ── to the wire ──

  #schedulePump(): void {
    if (this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    setImmediate(() => {
      this.#pumpScheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    // Without the broker's word these binds may be someone else's by now.
    if (this.#options.bus.confirmAge() > LEASE_MS.old) return;
    const now = performance.now();
    let soonest = Number.POSITIVE_INFINITY;
    for (const bind of this.#binds) {
      if (!bind.usable) continue;
      while (bind.link.inFlight() < this.#options.provider.window) {
        const item = this.#next(bind, now);
        if (!item) break;
        this.#submit(bind, item);
      }
      soonest = Math.min(soonest, bind.pace.wait(now));
    }
    if (this.#waiting.empty || soonest === Number.POSITIVE_INFINITY) return;
    clearTimeout(this.#pumpTimer);
    const wait = Math.min(Math.max(soonest, PUMP_AGAIN_MS.least), PUMP_AGAIN_MS.most);
    this.#pumpTimer = setTimeout(() => this.#pump(), wait);
  }

  /** The next message that may go out on this bind now: urgent first. */
  #next(bind: Bind, now: number): Item | undefined {
    for (const lane of LANES) {
      const share = lane === 'bulk' ? BULK_SHARE : 1;
      if (this.#inFlight[lane] >= Math.max(1, this.#options.provider.window * this.#binds.size * share)) continue;
      const item = this.#waiting.first(lane, now);
      if (!item) continue;
      if (!bind.pace.take(item.message.segments, now, share)) return undefined;
      this.#waiting.remove(item);
      return item;
    }
    return undefined;
  }

  #submit(bind: Bind, item: Item): void {
    const { message } = item;
    const at = Date.now();
    if (at >= message.expiry) {
      item.settle({ kind: 'expired' });
      return;
    }
    try {
      item.parts ??= submitPdus(message, this.#options.provider);
    } catch (error) {
      item.settle({ kind: 'refused', reason: (error as Error).message, scope: 'message' });
      return;
    }
    this.#handed.add(item.key, at);
    metrics.wireSeconds.observe({ provider: this.#name, lane: message.lane }, (at - message.at) / 1_000);
    const startedAt = performance.now();
    this.#inFlight[message.lane]++;
    submitParts(bind.link, item.parts, (outcome) => {
      this.#inFlight[message.lane]--;
      metrics.submitSeconds.observe({ provider: this.#name }, (performance.now() - startedAt) / 1_000);
      if (outcome.kind === 'throttled') this.#throttled(bind, item, outcome);
      else item.settle(outcome);
      this.#schedulePump();
    });
  }

  #throttled(bind: Bind, item: Item, { afterMs = THROTTLE_PAUSE_MS }: Extract<Outcome, { kind: 'throttled' }>): void {
    metrics.submits.inc({ provider: this.#name, outcome: 'throttled' });
    const now = performance.now();
    bind.pace.throttled(now);
    item.notBefore = now + afterMs;
    if (this.#stopping) this.#giveBack(item, { kind: 'waited' });
    else this.#waiting.addFirst(item);
  }

  // ── binds come and go ──

  #up(bind: Bind): void {
    this.#binds.add(bind);
    metrics.bound.labels(this.#name).set(this.#binds.size);
    this.#options.log.info({ provider: this.#name, binds: this.#binds.size }, 'bound');
    this.#read();
    this.#schedulePump();
  }

  #down(bind: Bind, reason: string): void {
    this.#binds.delete(bind);
    metrics.bound.labels(this.#name).set(this.#binds.size);
    this.#lastError = reason;
    if (this.#binds.size === 0) this.#rest(reason);
  }

  #pause(paused: boolean): void {
    if (paused === this.#paused) return;
    this.#paused = paused;
    this.#options.log.info(
      { provider: this.#name },
      paused ? 'paused by an administrator' : 'resumed by an administrator',
    );
    if (paused) this.#rest('paused by an administrator');
    else this.#read();
  }

  #read(): void {
    if (this.#stopping || this.#paused || this.#binds.size === 0) return;
    for (const consumer of this.#consumers) void consumer.start();
  }

  /** Nobody is bound, or nothing is wanted: stop reading, and give what was not handed over back to the router. */
  #rest(reason: string): void {
    for (const consumer of this.#consumers) void consumer.stop();
    this.#giveBackAll({ kind: 'unavailable', reason });
  }

  #giveBackAll(ending: Ending): void {
    for (const lane of LANES) for (const item of this.#waiting.takeOlder(lane)) this.#giveBack(item, ending);
  }

  /** A message of which a part went out already may be on the handset. */
  #giveBack(item: Item, ending: Ending): void {
    const begun = item.parts?.some((part) => part.providerId !== undefined);
    // Throttled and never taken: the same hand-over may come back, and is then no repeat.
    if (!begun) this.#handed.delete(item.key);
    item.settle(begun ? { kind: 'unknown', reason: 'only a part of it was taken' } : ending);
  }

  #deliver(pdu: PDU, respond: (status: number) => void): void {
    const { bus, log } = this.#options;
    const report = receiptOf(pdu, this.#name, Date.now());
    if (!report) {
      log.warn(
        { provider: this.#name },
        'a deliver_sm that is no receipt was refused: incoming messages have no route yet',
      );
      respond(STATUS.RX_P_APPN!);
      return;
    }
    metrics.receipts.inc({ provider: this.#name, state: report.state });
    logAccess({ event: 'receipt', provider: this.#name, state: report.state, to: maskNumber(report.to ?? '') });
    void bus.publish(toReport('receipt'), [report]).then(() => respond(STATUS.ROK!));
  }

  // ── every second: the lease, what waited too long, and news ──

  #tick(): void {
    const { bus, failoverAfter } = this.#options;
    if (this.#binds.size > 0 && bus.confirmAge() > LEASE_MS.renew) {
      void bus.publish(toReport('lease'), [
        { v: VERSION.report, type: 'report', kind: 'lease', at: Date.now(), provider: this.#name },
      ]);
    }
    if (bus.confirmAge() > LEASE_MS.old)
      for (const bind of this.#binds) bind.link.cut('the broker has confirmed nothing for 15 s');
    for (const lane of LANES) {
      const limit = performance.now() - (lane === 'urgent' ? failoverAfter : BULK_HELD_MS);
      for (const item of this.#waiting.takeOlder(lane, limit)) this.#giveBack(item, { kind: 'waited' });
      metrics.backlog.labels(this.#name, lane).set(this.#waiting.size(lane));
    }
    this.#announce();
  }

  #announce(): void {
    const { bus, provider } = this.#options;
    const inFlight = this.#inFlight.urgent + this.#inFlight.bulk;
    metrics.windowUsed.labels(this.#name).set(inFlight);
    bus.announce({
      kind: 'provider',
      provider: this.#name,
      worker: this.#id,
      at: Date.now(),
      bound: [...this.#binds].filter((bind) => bind.usable).length,
      allowed: provider.binds,
      waiting: this.#waiting.size('urgent') + this.#waiting.size('bulk'),
      inFlight,
      sentPerSecond: this.#counts.sent,
      errorsPerSecond: this.#counts.errors,
      failuresPerSecond: this.#counts.failures,
      paused: this.#paused,
      ...(this.#lastError ? { lastError: this.#lastError } : {}),
    });
    this.#counts.sent = 0;
    this.#counts.errors = 0;
    this.#counts.failures = 0;
  }
}

/** Not a number or a text that no provider would take, and not a lost bind, which `bound` tells. */
const speaksAgainstProvider = (ending: Ending) =>
  ending.kind === 'retry' || ending.kind === 'unknown' || (ending.kind === 'refused' && ending.scope === 'provider');
