// The bus rule, once: parse → handle → publish what follows, confirmed → acknowledge. Nothing is ever given back by
// nack, so the broker's delivery count counts crashes and cut connections only.
import type { ConsumeMessage } from 'amqplib';
import { checkEnvelope, type Envelope } from '../messages/envelope.ts';
import { type Log, reasonOf } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { type Traced, traceBatch } from '../telemetry/spans.ts';
import { type Address, type DeadKind, REPORT, toQueue } from '../topology.ts';
import type { Acks } from './acks.ts';
import type { DeadLetters } from './dead.ts';
import type { Line } from './line.ts';
import type { Publisher } from './publish.ts';
import { Subscription } from './subscription.ts';

/** What follows from one handled message. */
export type Follow = { to: Address; envelope: Envelope; expiration?: number; mostInBatch?: number };
export type Handled = readonly Follow[] | Promise<readonly Follow[]>;
/**
 * Handles a batch and answers for each envelope, in order. A handler does not throw for what a message can bring about;
 * if it does, the batch is split, and the one that throws alone is put aside.
 */
export type Handler = (batch: Envelope[], delivery: { redelivered: boolean }) => readonly Handled[];

export type Consumer = {
  /** Reads (again). */
  start(): Promise<void>;
  /** Stops reading; resolves when what was delivered is handled and acknowledged. */
  stop(): Promise<void>;
};

export type ConsumeOptions = {
  service: string;
  queue: string;
  /** About how many messages (not AMQP messages) are held at once. */
  hold: number;
  /** Where what cannot be parsed or finished is put aside. */
  dead: DeadKind;
};

/** A batch that was delivered so often is split into singles; a single so often delivered is poison. */
const SPLIT_AFTER = 2;
const POISON_AFTER = 4;

/** One AMQP message: its envelopes, what of it is already on its way to the dead letters, and how to end it. */
type Delivery = { batch: Envelope[]; aside: Promise<void>[]; ack: () => void; span?: Traced | undefined };

export class QueueReader implements Consumer {
  readonly #publisher: Publisher;
  readonly #deadLetters: DeadLetters;
  readonly #log: Log;
  readonly #options: ConsumeOptions;
  readonly #handler: Handler;
  readonly #consumed;
  readonly #waited;
  #subscription: Subscription | undefined;
  #open = 0;
  /** Messages that the handler has. What the broker sent beyond `hold` waits as it came: octets cost less than objects. */
  #held = 0;
  #unread: { message: ConsumeMessage; acks: Acks }[] = [];
  #whenIdle: (() => void)[] = [];
  #givenUp = false;

  private constructor(
    publisher: Publisher,
    deadLetters: DeadLetters,
    log: Log,
    options: ConsumeOptions,
    handler: Handler,
  ) {
    this.#publisher = publisher;
    this.#deadLetters = deadLetters;
    this.#log = log;
    this.#options = options;
    this.#handler = handler;
    this.#waited = metrics.queueWait.labels(options.queue);
    this.#consumed = metrics.busConsumed.labels(options.service, options.queue);
  }

