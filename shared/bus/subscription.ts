// The subscription to one queue: there while it is wanted, again after every loss of the connection, and with a prefetch
// that follows how many of our messages one AMQP message carries.
import type { Channel, ConsumeMessage } from 'amqplib';
import { type Log, reasonOf } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { Acks } from './acks.ts';
import type { Line } from './line.ts';
import { MOST_IN_BATCH } from './outlet.ts';

/** Too little is held at once when small batches follow on large ones: that is put right sooner than too much. */
const READJUST_MS = { more: 100, less: 1_000 };
const MEASURE_EVERY_MS = 5_000;
const SUBSCRIBE_AGAIN_MS = 1_000;

export type SubscriptionOptions = {
  queue: string;
  /** About how many messages (not AMQP messages) are delivered and not acknowledged. */
  hold: number;
  onMessage(message: ConsumeMessage, acks: Acks): void;
  /** The channel is gone: the broker delivers again what is not acknowledged. */
  onLost(): void;
};

export class Subscription {
  readonly #log: Log;
  readonly #options: SubscriptionOptions;
  #wanted = false;
  #channel: Channel | undefined;
  #acks: Acks | undefined;
  #tag: string | undefined;
  /** Subscribing and unsubscribing wait for each other, so that there is never a second subscription. */
  #turn: Promise<void> = Promise.resolve();
  /** Prefetch counts AMQP messages, and one carries 1 to 64 of ours: start low, then follow what really arrives. */
  #prefetch = 0;
  #perMessage = MOST_IN_BATCH / 4;
  #adjustedAt = 0;
  /** Whether anything came since the last measure, and whether the broker had something for us then and gave us nothing. */
  #hasCome = false;
  #isStarved = false;

  private constructor(log: Log, options: SubscriptionOptions) {
    this.#log = log;
    this.#options = options;
  }

  static async open(line: Line, log: Log, options: SubscriptionOptions): Promise<Subscription> {
    const mine = new Subscription(log, options);
    const { queue } = options;
    line.onDown(() => {
      mine.#channel = undefined;
      mine.#tag = undefined;
      options.onLost();
    });
    await line.onUp(async (model) => {
      const channel = await model.createChannel();
      channel.on('error', (error) =>
        log.error({ queue, reason: reasonOf(error) }, 'consumer channel closed by the broker'),
      );
      const measuring = setInterval(() => mine.#measure(), MEASURE_EVERY_MS).unref();
      channel.on('close', () => {
        clearInterval(measuring);
        if (mine.#channel === channel) model.close().catch(() => {});
      });
      mine.#acks = new Acks(channel, () => mine.#prefetch);
      mine.#channel = channel;
      await mine.#inTurn(() => mine.#subscribe());
    });
    return mine;
  }

  async start(): Promise<void> {
    if (this.#wanted) return;
    this.#wanted = true;
    await this.#inTurn(() => this.#subscribe());
  }

  /** What was delivered by then stays the reader's. */
  async end(): Promise<void> {
    this.#wanted = false;
    await this.#inTurn(() => this.#unsubscribe());
  }

  /** Resolves when the broker has the acknowledgements, or will deliver again. */
  async settled(): Promise<void> {
    // An answer on their channel says that the broker has them: whoever stops closes the connection next, and the frames
    // of its channels do not keep to one order.
    this.#acks?.flush();
    try {
      await this.#channel?.checkQueue(this.#options.queue);
    } catch {
      // The channel is gone.
    }
  }

  /** When batches got much larger or smaller, reads with another prefetch, so that about `hold` messages are held. */
  carried(count: number): void {
    this.#perMessage += (count - this.#perMessage) / 8;
    const wanted = this.#wantedPrefetch();
    const off = wanted > this.#prefetch * 2 ? 'more' : wanted * 2 < this.#prefetch ? 'less' : undefined;
    if (!off || !this.#tag || performance.now() - this.#adjustedAt < READJUST_MS[off]) return;
    this.#adjustedAt = performance.now();
    this.#inTurn(async () => {
      await this.#unsubscribe();
      await this.#subscribe();
    }).catch((error) => this.#log.debug({ queue: this.#options.queue, reason: reasonOf(error) }, 'cannot readjust'));
  }

  #inTurn(step: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(step, step);
    return this.#turn;
  }

  async #subscribe(): Promise<void> {
    const channel = this.#channel;
    const acks = this.#acks;
    if (!channel || !acks || !this.#wanted || this.#tag) return;
    this.#prefetch = this.#wantedPrefetch();
    this.#adjustedAt = performance.now();
    await channel.prefetch(this.#prefetch);
    const { consumerTag } = await channel.consume(this.#options.queue, (message) => {
      if (!message) return this.#cancelled();
      this.#hasCome = true;
      this.#options.onMessage(message, acks);
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

  /** Also while it does not read: a provider without a bind is when the length of its queues matters. */
  #measure(): void {
    const { queue } = this.#options;
    this.#channel?.checkQueue(queue).then(
      ({ messageCount }) => {
        metrics.queueMessages.labels(queue).set(Math.round(messageCount * this.#perMessage));
        this.#leaveIfStarved(messageCount > 0);
      },
      () => {}, // The channel's own events tell.
    );
  }

  /**
   * A cut inside a cluster can swallow as many deliveries as the prefetch allows: the broker then waits for their
   * acknowledgements for ever, and gives them again only to another channel.
   */
  #leaveIfStarved(haveSome: boolean): void {
    const wasStarved = this.#isStarved;
    this.#isStarved = haveSome && this.#tag !== undefined && !this.#hasCome && this.#acks!.isEmpty();
    this.#hasCome = false;
    if (!wasStarved || !this.#isStarved) return;
    this.#log.warn({ queue: this.#options.queue }, 'messages wait and none is delivered: reading on a new connection');
    this.#channel?.close().catch(() => {});
  }
}
