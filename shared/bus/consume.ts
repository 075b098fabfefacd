// The bus rule, once: parse → handle → publish what follows, confirmed → acknowledge. Nothing is ever given back by
// nack, so the broker's delivery count counts crashes and cut connections only.
import type { Channel, ConsumeMessage } from 'amqplib';
import { checkEnvelope, type Envelope } from '../messages/envelope.ts';
import { type Log, reasonOf } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { type Traced, traceBatch } from '../telemetry/spans.ts';
import { type Address, type DeadKind, toQueue } from '../topology.ts';
import { Acks } from './acks.ts';
import type { DeadLetters } from './dead.ts';
import type { Line } from './line.ts';
import { MOST_IN_BATCH, type Publisher } from './publish.ts';

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
const READJUST_MS = 1_000;
const MEASURE_EVERY_MS = 5_000;
const SUBSCRIBE_AGAIN_MS = 1_000;

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
  #reading = false;
  #channel: Channel | undefined;
  #acks: Acks | undefined;
  #tag: string | undefined;
  /** Subscribing and unsubscribing wait for each other, so that there is never a second subscription. */
  #turn: Promise<void> = Promise.resolve();
  /** Prefetch counts AMQP messages, and one carries 1 to 64 of ours: start low, then follow what really arrives. */
  #prefetch = 0;
  #perMessage = MOST_IN_BATCH / 4;
  #adjustedAt = 0;
  #open = 0;
  /** Messages that the handler has. What the broker sent beyond `hold` waits as it came: octets cost less than objects. */
  #held = 0;
  #unread: { message: ConsumeMessage; acks: Acks }[] = [];
  #whenIdle: (() => void)[] = [];

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
  ): Promise<Consumer> {
    const reader = new QueueReader(publisher, deadLetters, log, options, handler);
    line.onDown(() => {
      reader.#channel = undefined;
      reader.#tag = undefined;
      reader.#unread = []; // The broker delivers them again.
      reader.#tellIdle();
    });
    await line.onUp(async (model) => {
      const channel = await model.createChannel();
      const { queue } = options;
      channel.on('error', (error) =>
        log.error({ queue, reason: reasonOf(error) }, 'consumer channel closed by the broker'),
      );
      const measuring = setInterval(() => reader.#measure(), MEASURE_EVERY_MS).unref();
      channel.on('close', () => {
        clearInterval(measuring);
        if (reader.#channel === channel) model.close().catch(() => {});
      });
      reader.#acks = new Acks(channel);
      reader.#channel = channel;
      await reader.#inTurn(() => reader.#subscribe());
    });
    return reader;
  }

  async start(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    await this.#inTurn(() => this.#subscribe());
  }

  async stop(): Promise<void> {
    this.#reading = false;
    await this.#inTurn(() => this.#unsubscribe());
    if (this.#open + this.#unread.length > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    // The last acknowledgements leave at the end of this tick. An answer on their channel says that the broker has them:
    // whoever stops closes the connection next, and the frames of its channels do not keep to one order.
    await new Promise((resolve) => setImmediate(resolve));
    try {
      await this.#channel?.checkQueue(this.#options.queue);
    } catch {
      // The channel is gone: the broker delivers again.
    }
  }

  // ── subscription ──

  #inTurn(step: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(step, step);
    return this.#turn;
  }

  async #subscribe(): Promise<void> {
    const channel = this.#channel;
    const acks = this.#acks;
    if (!channel || !acks || !this.#reading || this.#tag) return;
    this.#prefetch = this.#wantedPrefetch();
    this.#adjustedAt = performance.now();
    await channel.prefetch(this.#prefetch);
    const { consumerTag } = await channel.consume(this.#options.queue, (message) => {
      if (!message) this.#cancelled();
      else {
        this.#unread.push({ message, acks });
        this.#takeUnread();
      }
    });
    if (this.#channel === channel) this.#tag = consumerTag;
  }

  async #unsubscribe(): Promise<void> {
    const tag = this.#tag;
    this.#tag = undefined;
    if (this.#channel && tag) await this.#channel.cancel(tag).catch(() => {});
  }

  #cancelled(): void {
    const { queue } = this.#options;
    this.#tag = undefined;
    this.#log.error({ queue }, 'the broker ended this consumer: was its queue deleted?');
    setTimeout(() => {
      this.#inTurn(() => this.#subscribe()).catch((error) =>
        this.#log.error({ queue, reason: reasonOf(error) }, 'cannot read'),
      );
    }, SUBSCRIBE_AGAIN_MS);
  }

  #wantedPrefetch(): number {
    return Math.max(1, Math.round(this.#options.hold / this.#perMessage));
  }

  /** When batches got much larger or smaller, read with another prefetch, so that about `hold` messages are held. */
  #readjust(count: number): void {
    this.#perMessage += (count - this.#perMessage) / 8;
    const wanted = this.#wantedPrefetch();
    const off = wanted > this.#prefetch * 2 || wanted * 2 < this.#prefetch;
    if (!off || !this.#tag || performance.now() - this.#adjustedAt < READJUST_MS) return;
    this.#adjustedAt = performance.now();
    this.#inTurn(async () => {
      await this.#unsubscribe();
      await this.#subscribe();
    }).catch((error) => this.#log.debug({ queue: this.#options.queue, reason: reasonOf(error) }, 'cannot readjust'));
  }

  /** Also while it does not read: a provider without a bind is when the length of its queues matters. */
  #measure(): void {
    const { queue } = this.#options;
    this.#channel?.checkQueue(queue).then(
      ({ messageCount }) => metrics.queueMessages.labels(queue).set(Math.round(messageCount * this.#perMessage)),
      () => {}, // The channel's own events tell.
    );
  }

  // ── the rule ──

  #take(message: ConsumeMessage, acks: Acks): void {
    const { deliveryTag, redelivered } = message.fields;
    this.#open++;
    acks.delivered(deliveryTag);
    const delivery: Delivery = { ...this.#parse(message), ack: () => acks.done(deliveryTag) };
    const { batch } = delivery;
    this.#held += batch.length;
    this.#readjust(Math.max(1, batch.length));
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
        if (answer instanceof Promise) confirms.push(answer.then((follows) => Promise.all(this.#publish(follows))));
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
    return follows.map((follow) => this.#publisher.publish(follow.to, [follow.envelope], follow));
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

  #tellIdle(): void {
    if (this.#open + this.#unread.length === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
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
