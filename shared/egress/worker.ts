// The worker of one provider: reads its two lanes while a bind is up, hands over urgent before bulk within window and
// rate, and turns every answer into an outcome. How a message is handed over is the bearer's.
import { randomUUID } from 'node:crypto';
import type { Bus } from '../bus/bus.ts';
import type { Consumer, Follow, Handled } from '../bus/consume.ts';
import type { Provider } from '../config/schema.ts';
import { type Ending, followsOf } from '../handover.ts';
import { VERSION } from '../messages/envelope.ts';
import { handoverKey, type Sms } from '../messages/sms.ts';
import type { TrialAnswer } from '../messages/trial.ts';
import type { Outcome, OutcomeOf } from '../outcome.ts';
import { type Log, reasonOf } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { traceProcess, traceSubmit } from '../telemetry/spans.ts';
import { egressQueue, LANES, type Lane, toReport } from '../topology.ts';
import type { Bearer } from './bearer.ts';
import type { Show } from './dialogue.ts';
import { Handed } from './handed.ts';
import { type Bind, runSlot, type Slot } from './slot.ts';
import { Tally } from './tally.ts';
import { conduct, sendProbe } from './trial.ts';
import { type Item, Waiting } from './waiting.ts';

/** Bulk may use this share of window and rate, so that a one-time password always finds room. */
const BULK_SHARE = 0.8;
/** A worker holds no bulk message longer than this without handing it over; urgent ones no longer than failoverAfter. */
const BULK_HELD_MS = 300_000;
const LEASE_MS = { renew: 8_000, old: 15_000 };
const TICK_MS = 1_000;
/** A worker that is started again and again does not probe each time, and one that seldom probes does so soon. */
const FIRST_PROBE_MS = 300_000;
/** Room in the window or a token may be there again after this, at the latest. */
const PUMP_AGAIN_MS = { least: 5, most: 200 };
const DRAIN_MS = 8_000;
/**
 * A throttled message goes out again after the first of these, unless the provider names a time; throttled again, after
 * the next. Short at first: what came with it is not acknowledged before it has its answer, and the rate is the pace's care.
 */
const THROTTLE_PAUSES_MS = [50, 250, 1_000] as const;

export type WorkerOptions<P> = {
  name: string;
  provider: Provider;
  bearer: Bearer<P>;
  failoverAfter: number;
  bus: Bus;
  log: Log;
};

export class Worker<P> {
  readonly #options: WorkerOptions<P>;
  readonly #name: string;
  readonly #service: string;
  readonly #id = randomUUID().slice(0, 8);
  readonly #binds = new Set<Bind<P>>();
  readonly #waiting = new Waiting<P>();
  /** Hand-overs that have no end yet, and those that had one: what makes a repeat harmless. */
  readonly #open = new Map<string, Promise<Follow[]>>();
  readonly #handed = new Handed(Date.now());
  readonly #inFlight: Record<Lane, number> = { urgent: 0, bulk: 0 };
  readonly #tally: Tally;
  #consumers: Consumer[] = [];
  #slots: Slot[] = [];
  #ticker: NodeJS.Timeout | undefined;
  #pumpTimer: NodeJS.Timeout | undefined;
  #pumpScheduled = false;
  #paused = false;
  /** Why it does not read now. */
  #resting: string | undefined;
  #probeAt: number;
  #stopping = false;

  constructor(options: WorkerOptions<P>) {
    this.#options = options;
    this.#name = options.name;
    this.#service = `egress-${options.provider.bearer}`;
    this.#probeAt = performance.now() + Math.min(options.provider.probe?.every ?? 0, FIRST_PROBE_MS);
    this.#tally = new Tally(options.name, options.provider.onUnknown);
  }

