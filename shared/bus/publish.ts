// Publishing with group commit. What goes to one address while confirms are under way waits and then travels together;
// when nothing is under way, a lone message leaves at once. So batches add no delay, and cost falls as load rises. Only
// what nobody waits for is gathered for some milliseconds: at low rates each write costs most.
import type { ConfirmChannel } from 'amqplib';
import type { Envelope } from '../messages/envelope.ts';
import { VERSION } from '../messages/envelope.ts';
import { type Log, reasonOf } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import type { Address } from '../topology.ts';
import type { Line } from './line.ts';

/** Envelopes in one AMQP message, unless a single publish brings more. */
export const MOST_IN_BATCH = 64;
/** A part-filled batch waits while this many confirms for its address are under way. */
const CONFIRMS_BEFORE_WAITING = 2;
/** Full batches leave up to this many confirms under way. */
const MOST_CONFIRMS = 16;
/** What is not urgent waits so long for company, or until so many are there. */
const GATHER_MS = 10;
const GATHERED = 16;
const REFUSED_PAUSE_MS = 250;
const SWEEP_MS = 50;
/**
 * A line to a broker's node that is cut off says nothing, and its heartbeat finds out after 20 to 30 s: a door gives it up
 * when a publish was not confirmed in time and nothing else was for so much longer. A new line that never confirmed
 * anything may have come to the same node again, and gets no such patience.
 */
const SILENT_MS = 2_500;
/** Whoever publishes without a deadline waits so long for one confirm, whatever else is confirmed meanwhile. */
const STUCK_MS = 10_000;
const WATCH_MS = 1_000;
/** What amqplib says for basic.nack; any other error means that the channel closed. */
const NACKED = 'message nacked';

/** The broker did not take it, and nothing of it stays here. */
export class NotTaken extends Error {
  override name = 'NotTaken';
}
/** It was sent, but no confirm came in time: it may or may not be on its queues. */
export class ConfirmLost extends Error {
  override name = 'ConfirmLost';
}

export type PublishOptions = {
  /** Per-message TTL in ms; one value per queue, since a quorum queue expires from its head. */
  expiration?: number;
  /** Envelopes per AMQP message, when the receiver wants fewer than MOST_IN_BATCH. */
  mostInBatch?: number;
  /** Doors: give up after this many ms, with NotTaken or ConfirmLost. Without it the publish is repeated until confirmed. */
  withinMs?: number;
  /** Nobody waits for it. */
  unhurried?: boolean;
  /** Travels alone: it came out of a batch that was delivered too often. */
  alone?: boolean;
};

/** What one publish() call brought: it is never split over several AMQP messages. */
type Unit = {
  bodies: string[];
  deadline: number;
  sent: boolean;
  settled: boolean;
  resolve: () => void;
  reject: (error: Error) => void;
};

type Outlet = Required<Pick<PublishOptions, 'mostInBatch' | 'alone'>> & {
  to: Address;
  type: string;
  version: number;
  expiration: number | undefined;
  waiting: Unit[];
  waitingBodies: number;
  underWay: number;
  scheduled: boolean;
  gathering: NodeJS.Timeout | undefined;
  pausedUntil: number;
};

export class Publisher {
  readonly #line: Line;
  readonly #log: Log;
  readonly #service: string;
  readonly #outlets = new Map<string, Outlet>();
  readonly #timed: Unit[] = [];
  #sweeper: NodeJS.Timeout | undefined;
  #channel: ConfirmChannel | undefined;
  /** Batches by AMQP message id, so that basic.return finds the publish it belongs to: the confirm alone says success. */
  readonly #returned = new Set<string>();
  #sequence = 0;
  #open = 0;
  #idle: (() => void)[] = [];
  /** When, after the last confirm, a door's time was over for the first time. */
  #silentSince = 0;
  /** When what is under way was sent, the oldest first. */
  readonly #underWay = new Set<{ sentAt: number }>();
  #watcher: NodeJS.Timeout | undefined;
  /** What was sent before counts from here: the line was opened, or blocked until now. */
  #waitsSince = 0;
  /** Monotonic time (performance.now) of the last confirm from a queue: what a bind's lease is measured by. */
  lastConfirm = performance.now();

  private constructor(line: Line, service: string, log: Log) {
    this.#line = line;
    this.#log = log;
    this.#service = service;
  }

