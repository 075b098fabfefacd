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

  /** Every step takes octets of the chunk; one that cannot take any ends the reading. */
  push(chunk: Buffer): void {
    for (let rest = chunk; rest.length > 0 && !this.broken; ) {
      const taken = this.#part ? this.#fill(rest) : this.#start(rest);
      if (taken === 0) this.broken = true;
      rest = rest.subarray(taken);
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

  /** A PDU begins here. Returns how many octets it took. */
  #start(octets: Buffer): number {
    if (octets.length < LENGTH_OCTETS) return this.#begin(LENGTH_OCTETS, octets);
    const length = octets.readUInt32BE(0);
    if (!this.#isHonest(length)) return 0;
    if (octets.length < length) return this.#begin(length, octets);
    this.#add(octets.subarray(0, length));
    return length;
  }

  #begin(length: number, octets: Buffer): number {
    this.#part = Buffer.allocUnsafe(length);
    this.#filled = octets.copy(this.#part);
    return this.#filled;
  }

  /** Takes what belongs to the part that has begun: a command_length alone, or the PDU that it announced. */
  #fill(octets: Buffer): number {
    const part = this.#part!;
    const taken = octets.copy(part, this.#filled);
    this.#filled += taken;
    if (this.#filled < part.length) return taken;
    this.#part = undefined;
    if (part.length > LENGTH_OCTETS) {
      this.#add(part);
      return taken;
    }
    const length = part.readUInt32BE(0);
    if (!this.#isHonest(length)) return 0;
    this.#begin(length, part);
    return taken;
  }

  #isHonest(length: number): boolean {
    return length >= HEADER_OCTETS && length <= this.most;
  }

  #add(frame: Buffer): void {
    this.#whole.push(frame);
    this.waiting += frame.length;
  }
}