  async start(): Promise<void> {
    const { provider, bearer, bus, log } = this.#options;
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
    metrics.bound.labels(this.#name).set(0); // A provider that never lets anybody in must be seen.
    metrics.bindsWanted.labels(this.#name).set(slots);
    this.#slots = Array.from({ length: slots }, () =>
      runSlot(this.#name, provider, bearer, bus, log, {
        up: (bind) => this.#up(bind),
        down: (bind, reason) => this.#down(bind, reason),
        failed: (reason) => {
          this.#tally.lastError = reason;
        },
        asked: (question) => this.#try(question),
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

  #take(arrived: Sms, redelivered: boolean): Handled {
    const { provider } = this.#options;
    const key = handoverKey(arrived);
    const known = this.#open.get(key);
    if (known || this.#handed.has(key)) {
      metrics.repeats.inc({ provider: this.#name });
      return known ?? [];
    }
    if (redelivered) {
      // Another worker, or this one before a crash, may have handed it over.
      metrics.possibleRepeats.inc({ provider: this.#name, cause: 'redelivered' });
      const ending: Ending = { kind: 'unknown', reason: 'a worker ended while it held this message' };
      if (provider.onUnknown === 'park') return followsOf(arrived, ending, provider, Date.now());
    }
    // Still on its way to us when this worker began to stop or to rest: it would wait here for nobody.
    if (this.#stopping) return followsOf(arrived, { kind: 'waited' }, provider, Date.now());
    if (this.#resting) return followsOf(arrived, { kind: 'unavailable', reason: this.#resting }, provider, Date.now());
    const span = traceProcess(this.#service, egressQueue(this.#name, arrived.lane), arrived);
    const message = span ? { ...arrived, traceparent: span.traceparent } : arrived;
    const follows = new Promise<Follow[]>((resolve) => {
      const settle = (ending: Ending) => {
        this.#open.delete(key);
        span?.end({ 'hermod.outcome': ending.kind });
        this.#tally.ended(message, ending);
        resolve(followsOf(message, ending, provider, Date.now()));
      };
      this.#waiting.add({
        message,
        key,
        since: performance.now(),
        notBefore: 0,
        throttles: 0,
        prepared: undefined,
        settle,
      });
    });
    this.#open.set(key, follows);
    this.#schedulePump();
    return follows;
  }

  // ── from a person ──

  #try(asked: unknown): Promise<TrialAnswer> {
    const { provider, bus } = this.#options;
    return conduct(asked, { name: this.#name, provider, bus }, this.#once);
  }

  /** Of all workers the one that holds the first slot. */
  #probe(): void {
    const { provider, bus, log } = this.#options;
    const now = performance.now();
    if (!provider.probe || this.#paused || now < this.#probeAt) return;
    if (![...this.#binds].some(({ n, usable }) => n === 1 && usable)) return;
    this.#probeAt = now + provider.probe.every;
    void sendProbe({ name: this.#name, provider, bus }, this.#once).catch((error) =>
      log.warn({ provider: this.#name, reason: reasonOf(error) }, 'no probe was sent'),
    );
  }

  /** Hands over ahead of the backlog, and never again. */
  readonly #once = async (message: Sms, show: Show): Promise<Ending> => {
    if (this.#stopping || ![...this.#binds].some(({ usable }) => usable))
      throw new Error(this.#tally.lastError || 'this worker has no open bind');
    return new Promise((resolve) => {
      const settle = (ending: Ending) => {
        this.#tally.ended(message, ending);
        resolve(ending);
      };
      const at = { since: performance.now(), notBefore: 0, throttles: 0 };
      this.#waiting.addFirst({ message, key: handoverKey(message), ...at, prepared: undefined, settle, show });
      this.#schedulePump();
    });
  };

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
  #next(bind: Bind<P>, now: number): Item<P> | undefined {
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

  #submit(bind: Bind<P>, item: Item<P>): void {
    const { message } = item;
    const at = Date.now();
    if (at >= message.expiry) {
      item.settle({ kind: 'expired' });
      return;
    }
    try {
      item.prepared ??= this.#options.bearer.prepare(message);
    } catch (error) {
      item.settle({ kind: 'refused', reason: (error as Error).message, scope: 'message' });
      return;
    }
    this.#handed.add(item.key, at);
    metrics.wireSeconds.observe({ provider: this.#name, lane: message.lane }, (at - message.at) / 1_000);
    const startedAt = performance.now();
    const { show } = item;
    const span = traceSubmit(this.#service, this.#name, message);
    this.#inFlight[message.lane]++;
    const ended = (outcome: Outcome) => {
      this.#inFlight[message.lane]--;
      span?.end({ 'hermod.outcome': outcome.kind }, outcome.kind === 'done' ? undefined : outcome.kind);
      metrics.submitSeconds.observe({ provider: this.#name }, (performance.now() - startedAt) / 1_000);
      if (outcome.kind === 'throttled') this.#throttled(bind, item, outcome);
      else if (outcome.kind === 'unavailable') this.#giveBack(item, outcome);
      else item.settle(outcome);
      this.#schedulePump();
    };
    bind.link.submit(item.prepared, ended, show);
  }

  #throttled(bind: Bind<P>, item: Item<P>, { reason, afterMs }: OutcomeOf<'throttled'>): void {
    metrics.submits.inc({ provider: this.#name, outcome: 'throttled' });
    const now = performance.now();
    bind.pace.throttled(now);
    item.throttles++;
    item.notBefore = now + (afterMs ?? THROTTLE_PAUSES_MS[item.throttles - 1] ?? THROTTLE_PAUSES_MS.at(-1)!);
    if (item.show) this.#giveBack(item, { kind: 'retry', reason });
    else if (this.#stopping) this.#giveBack(item, { kind: 'waited' });
    else this.#waiting.addFirst(item);
  }

  // ── binds come and go ──

  #up(bind: Bind<P>): void {
    this.#binds.add(bind);
    metrics.bound.labels(this.#name).set(this.#binds.size);
    this.#options.log.info({ provider: this.#name, binds: this.#binds.size }, 'bound');
    this.#read();
    this.#schedulePump();
  }

  #down(bind: Bind<P>, reason: string): void {
    this.#binds.delete(bind);
    metrics.bound.labels(this.#name).set(this.#binds.size);
    this.#tally.lastError = reason;
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
    this.#resting = undefined;
    for (const consumer of this.#consumers) void consumer.start();
  }

  /** Nobody is bound, or nothing is wanted: stop reading, and give what was not handed over back to the router. */
  #rest(reason: string): void {
    this.#resting = reason;
    for (const consumer of this.#consumers) void consumer.stop();
    this.#giveBackAll({ kind: 'unavailable', reason });
  }

  #giveBackAll(ending: Ending): void {
    for (const lane of LANES) for (const item of this.#waiting.takeOlder(lane)) this.#giveBack(item, ending);
  }

  /** A message of which a part went out already may be on the handset. */
  #giveBack(item: Item<P>, ending: Ending): void {
    const begun = item.prepared !== undefined && this.#options.bearer.begun(item.prepared);
    // Never taken (throttled, or the provider was away): the same hand-over may come back, and is then no repeat.
    if (!begun) this.#handed.delete(item.key);
    item.settle(begun ? { kind: 'unknown', reason: 'only a part of it was taken' } : ending);
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
    this.#probe();
  }

  #announce(): void {
    const { bus, provider, bearer } = this.#options;
    const balance = bearer.balance?.();
    const inFlight = this.#inFlight.urgent + this.#inFlight.bulk;
    metrics.windowUsed.labels(this.#name).set(inFlight);
    metrics.windowAllowed.labels(this.#name).set(provider.window * this.#binds.size);
    bus.announce({
      kind: 'provider',
      provider: this.#name,
      worker: this.#id,
      at: Date.now(),
      bound: [...this.#binds].filter((bind) => bind.usable).length,
      allowed: provider.binds,
      waiting: this.#waiting.size('urgent') + this.#waiting.size('bulk'),
      inFlight,
      paused: this.#paused,
      ...(balance ? { balance } : {}),
      ...this.#tally.lastSecond(),
    });
  }
}
