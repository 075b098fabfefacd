// Acknowledgements of one channel: those of one tick together, one `multiple` ack for the unbroken run from the oldest
// delivery and single ones for the rest. Delivery tags count per channel, so there is one of these per channel.
import type { Channel, ConsumeMessage } from 'amqplib';

export class Acks {
  readonly #channel: Channel;
  /** Tags in the order of delivery that are not acknowledged yet, and those of them that may be. */
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

  /** Whether every delivery that was read is acknowledged. */
  isEmpty(): boolean {
    return this.#outstanding.length === 0;
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
