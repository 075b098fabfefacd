// The bus rule, once: parse → handle → publish what follows, confirmed → acknowledge. Nothing is ever given back by
// nack, so the broker's delivery count counts crashes and cut connections only.
import type { Channel, ConsumeMessage } from 'amqplib';
import { checkEnvelope, type Envelope } from '../messages/envelope.ts';
import { type Log, reasonOf } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { type Address, type DeadKind, toQueue } from '../topology.ts';
import type { DeadLetters } from './dead.ts';
import type { Line } from './line.ts';
import { MOST_IN_BATCH, type Publisher } from './publish.ts';

/** What follows from one handled message. */
export type Follow = { to: Address; envelope: Envelope; expiration?: number; mostInBatch?: number };
export type Handled = readonly Follow[] | Promise<readonly Follow[]>;
/**
 * Handles a batch and answers for each envelope, in order. A handler does not throw for what a message can bring about;
 * if it does, the batch is split and the one that throws alone is put aside.
 */
export type Handler = (batch: Envelope[], delivery: { redelivered: boolean }) => readonly Handled[];

export type Consumer = {
  /** Reads (again). */
  start(): Promise<void>;
  /** Stops reading; resolves when what was delivered is handled and acknowledged. */
  stop(): Promise<void>;
};

export type ConsumeOptions = {
  /** About how many messages (not AMQP messages) are held at once. */
  hold: number;
  /** Where what cannot be parsed or finished is put aside. */
  dead: DeadKind;
};

/** A batch that was delivered so often is split into singles; a single so often delivered is poison. */
const SPLIT_AFTER = 2;
const POISON_AFTER = 4;
const READJUST_MS = 1_000;

type Delivery = { message: ConsumeMessage; ack: () => void };

export async function openConsumer(
  line: Line,
  publisher: Publisher,
  deadLetters: DeadLetters,
  log: Log,
  service: string,
  queue: string,
  options: ConsumeOptions,
  handler: Handler,
): Promise<Consumer> {
  let reading = false;
  let channel: Channel | undefined;
  let tag: string | undefined;
  let prefetch = 0;
  // Prefetch counts AMQP messages, and one carries 1 to 64 of ours: start low, then follow what really arrives.
  let perMessage = MOST_IN_BATCH / 4;
  let adjustedAt = 0;
  let open = 0;
  const whenIdle: (() => void)[] = [];
  const consumed = metrics.busConsumed.labels(service, queue);

  // Starting and stopping wait for each other, so that there is never a second subscription.
  let turn: Promise<void> = Promise.resolve();
  const inTurn = (step: () => Promise<void>): Promise<void> => {
    turn = turn.then(step, step);
    return turn;
  };

  async function subscribe(): Promise<void> {
    const mine = channel;
    if (!mine || !reading || tag) return;
    prefetch = Math.max(1, Math.round(options.hold / perMessage));
    adjustedAt = performance.now();
    await mine.prefetch(prefetch);
    const acks = new Acks(mine);
    const reply = await mine.consume(queue, (message) => {
      if (message === null) {
        log.error({ queue }, 'the broker ended this consumer: was its queue deleted?');
        tag = undefined;
        setTimeout(
          () => inTurn(subscribe).catch((error) => log.error({ queue, reason: reasonOf(error) }, 'cannot read')),
          1_000,
        );
        return;
      }
      open++;
      acks.delivered(message.fields.deliveryTag);
      take({ message, ack: () => acks.done(message.fields.deliveryTag) });
    });
    if (channel === mine) tag = reply.consumerTag;
  }

  async function unsubscribe(): Promise<void> {
    const was = tag;
    tag = undefined;
    if (channel && was) await channel.cancel(was).catch(() => {});
  }

  /** When batches got much larger or smaller, read with another prefetch, so that about `hold` messages are held. */
  function readjust(count: number): void {
    perMessage += (count - perMessage) / 8;
    const wanted = Math.max(1, Math.round(options.hold / perMessage));
    const off = wanted > prefetch * 2 || wanted * 2 < prefetch;
    if (!off || !tag || performance.now() - adjustedAt < READJUST_MS) return;
    adjustedAt = performance.now();
    inTurn(() => unsubscribe().then(subscribe)).catch((error) =>
      log.debug({ queue, reason: reasonOf(error) }, 'cannot readjust'),
    );
  }

  function take(delivery: Delivery): void {
    const { message } = delivery;
    const headers = message.properties.headers ?? {};
    const count = Number(headers['x-delivery-count'] ?? 0);
    const { batch, rest } = parse(message);
    readjust(Math.max(1, batch.length));
    if (count >= POISON_AFTER && batch.length === 1)
      return putAside(delivery, batch, rest, 'delivered too often without an end');
    if (count >= SPLIT_AFTER && batch.length > 1) return split(delivery, batch, rest);
    let handled: readonly Handled[] = [];
    try {
      if (batch.length > 0) handled = handler(batch, { redelivered: message.fields.redelivered });
    } catch (error) {
      return failed(delivery, batch, rest, error);
    }
    finish(delivery, batch, handled, rest);
  }

  /** Envelopes of a delivery, and what is not one on its way to the dead letters. */
  function parse(message: ConsumeMessage): { batch: Envelope[]; rest: Promise<void>[] } {
    let values: unknown;
    try {
      values = JSON.parse(message.content.toString());
    } catch {
      values = undefined;
    }
    if (!Array.isArray(values)) {
      const letter = { queue, reason: 'not a JSON list', body: message.content.toString('base64') };
      return { batch: [], rest: [deadLetters.add(options.dead, letter)] };
    }
    const batch: Envelope[] = [];
    const rest: Promise<void>[] = [];
    for (const value of values) {
      const checked = checkEnvelope(value);
      if (checked.ok) batch.push(checked.envelope);
      else rest.push(deadLetters.add(options.dead, { queue, reason: checked.reason, body: value }));
    }
    return { batch, rest };
  }

  /** Publishes what follows, as soon as each answer is there, and acknowledges when all of it is confirmed. */
  function finish(delivery: Delivery, batch: Envelope[], handled: readonly Handled[], rest: Promise<void>[]): void {
    const confirms: Promise<unknown>[] = [...rest];
    for (const answer of handled) {
      if (answer instanceof Promise) confirms.push(answer.then((follows) => Promise.all(publishAll(follows))));
      else confirms.push(...publishAll(answer));
    }
    const all = confirms.length === 1 ? confirms[0]! : Promise.all(confirms);
    all.then(
      () => {
        consumed.inc(batch.length);
        close(delivery);
      },
      (error) => failed(delivery, batch, rest, error),
    );
  }

  function publishAll(follows: readonly Follow[]): Promise<void>[] {
    if (follows.length <= 1) return follows.map((follow) => publisher.publish(follow.to, [follow.envelope], follow));
    return [...grouped(follows)].map(([first, envelopes]) => publisher.publish(first.to, envelopes, first));
  }

  function close(delivery: Delivery): void {
    delivery.ack();
    if (--open === 0) for (const resolve of whenIdle.splice(0)) resolve();
  }

  function failed(delivery: Delivery, batch: Envelope[], rest: Promise<void>[], error: unknown): void {
    log.error({ queue, reason: reasonOf(error), count: batch.length }, 'a handler failed: a fault of this program');
    if (batch.length > 1) split(delivery, batch, rest);
    else putAside(delivery, batch, rest, `handler failed: ${reasonOf(error)}`);
  }

  function split(delivery: Delivery, batch: Envelope[], rest: Promise<void>[]): void {
    const singles = batch.map((envelope) => publisher.publish(toQueue(queue), [envelope], { suspect: true }));
    Promise.all([...singles, ...rest]).then(() => close(delivery));
  }

  function putAside(delivery: Delivery, batch: Envelope[], rest: Promise<void>[], reason: string): void {
    const letters = batch.map((body) => deadLetters.add(options.dead, { queue, reason, body }));
    Promise.all([...letters, ...rest]).then(() => close(delivery));
  }

  line.onDown(() => {
    channel = undefined;
    tag = undefined;
  });
  await line.onUp(async (model) => {
    const fresh = await model.createChannel();
    fresh.on('error', (error) =>
      log.error({ queue, reason: reasonOf(error) }, 'consumer channel closed by the broker'),
    );
    fresh.on('close', () => {
      if (channel === fresh) model.close().catch(() => {});
    });
    channel = fresh;
    await inTurn(subscribe);
  });

  return {
    async start() {
      if (reading) return;
      reading = true;
      await inTurn(subscribe);
    },
    async stop() {
      reading = false;
      await inTurn(unsubscribe);
      if (open > 0) await new Promise<void>((resolve) => whenIdle.push(resolve));
    },
  };
}

