// From octets to whole PDUs. A command_length that cannot be honest ends the reading: nobody knows where the next PDU
// begins.
import { HEADER_OCTETS } from '#shared/smpp/library.ts';

/** Octets of command_length. */
const LENGTH_OCTETS = 4;

export class Frames {
  /** Longest PDU that is taken. */
  most: number;
  /** A command_length was less than a header, or more than `most`. */
  broken = false;
  /** Octets of whole PDUs that wait for their turn. */
  waiting = 0;
  #whole: Buffer[] = [];
  #next = 0;
  /** A PDU of which only a part is there, in a buffer of its whole length: many small pieces cost no more than one. */
  #part: Buffer | undefined;
  #filled = 0;

  constructor(most: number) {
    this.most = most;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.broken) {
      if (this.#part) at += this.#fill(chunk, at);
      else if (chunk.length - at < LENGTH_OCTETS) this.#begin(LENGTH_OCTETS);
      else {
        const length = chunk.readUInt32BE(at);
        if (!this.#isHonest(length)) return;
        if (chunk.length - at < length) this.#begin(length);
        else {
          this.#add(chunk.subarray(at, at + length));
          at += length;
        }
      }
    }
  }

  /** The next whole PDU, in the order of arrival. */
  shift(): Buffer | undefined {
    const frame = this.#whole[this.#next];
    if (!frame) return undefined;
    this.waiting -= frame.length;
    if (++this.#next === this.#whole.length) {
      this.#whole = [];
      this.#next = 0;
    }
    return frame;
  }

  #begin(length: number): void {
    this.#part = Buffer.allocUnsafe(length);
    this.#filled = 0;
  }

  /** Copies what belongs to the PDU that has begun; returns how much that was. */
  #fill(chunk: Buffer, at: number): number {
    const part = this.#part!;
    const copied = chunk.copy(part, this.#filled, at);
    this.#filled += copied;
    if (this.#filled < part.length) return copied;
    this.#part = undefined;
    if (part.length >= HEADER_OCTETS) this.#add(part);
    else {
      const length = part.readUInt32BE(0);
      if (this.#isHonest(length)) {
        this.#begin(length);
        this.#filled = part.copy(this.#part!);
      }
    }
    return copied;
  }

  #isHonest(length: number): boolean {
    this.broken = length < HEADER_OCTETS || length > this.most;
    return !this.broken;
  }

  #add(frame: Buffer): void {
    this.#whole.push(frame);
    this.waiting += frame.length;
  }
}