  static async open(line: Line, service: string, log: Log): Promise<Publisher> {
    const publisher = new Publisher(line, service, log);
    line.onDown(() => publisher.#down());
    await line.onUp(async (model) => {
      const channel = await model.createConfirmChannel();
      channel.on('error', (error) => log.error({ reason: reasonOf(error) }, 'publish channel closed by the broker'));
      channel.on('return', (message) => publisher.#returned.add(message.properties.messageId));
      channel.on('close', () => {
        if (publisher.#channel !== channel) return;
        publisher.#down();
        model.close().catch(() => {});
      });
      publisher.#channel = channel;
      publisher.#waitsSince = performance.now();
      for (const outlet of publisher.#outlets.values()) publisher.#schedule(outlet);
    });
    return publisher;
  }

  /** Whether a door may try at all. */
  isOpen(): boolean {
    return this.#channel !== undefined && !this.#line.isBlocked();
  }

  /**
   * Resolves when the broker has confirmed all envelopes (of one type) on their queues and returned none.
   * They travel in one AMQP message: all are accepted or none.
   */
  publish(to: Address, envelopes: readonly Envelope[], options: PublishOptions = {}): Promise<void> {
    if (options.withinMs !== undefined && !this.isOpen()) {
      return Promise.reject(
        new NotTaken(this.#channel ? 'the broker blocks publishers' : 'no connection to the broker'),
      );
    }
    const outlet = this.#outlet(to, envelopes[0]!.type, options);
    const bodies = envelopes.map((envelope) => JSON.stringify(envelope));
    return new Promise((resolve, reject) => {
      const deadline = options.withinMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + options.withinMs;
      const unit: Unit = { bodies, deadline, sent: false, settled: false, resolve, reject };
      if (options.withinMs !== undefined) {
        this.#timed.push(unit);
        this.#sweeper ??= setTimeout(() => this.#sweep(), SWEEP_MS);
      }
      this.#open++;
      outlet.waiting.push(unit);
      outlet.waitingBodies += bodies.length;
      if (options.unhurried && outlet.waitingBodies < GATHERED) this.#gather(outlet);
      else this.#schedule(outlet);
    });
  }

  /** Publishes that wait for their confirm. */
  get unconfirmed(): number {
    return this.#open;
  }

  /** Resolves when nothing waits for a confirm any more. */
  drained(): Promise<void> {
    return this.#open === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }

  close(): void {
    clearTimeout(this.#sweeper);
    clearTimeout(this.#watcher);
  }

  #outlet(to: Address, type: Envelope['type'], options: PublishOptions): Outlet {
    const { expiration, mostInBatch = MOST_IN_BATCH, alone = false } = options;
    const key = `${to.exchange}\n${to.key}\n${type}\n${expiration ?? ''}\n${alone}`;
    let outlet = this.#outlets.get(key);
    if (!outlet) {
      const version = VERSION[type];
      outlet = {
        to,
        type,
        version,
        expiration,
        mostInBatch,
        alone,
        waiting: [],
        waitingBodies: 0,
        underWay: 0,
        scheduled: false,
        gathering: undefined,
        pausedUntil: 0,
      };
      this.#outlets.set(key, outlet);
    }
    outlet.mostInBatch = mostInBatch;
    return outlet;
  }

  /** Once per tick and outlet, so that everything published in this tick travels together. */
  #schedule(outlet: Outlet): void {
    if (outlet.scheduled || outlet.waiting.length === 0) return;
    outlet.scheduled = true;
    setImmediate(() => {
      outlet.scheduled = false;
      this.#flush(outlet);
    });
  }

  #gather(outlet: Outlet): void {
    outlet.gathering ??= setTimeout(() => {
      outlet.gathering = undefined;
      this.#schedule(outlet);
    }, GATHER_MS);
  }

  #flush(outlet: Outlet): void {
    const pause = outlet.pausedUntil - performance.now();
    if (pause > 0) {
      setTimeout(() => this.#schedule(outlet), pause);
      return;
    }
    while (this.#channel && outlet.waiting.length > 0) {
      const full = outlet.waitingBodies >= outlet.mostInBatch;
      if (outlet.underWay >= (full ? MOST_CONFIRMS : CONFIRMS_BEFORE_WAITING)) return;
      this.#send(outlet, this.#channel, this.#take(outlet));
    }
  }

  #take(outlet: Outlet): Unit[] {
    let count = 0;
    let taken = 0;
    for (const unit of outlet.waiting) {
      if (taken > 0 && (outlet.alone || count + unit.bodies.length > outlet.mostInBatch)) break;
      count += unit.bodies.length;
      taken++;
    }
    outlet.waitingBodies -= count;
    return outlet.waiting.splice(0, taken);
  }

  #send(outlet: Outlet, channel: ConfirmChannel, units: Unit[]): void {
    const bodies = units.length === 1 ? units[0]!.bodies : units.flatMap((unit) => unit.bodies);
    const messageId = String(++this.#sequence);
    const batch = { sentAt: performance.now() };
    this.#underWay.add(batch);
    this.#watcher ??= setTimeout(() => this.#watch(), WATCH_MS);
    outlet.underWay++;
    for (const unit of units) unit.sent = true;
    const properties = {
      persistent: true,
      mandatory: true,
      messageId,
      type: outlet.type,
      timestamp: Math.floor(Date.now() / 1_000),
      headers: { v: outlet.version, n: bodies.length },
      ...(outlet.expiration === undefined ? {} : { expiration: outlet.expiration }),
    };
    const answered = (error: Error | null) => {
      this.#underWay.delete(batch);
      outlet.underWay--;
      const unroutable = this.#returned.delete(messageId);
      if (!error && !unroutable) {
        this.lastConfirm = performance.now();
        metrics.busPublished.inc({ service: this.#service }, bodies.length);
        metrics.busBatches.inc({ service: this.#service });
        for (const unit of units) this.#settle(unit);
      } else {
        this.#notConfirmed(outlet, units, unroutable, unroutable || error?.message === NACKED);
      }
      if (!outlet.gathering) this.#schedule(outlet);
    };
    try {
      channel.publish(outlet.to.exchange, outlet.to.key, Buffer.from(`[${bodies.join(',')}]`), properties, answered);
    } catch (error) {
      answered(error as Error);
    }
  }

  /** Nacked or returned by a live broker, or the channel died with the confirm outstanding. */
  #notConfirmed(outlet: Outlet, units: Unit[], unroutable: boolean, alive: boolean): void {
    if (alive) {
      outlet.pausedUntil = performance.now() + REFUSED_PAUSE_MS;
      const queue = outlet.to.exchange ? `${outlet.to.exchange}/${outlet.to.key}` : outlet.to.key;
      this.#log.error(
        { to: queue },
        unroutable ? 'no queue takes this: is the topology set up?' : 'the broker refused a publish',
      );
    }
    const again: Unit[] = [];
    for (const unit of units) {
      unit.sent = false;
      if (unit.settled) continue;
      if (unit.deadline === Number.POSITIVE_INFINITY) again.push(unit);
      else if (alive)
        this.#settle(unit, new NotTaken(unroutable ? 'no queue is bound' : 'the broker refused the message'));
      else this.#settle(unit, new ConfirmLost('the connection to the broker was lost before the confirm'));
    }
    outlet.waiting.unshift(...again);
    outlet.waitingBodies += again.reduce((sum, unit) => sum + unit.bodies.length, 0);
  }

  #settle(unit: Unit, error?: Error): void {
    if (unit.settled) return;
    unit.settled = true;
    this.#open--;
    if (error) unit.reject(error);
    else unit.resolve();
    if (this.#open === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Ends doors' publishes whose time is over. What was not sent yet is withdrawn: nothing stays queued for later. */
  #sweep(): void {
    const now = performance.now();
    let withdrawn = false;
    while (this.#timed.length > 0 && (this.#timed[0]!.settled || this.#timed[0]!.deadline <= now)) {
      const unit = this.#timed.shift()!;
      if (unit.settled) continue;
      withdrawn ||= !unit.sent;
      if (unit.sent && this.#silentSince <= this.lastConfirm) this.#silentSince = now;
      this.#settle(
        unit,
        unit.sent ? new ConfirmLost('the broker did not confirm in time') : new NotTaken('the broker is too slow'),
      );
    }
    if (withdrawn) for (const outlet of this.#outlets.values()) this.#forgetSettled(outlet);
    this.#giveUpIfSilent(now);
    this.#sweeper = this.#timed.length > 0 ? setTimeout(() => this.#sweep(), SWEEP_MS) : undefined;
  }

  #giveUpIfSilent(now: number): void {
    const patience = this.lastConfirm > this.#waitsSince ? SILENT_MS : 0;
    if (this.#silentSince > this.lastConfirm && now - this.#silentSince > patience) this.#giveUp();
  }

  /** A cut inside a cluster can swallow single publishes on a line that is well otherwise. */
  #watch(): void {
    const now = performance.now();
    if (this.#line.isBlocked()) this.#waitsSince = now;
    const [oldest] = this.#underWay;
    if (oldest && now - Math.max(oldest.sentAt, this.#waitsSince) > STUCK_MS) this.#giveUp();
    this.#watcher = this.#underWay.size > 0 ? setTimeout(() => this.#watch(), WATCH_MS) : undefined;
  }

  #giveUp(): void {
    if (this.#line.isBlocked()) return;
    this.#silentSince = 0;
    this.#log.warn('nothing is confirmed on this connection: another one is tried');
    this.#line.drop();
  }

  #forgetSettled(outlet: Outlet): void {
    outlet.waiting = outlet.waiting.filter((unit) => !unit.settled);
    outlet.waitingBodies = outlet.waiting.reduce((sum, unit) => sum + unit.bodies.length, 0);
  }

  /** The channel's own callbacks fail the sent units; what doors had not sent yet is refused here. */
  #down(): void {
    this.#channel = undefined;
    for (const outlet of this.#outlets.values()) {
      for (const unit of outlet.waiting) {
        if (unit.deadline !== Number.POSITIVE_INFINITY)
          this.#settle(unit, new NotTaken('the connection to the broker was lost'));
      }
      this.#forgetSettled(outlet);
    }
  }
}