/** Follows to the same address, of one type and expiration, together: one AMQP message for several of ours. */
function grouped(follows: readonly Follow[]): Map<Follow, Envelope[]> {
  const groups = new Map<Follow, Envelope[]>();
  for (const follow of follows) {
    let first: Follow | undefined;
    for (const known of groups.keys()) {
      const same = known.to.key === follow.to.key && known.to.exchange === follow.to.exchange;
      if (same && known.expiration === follow.expiration && known.envelope.type === follow.envelope.type) first = known;
    }
    if (first) groups.get(first)!.push(follow.envelope);
    else groups.set(follow, [follow.envelope]);
  }
  return groups;
}

/** Acknowledgements of one tick: one `multiple` ack for the unbroken run from the oldest, single ones for the rest. */
class Acks {
  readonly #channel: Channel;
  readonly #outstanding: number[] = [];
  readonly #done = new Set<number>();
  #closed = false;
  #scheduled = false;

  constructor(channel: Channel) {
    this.#channel = channel;
    channel.on('close', () => {
      this.#closed = true;
    });
  }

  delivered(tag: number): void {
    this.#outstanding.push(tag);
  }

  done(tag: number): void {
    this.#done.add(tag);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#scheduled = false;
    if (this.#closed) return;
    let run = 0;
    while (run < this.#outstanding.length && this.#done.has(this.#outstanding[run]!)) run++;
    if (run > 0) this.#ack(this.#outstanding[run - 1]!, true);
    for (const tag of this.#outstanding.splice(0, run)) this.#done.delete(tag);
    for (const tag of this.#done) {
      this.#ack(tag, false);
      this.#outstanding.splice(this.#outstanding.indexOf(tag), 1);
    }
    this.#done.clear();
  }

  #ack(deliveryTag: number, upTo: boolean): void {
    try {
      this.#channel.ack({ fields: { deliveryTag } } as ConsumeMessage, upTo);
    } catch {
      this.#closed = true; // The channel just died: the broker delivers again, and the repeat is recognised.
    }
  }
}