  static async open(
    line: Line,
    publisher: Publisher,
    deadLetters: DeadLetters,
    log: Log,
    options: ConsumeOptions,
    handler: Handler,
  ): Promise<QueueReader> {
    const reader = new QueueReader(publisher, deadLetters, log, options, handler);
    reader.#subscription = await Subscription.open(line, log, {
      queue: options.queue,
      hold: options.hold,
      onMessage(message, acks) {
        reader.#unread.push({ message, acks });
        reader.#takeUnread();
      },
      onLost() {
        reader.#unread = [];
        reader.#tellIdle();
      },
    });
    return reader;
  }

  async start(): Promise<void> {
    await this.#subscription!.start();
  }

  async stop(): Promise<void> {
    await this.#subscription!.end();
    if (!this.#isIdle) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    await this.#subscription!.settled();
  }

  /** What is held is given up: `stop` waits no longer. How many messages are left unacknowledged. */
  giveUp(): number {
    this.#givenUp = true;
    this.#tellIdle();
    return this.#held;
  }

  // ── the rule ──

  #take(message: ConsumeMessage, acks: Acks): void {
    const { deliveryTag, redelivered } = message.fields;
    this.#open++;
    acks.delivered(deliveryTag);
    const delivery: Delivery = { ...this.#parse(message), ack: () => acks.done(deliveryTag) };
    const { batch } = delivery;
    this.#held += batch.length;
    this.#subscription!.carried(Math.max(1, batch.length));
    const { timestamp } = message.properties;
    if (timestamp !== undefined) this.#waited.observe(Math.max(0, Math.floor(Date.now() / 1_000) - timestamp));
    const count = Number(message.properties.headers?.['x-delivery-count'] ?? 0);
    if (count >= POISON_AFTER && batch.length === 1) this.#putAside(delivery, 'delivered too often without an end');
    else if (count >= SPLIT_AFTER && batch.length > 1) this.#split(delivery);
    else this.#handle(delivery, redelivered);
  }

  /** Envelopes of a delivery; what is not one goes to the dead letters. */
  #parse(message: ConsumeMessage): Pick<Delivery, 'batch' | 'aside'> {
    let values: unknown;
    try {
      values = JSON.parse(message.content.toString());
    } catch {
      values = undefined;
    }
    if (!Array.isArray(values))
      return { batch: [], aside: [this.#letter('not a JSON list', message.content.toString('base64'))] };
    const batch: Envelope[] = [];
    const aside: Promise<void>[] = [];
    for (const value of values) {
      const checked = checkEnvelope(value);
      if (checked.ok) batch.push(checked.envelope);
      else aside.push(this.#letter(checked.reason, value));
    }
    return { batch, aside };
  }

  #handle(delivery: Delivery, redelivered: boolean): void {
    const confirms: Promise<unknown>[] = [...delivery.aside];
    delivery.span = traceBatch(this.#options.service, this.#options.queue, delivery.batch);
    try {
      const handled = delivery.batch.length > 0 ? this.#handler(delivery.batch, { redelivered }) : [];
      // What follows is published as soon as each answer is there; the delivery ends when all of it is confirmed.
      for (const answer of handled) {
        if (answer instanceof Promise)
          confirms.push(
            answer.then((follows) => (follows.length === 0 ? undefined : Promise.all(this.#publish(follows)))),
          );
        else confirms.push(...this.#publish(answer));
      }
    } catch (error) {
      void Promise.allSettled(confirms); // The delivery is judged anew: nobody waits for these.
      this.#failed(delivery, error);
      return;
    }
    Promise.all(confirms).then(
      () => this.#end(delivery),
      (error) => this.#failed(delivery, error),
    );
  }

  #publish(follows: readonly Follow[]): Promise<void>[] {
    return follows.map((follow) => {
      // News for the ledger: only the acknowledgement waits for them.
      const unhurried = follow.to.exchange === REPORT;
      return this.#publisher.publish(follow.to, [follow.envelope], { ...follow, unhurried });
    });
  }

  #end(delivery: Delivery): void {
    delivery.span?.end();
    this.#consumed.inc(delivery.batch.length);
    delivery.ack();
    this.#open--;
    this.#held -= delivery.batch.length;
    this.#takeUnread();
    this.#tellIdle();
  }

  #takeUnread(): void {
    let count = 0;
    while (count < this.#unread.length && this.#held < this.#options.hold) {
      const { message, acks } = this.#unread[count++]!;
      this.#take(message, acks);
    }
    this.#unread.splice(0, count);
  }

  get #isIdle(): boolean {
    return this.#givenUp || this.#open + this.#unread.length === 0;
  }

  #tellIdle(): void {
    if (this.#isIdle) for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  // ── what goes wrong ──

  #failed(delivery: Delivery, error: unknown): void {
    const { queue } = this.#options;
    this.#log.error(
      { queue, reason: reasonOf(error), count: delivery.batch.length },
      'a handler failed: a fault of this program',
    );
    if (delivery.batch.length > 1) this.#split(delivery);
    else this.#putAside(delivery, `handler failed: ${reasonOf(error)}`);
  }

  /** Each envelope on its own, so that the one that crashes its reader is found and the others pass. */
  #split(delivery: Delivery): void {
    const singles = delivery.batch.map((envelope) => this.#again(envelope));
    void Promise.all([...singles, ...delivery.aside]).then(() => this.#end(delivery));
  }

  /** What cannot be written as JSON again, since a field of a neighbour is nested too deep, is put aside. */
  #again(envelope: Envelope): Promise<void> {
    try {
      return this.#publisher.publish(toQueue(this.#options.queue), [envelope], { alone: true });
    } catch (error) {
      return this.#letter(`cannot be written: ${reasonOf(error)}`, envelope);
    }
  }

  #putAside(delivery: Delivery, reason: string): void {
    const letters = delivery.batch.map((envelope) => this.#letter(reason, envelope));
    void Promise.all([...letters, ...delivery.aside]).then(() => this.#end(delivery));
  }

  #letter(reason: string, body: unknown): Promise<void> {
    return this.#deadLetters.add(this.#options.dead, { queue: this.#options.queue, reason, body });
  }
}
