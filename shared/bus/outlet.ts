// What waits for one address, and when it leaves. What comes while confirms are under way waits and then travels together;
// when nothing is under way, a lone publish leaves at once, but for a short space between one and the next: at some hundred
// a second each write costs most. What nobody waits for is gathered for some milliseconds.
import type { Envelope } from '../messages/envelope.ts';
import type { Address } from '../topology.ts';

/** Envelopes in one AMQP message, unless a single publish brings more. */
export const MOST_IN_BATCH = 64;
/** A part-filled batch waits while this many confirms for its address are under way. */
const CONFIRMS_BEFORE_WAITING = 2;
/** A part-filled batch leaves so long after the one before it, at least. */
const SPACE_MS = 2;
/** Full batches leave up to this many confirms under way. */
const MOST_CONFIRMS = 16;
/** What is not urgent waits so long for company, or until so many are there. */
const GATHER_MS = 10;
const GATHERED = 16;
const REFUSED_PAUSE_MS = 250;

/** What one publish brought: it is never split over several AMQP messages. */
export type Unit = {
  bodies: string[];
  /** Monotonic, or infinity: then it is repeated until it is confirmed. */
  deadline: number;
  sent: boolean;
  settled: boolean;
  resolve: () => void;
  reject: (error: Error) => void;
};

export type OutletOptions = {
  to: Address;
  type: Envelope['type'];
  expiration: number | undefined;
  /** One unit to an AMQP message. */
  alone: boolean;
  /** Whether there is a channel. */
  canSend(): boolean;
  /** Hands one AMQP message to the broker, which is followed by `answered`. */
  send(outlet: Outlet, units: Unit[]): void;
};

export class Outlet {
  readonly options: OutletOptions;
  mostInBatch = MOST_IN_BATCH;
  #waiting: Unit[] = [];
  /** Envelopes in them. */
  #bodies = 0;
  #underWay = 0;
  #isScheduled = false;
  #gathering: NodeJS.Timeout | undefined;
  #pausedUntil = 0;
  #leftAt = 0;
  #refusedSince: number | undefined;

  constructor(options: OutletOptions) {
    this.options = options;
  }

  add(unit: Unit, unhurried: boolean): void {
    this.#waiting.push(unit);
    this.#bodies += unit.bodies.length;
    if (!unhurried || this.#bodies >= GATHERED) this.schedule();
    else
      this.#gathering ??= setTimeout(() => {
        this.#gathering = undefined;
        this.schedule();
      }, GATHER_MS);
  }

  /** Flushes once per tick, so that everything published in this tick travels together; when it has to wait, after that. */
  schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    const flush = () => {
      this.#isScheduled = false;
      this.#flush();
    };
    const wait = this.#wait();
    if (wait > 0) setTimeout(flush, wait);
    else setImmediate(flush);
  }

  /** A message that was sent is confirmed; or it is not, and these of its units have to go again. */
  answered(again: readonly Unit[] = []): void {
    this.#underWay--;
    this.#waiting.unshift(...again);
    for (const { bodies } of again) this.#bodies += bodies.length;
    if (!this.#gathering) this.schedule();
  }

  /** The broker refused a message: the next one leaves a little later. Returns for how long it has taken none. */
  refused(): number {
    const now = performance.now();
    this.#pausedUntil = now + REFUSED_PAUSE_MS;
    this.#refusedSince ??= now;
    return now - this.#refusedSince;
  }

  /** The broker took a message, or it is another line that the next one goes out on. */
  forgetRefusal(): void {
    this.#refusedSince = undefined;
  }

  /** What was not sent yet. */
  waiting(): readonly Unit[] {
    return this.#waiting;
  }

  forgetSettled(): void {
    this.#waiting = this.#waiting.filter((unit) => !unit.settled);
    this.#bodies = this.#waiting.reduce((sum, unit) => sum + unit.bodies.length, 0);
  }

  get #isFull(): boolean {
    return this.#bodies >= this.mostInBatch;
  }

  /** Milliseconds until the next message may leave. */
  #wait(): number {
    const mayLeave = this.#isFull ? this.#pausedUntil : Math.max(this.#pausedUntil, this.#leftAt + SPACE_MS);
    return mayLeave - performance.now();
  }

  #flush(): void {
    while (this.#waiting.length > 0 && this.options.canSend()) {
      if (this.#underWay >= (this.#isFull ? MOST_CONFIRMS : CONFIRMS_BEFORE_WAITING)) return;
      if (this.#wait() > 0) {
        this.schedule();
        return;
      }
      const count = this.#nextCount();
      this.#leftAt = performance.now();
      this.#underWay++;
      const units = this.#waiting.splice(0, count);
      for (const { bodies } of units) this.#bodies -= bodies.length;
      this.options.send(this, units);
    }
  }

  /** How many units the next AMQP message takes. */
  #nextCount(): number {
    let [count, bodies] = [0, 0];
    for (const unit of this.#waiting) {
      bodies += unit.bodies.length;
      if (count > 0 && (this.options.alone || bodies > this.mostInBatch)) break;
      count++;
    }
    return count;
  }
}
