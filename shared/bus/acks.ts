// Acknowledgements of one channel: those of some milliseconds together, one `multiple` ack for the unbroken run from the
// oldest delivery and single ones for the rest. Each is a write to the queue's log, which nobody waits for: they are
// gathered as long as the prefetch leaves room. Delivery tags count per channel, so there is one of these per channel.
import type { Channel, ConsumeMessage } from 'amqplib';

const GATHER_MS = 10;
/** Of the prefetch, so much may wait for its acknowledgement. */
const GATHERED_SHARE = 0.25;

export class Acks {
  readonly #channel: Channel;
  readonly #prefetch: () => number;
  /** Tags in the order of delivery that are not acknowledged yet, and those of them that may be. */
  readonly #outstanding: number[] = [];
  readonly #done = new Set<number>();
  #closed = false;
  #gathering: NodeJS.Timeout | undefined;
  #scheduled = false;

  constructor(channel: Channel, prefetch: () => number) {
    this.#channel = channel;
    this.#prefetch = prefetch;
    channel.on('close', () => {
      this.#closed = true;
    });
  }

  delivered(tag: number): void {
    this.#outstanding.push(tag);
  }

  /** Whether every delivery that was read is acknowledged. */
  isEmpty(): boolean {
    return this.#outstanding.length === 0;
  }

  done(tag: number): void {
    this.#done.add(tag);
    if (this.#scheduled) return;
    if (this.#done.size < GATHERED_SHARE * this.#prefetch()) {
      this.#gathering ??= setTimeout(() => this.flush(), GATHER_MS);
      return;
    }
    this.#scheduled = true;
    setImmediate(() => this.flush());
  }

  /** Sends what may be acknowledged. */
  flush(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
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
