// A worker's messages on their way to the wire: urgent before bulk, on any bind with room, within window and rate, and
// again after a throttle. What cannot go out here is given back.
import type { Bus } from '../bus/bus.ts';
import type { Provider } from '../config/schema.ts';
import type { Ending } from '../handover.ts';
import type { Outcome, OutcomeOf } from '../outcome.ts';
import { metrics } from '../telemetry/metrics.ts';
import { traceSubmit } from '../telemetry/spans.ts';
import { LANES, type Lane } from '../topology.ts';
import type { Bearer } from './bearer.ts';
import { Handed } from './handed.ts';
import type { Bind } from './slot.ts';
import { type Item, Waiting } from './waiting.ts';

/** Bulk may use this share of window and rate, so that a one-time password always finds room. */
const BULK_SHARE = 0.8;
/** Room in the window or a token may be there again after this, at the latest. */
const AGAIN_MS = { least: 5, most: 200 };
/**
 * A throttled message goes out again after the first of these, unless the provider names a time; throttled again, after
 * the next. Short at first: what came with it is not acknowledged before it has its answer, and the rate is the pace's care.
 */
const THROTTLE_PAUSES_MS = [50, 250, 1_000] as const;

export type PumpOptions<P> = {
  /** The provider's. */
  name: string;
  service: string;
  provider: Provider;
  bearer: Bearer<P>;
  bus: Pick<Bus, 'confirmAge'>;
  /** Milliseconds without a word of the broker after which nothing is handed over: these binds may be someone else's. */
  leaseMs: number;
};

export class Pump<P> {
  readonly binds = new Set<Bind<P>>();
  readonly waiting = new Waiting<P>();
  /** Hand-overs that are under way or had an end: what makes a repeat harmless. */
  readonly handed = new Handed(Date.now());
  /** The worker ends: a throttled message is not tried again here. */
  isStopping = false;
  readonly #options: PumpOptions<P>;
  readonly #inFlight: Record<Lane, number> = { urgent: 0, bulk: 0 };
  #timer: NodeJS.Timeout | undefined;
  #isScheduled = false;

  constructor(options: PumpOptions<P>) {
    this.#options = options;
  }

  add(item: Item<P>): void {
    this.waiting.add(item);
    this.schedule();
  }

  /** Ahead of all others. */
  addFirst(item: Item<P>): void {
    this.waiting.addFirst(item);
    this.schedule();
  }

  get inFlight(): number {
    return this.#inFlight.urgent + this.#inFlight.bulk;
  }

  /** Room, or something to hand over, may be there. */
  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#pump();
    });
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  giveBackAll(ending: Ending): void {
    for (const lane of LANES) this.giveBackOlder(lane, undefined, ending);
  }

  /** What came in on a lane before `since` (monotonic ms); all of it without one. */
  giveBackOlder(lane: Lane, since: number | undefined, ending: Ending): void {
    for (const item of this.waiting.takeOlder(lane, since)) this.#giveBack(item, ending);
  }

  #pump(): void {
    if (this.#options.bus.confirmAge() > this.#options.leaseMs) return;
    const now = performance.now();
    let soonest = Number.POSITIVE_INFINITY;
    for (const bind of this.binds) {
      if (!bind.usable) continue;
      while (bind.link.inFlight() < this.#options.provider.window) {
        const item = this.#next(bind, now);
        if (!item) break;
        this.#submit(bind, item);
      }
      soonest = Math.min(soonest, bind.pace.wait(now));
    }
    if (this.waiting.empty || soonest === Number.POSITIVE_INFINITY) return;
    clearTimeout(this.#timer);
    const wait = Math.min(Math.max(soonest, AGAIN_MS.least), AGAIN_MS.most);
    this.#timer = setTimeout(() => this.#pump(), wait);
  }

  /** The next message that may go out on this bind now: urgent first. */
  #next(bind: Bind<P>, now: number): Item<P> | undefined {
    for (const lane of LANES) {
      const share = lane === 'bulk' ? BULK_SHARE : 1;
      if (this.#inFlight[lane] >= Math.max(1, this.#options.provider.window * this.binds.size * share)) continue;
      const item = this.waiting.first(lane, now);
      if (!item) continue;
      if (!bind.pace.take(item.message.segments, now, share)) return undefined;
      this.waiting.remove(item);
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
    this.handed.add(item.key, at);
    metrics.wireSeconds.observe({ provider: this.#options.name, lane: message.lane }, (at - message.at) / 1_000);
    const startedAt = performance.now();
    const { show } = item;
    const span = traceSubmit(this.#options.service, this.#options.name, message);
    this.#inFlight[message.lane]++;
    const ended = (outcome: Outcome) => {
      this.#inFlight[message.lane]--;
      span?.end({ 'hermod.outcome': outcome.kind }, outcome.kind === 'done' ? undefined : outcome.kind);
      metrics.submitSeconds.observe({ provider: this.#options.name }, (performance.now() - startedAt) / 1_000);
      if (outcome.kind === 'throttled') this.#throttled(bind, item, outcome);
      else if (outcome.kind === 'unavailable') this.#giveBack(item, outcome);
      else item.settle(outcome);
      this.schedule();
    };
    bind.link.submit(item.prepared, ended, show);
  }

  #throttled(bind: Bind<P>, item: Item<P>, { reason, afterMs }: OutcomeOf<'throttled'>): void {
    metrics.submits.inc({ provider: this.#options.name, outcome: 'throttled' });
    const now = performance.now();
    bind.pace.throttled(now);
    item.throttles++;
    item.notBefore = now + (afterMs ?? THROTTLE_PAUSES_MS[item.throttles - 1] ?? THROTTLE_PAUSES_MS.at(-1)!);
    if (item.show) this.#giveBack(item, { kind: 'retry', reason });
    else if (this.isStopping) this.#giveBack(item, { kind: 'waited' });
    else this.waiting.addFirst(item);
  }

  /** A message of which a part went out already may be on the handset. */
  #giveBack(item: Item<P>, ending: Ending): void {
    const begun = item.prepared !== undefined && this.#options.bearer.begun(item.prepared);
    // Never taken (throttled, or the provider was away): the same hand-over may come back, and is then no repeat.
    if (!begun) this.handed.delete(item.key);
    item.settle(begun ? { kind: 'unknown', reason: 'only a part of it was taken' } : ending);
  }
}
