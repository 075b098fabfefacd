// Publishing with confirms, in batches (outlet.ts): until the broker has it, or, for a door, for as long as its client waits.
import type { ConfirmChannel } from 'amqplib';
import { type Envelope, VERSION } from '../messages/envelope.ts';
import { type Log, reasonOf } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import type { Address } from '../topology.ts';
import type { Line } from './line.ts';
import { MOST_IN_BATCH, Outlet, type Unit } from './outlet.ts';
import { Silence } from './silence.ts';

const SWEEP_MS = 50;
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
  readonly #silence: Silence;

  private constructor(line: Line, service: string, log: Log) {
    this.#line = line;
    this.#log = log;
    this.#service = service;
    this.#silence = new Silence(line, log);
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
      publisher.#silence.opened();
      for (const outlet of publisher.#outlets.values()) outlet.schedule();
    });
    return publisher;
  }

  /** Monotonic time (performance.now) of the last confirm from a queue: what a bind's lease is measured by. */
  get lastConfirm(): number {
    return this.#silence.lastConfirm;
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
      outlet.add(unit, options.unhurried === true);
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
    this.#silence.close();
  }

  #outlet(to: Address, type: Envelope['type'], options: PublishOptions): Outlet {
    const { expiration, mostInBatch = MOST_IN_BATCH, alone = false } = options;
    const key = `${to.exchange}\n${to.key}\n${type}\n${expiration ?? ''}\n${alone}`;
    let outlet = this.#outlets.get(key);
    if (!outlet) {
      outlet = new Outlet({
        ...{ to, type, expiration, alone },
        canSend: () => this.#channel !== undefined,
        send: (from, units) => this.#send(from, units, this.#channel!),
      });
      this.#outlets.set(key, outlet);
    }
    outlet.mostInBatch = mostInBatch;
    return outlet;
  }

  #send(outlet: Outlet, units: Unit[], channel: ConfirmChannel): void {
    const { to, type, expiration } = outlet.options;
    const bodies = units.length === 1 ? units[0]!.bodies : units.flatMap((unit) => unit.bodies);
    const messageId = String(++this.#sequence);
    const sent = this.#silence.sent();
    for (const unit of units) unit.sent = true;
    const properties = {
      persistent: true,
      mandatory: true,
      messageId,
      type,
      timestamp: Math.floor(Date.now() / 1_000),
      headers: { v: VERSION[type], n: bodies.length },
      ...(expiration === undefined ? {} : { expiration }),
    };
    const answered = (error: Error | null) => {
      const unroutable = this.#returned.delete(messageId);
      const isConfirmed = !error && !unroutable;
      this.#silence.answered(sent, isConfirmed);
      if (!isConfirmed)
        return outlet.answered(this.#notConfirmed(outlet, units, unroutable, unroutable || error?.message === NACKED));
      outlet.forgetRefusal();
      metrics.busPublished.inc({ service: this.#service }, bodies.length);
      metrics.busBatches.inc({ service: this.#service });
      for (const unit of units) this.#settle(unit);
      outlet.answered();
    };
    try {
      channel.publish(to.exchange, to.key, Buffer.from(`[${bodies.join(',')}]`), properties, answered);
    } catch (error) {
      answered(error as Error);
    }
  }

  /** Nacked or returned by a live broker, or the channel died with the confirm outstanding. Returns what has to go again. */
  #notConfirmed(outlet: Outlet, units: readonly Unit[], unroutable: boolean, alive: boolean): Unit[] {
    if (alive) {
      const refusedMs = outlet.refused();
      if (!unroutable) this.#silence.refused(refusedMs);
      const { exchange, key } = outlet.options.to;
      this.#log.error(
        { to: exchange ? `${exchange}/${key}` : key },
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
    return again;
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
      if (unit.sent) this.#silence.timedOut(now);
      this.#settle(
        unit,
        unit.sent ? new ConfirmLost('the broker did not confirm in time') : new NotTaken('the broker is too slow'),
      );
    }
    if (withdrawn) for (const outlet of this.#outlets.values()) outlet.forgetSettled();
    this.#silence.check(now);
    this.#sweeper = this.#timed.length > 0 ? setTimeout(() => this.#sweep(), SWEEP_MS) : undefined;
  }

  /** The channel's own callbacks fail the sent units; what doors had not sent yet is refused here. */
  #down(): void {
    this.#channel = undefined;
    for (const outlet of this.#outlets.values()) {
      outlet.forgetRefusal();
      for (const unit of outlet.waiting()) {
        if (unit.deadline !== Number.POSITIVE_INFINITY)
          this.#settle(unit, new NotTaken('the connection to the broker was lost'));
      }
      outlet.forgetSettled();
    }
  }
}
