// The worker of one provider: reads its two lanes while a bind is up, has what it reads handed over (pump.ts), and turns
// every ending into what follows. How a message is handed over is the bearer's.
import { randomUUID } from 'node:crypto';
import type { Bus } from '../bus/bus.ts';
import type { Consumer, Follow, Handled } from '../bus/consume.ts';
import type { Provider } from '../config/schema.ts';
import { type Ending, followsOf } from '../handover.ts';
import { VERSION } from '../messages/envelope.ts';
import { handoverKey, type Sms } from '../messages/sms.ts';
import type { TrialAnswer } from '../messages/trial.ts';
import { type Log, reasonOf } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { traceProcess } from '../telemetry/spans.ts';
import { egressQueue, LANES, toReport } from '../topology.ts';
import type { Bearer } from './bearer.ts';
import type { Show } from './dialogue.ts';
import { Pump } from './pump.ts';
import { type Bind, runSlot, type Slot } from './slot.ts';
import { Tally } from './tally.ts';
import { conduct, sendProbe } from './trial.ts';

/** A worker holds no bulk message longer than this without handing it over; urgent ones no longer than failoverAfter. */
const BULK_HELD_MS = 300_000;
const LEASE_MS = { renew: 8_000, old: 15_000 };
const TICK_MS = 1_000;
/** A worker that is started again and again does not probe each time, and one that seldom probes does so soon. */
const FIRST_PROBE_MS = 300_000;
const DRAIN_MS = 8_000;

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
  /** Hand-overs that have no end yet. */
  readonly #open = new Map<string, Promise<Follow[]>>();
  readonly #pump: Pump<P>;
  readonly #tally: Tally;
  #consumers: Consumer[] = [];
  #slots: Slot[] = [];
  #ticker: NodeJS.Timeout | undefined;
  #paused = false;
  /** Why it does not read now. */
  #resting: string | undefined;
  #probeAt: number;

  constructor(options: WorkerOptions<P>) {
    this.#options = options;
    this.#name = options.name;
    this.#service = `egress-${options.provider.bearer}`;
    this.#probeAt = performance.now() + Math.min(options.provider.probe?.every ?? 0, FIRST_PROBE_MS);
    const { name, provider, bearer, bus } = options;
    this.#pump = new Pump({ name, service: this.#service, provider, bearer, bus, leaseMs: LEASE_MS.old });
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
    this.#pump.isStopping = true;
    const stopped = Promise.all(this.#consumers.map((consumer) => consumer.stop()));
    this.#pump.giveBackAll({ kind: 'waited' });
    await Promise.all(this.#slots.map((slot) => slot.stop(DRAIN_MS)));
    await stopped;
    clearInterval(this.#ticker);
    this.#pump.close();
  }

  // ── from the bus ──

  #take(arrived: Sms, redelivered: boolean): Handled {
    const { provider } = this.#options;
    const key = handoverKey(arrived);
    const known = this.#open.get(key);
    if (known || this.#pump.handed.has(key)) {
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
    if (this.#pump.isStopping) return followsOf(arrived, { kind: 'waited' }, provider, Date.now());
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
      this.#pump.add({
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
    if (![...this.#pump.binds].some(({ n, usable }) => n === 1 && usable)) return;
    this.#probeAt = now + provider.probe.every;
    void sendProbe({ name: this.#name, provider, bus }, this.#once).catch((error) =>
      log.warn({ provider: this.#name, reason: reasonOf(error) }, 'no probe was sent'),
    );
  }

  /** Hands over ahead of the backlog, and never again. */
  readonly #once = async (message: Sms, show: Show): Promise<Ending> => {
    if (this.#pump.isStopping || ![...this.#pump.binds].some(({ usable }) => usable))
      throw new Error(this.#tally.lastError || 'this worker has no open bind');
    return new Promise((resolve) => {
      const settle = (ending: Ending) => {
        this.#tally.ended(message, ending);
        resolve(ending);
      };
      const at = { since: performance.now(), notBefore: 0, throttles: 0 };
      this.#pump.addFirst({ message, key: handoverKey(message), ...at, prepared: undefined, settle, show });
    });
  };

  // ── binds come and go ──

  #up(bind: Bind<P>): void {
    this.#pump.binds.add(bind);
    metrics.bound.labels(this.#name).set(this.#pump.binds.size);
    this.#options.log.info({ provider: this.#name, binds: this.#pump.binds.size }, 'bound');
    this.#read();
    this.#pump.schedule();
  }

  #down(bind: Bind<P>, reason: string): void {
    this.#pump.binds.delete(bind);
    metrics.bound.labels(this.#name).set(this.#pump.binds.size);
    this.#tally.lastError = reason;
    if (this.#pump.binds.size === 0) this.#rest(reason);
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
    if (this.#pump.isStopping || this.#paused || this.#pump.binds.size === 0) return;
    this.#resting = undefined;
    for (const consumer of this.#consumers) void consumer.start();
  }

  /** Nobody is bound, or nothing is wanted: stop reading, and give what was not handed over back to the router. */
  #rest(reason: string): void {
    this.#resting = reason;
    for (const consumer of this.#consumers) void consumer.stop();
    this.#pump.giveBackAll({ kind: 'unavailable', reason });
  }

  // ── every second: the lease, what waited too long, and news ──

  #tick(): void {
    const { bus, failoverAfter } = this.#options;
    if (this.#pump.binds.size > 0 && bus.confirmAge() > LEASE_MS.renew) {
      void bus.publish(toReport('lease'), [
        { v: VERSION.report, type: 'report', kind: 'lease', at: Date.now(), provider: this.#name },
      ]);
    }
    if (bus.confirmAge() > LEASE_MS.old)
      for (const bind of this.#pump.binds) bind.link.cut('the broker has confirmed nothing for 15 s');
    for (const lane of LANES) {
      const limit = performance.now() - (lane === 'urgent' ? failoverAfter : BULK_HELD_MS);
      this.#pump.giveBackOlder(lane, limit, { kind: 'waited' });
      metrics.backlog.labels(this.#name, lane).set(this.#pump.waiting.size(lane));
    }
    this.#announce();
    this.#probe();
  }

  #announce(): void {
    const { bus, provider, bearer } = this.#options;
    const balance = bearer.balance?.();
    const { inFlight } = this.#pump;
    metrics.windowUsed.labels(this.#name).set(inFlight);
    metrics.windowAllowed.labels(this.#name).set(provider.window * this.#pump.binds.size);
    bus.announce({
      kind: 'provider',
      provider: this.#name,
      worker: this.#id,
      at: Date.now(),
      bound: [...this.#pump.binds].filter((bind) => bind.usable).length,
      allowed: provider.binds,
      waiting: this.#pump.waiting.size('urgent') + this.#pump.waiting.size('bulk'),
      inFlight,
      paused: this.#paused,
      ...(balance ? { balance } : {}),
      ...this.#tally.lastSecond(),
    });
  }
}
