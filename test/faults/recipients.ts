// What is known of each recipient, in an octet for each question, since a full run has a million of them.

/** The number of the first: +44 7700 and so on. */
const FIRST = 447_700_000_000;
const MOST = 8_000_000;
/** Final states of the ledger, by the octet that stands for them; 0: none yet. */
const STATES = ['', 'delivered', 'failed', 'expired', 'rejected', 'cancelled', 'sent', 'unknown'] as const;
/** Ends of a message that need not have arrived at the SMSC. */
const WITHOUT_ARRIVAL = new Set(['expired', 'rejected']);

/** What became of some recipients' messages. */
export type Fates = {
  accepted: number;
  /** Accepted, never taken by the SMSC, and without an end that says so. */
  lost: number;
  /** Accepted, without a final state in the ledger. */
  open: number;
  /** Accepted with a dlr-url or by SMPP with a receipt, and not told their end. */
  untold: number;
  /** Final states of those that were accepted. */
  ends: Record<string, number>;
};

export class Recipients {
  #next = 0;
  #repeated = 0;
  readonly #accepted = new Uint8Array(MOST);
  readonly #toBeTold = new Uint8Array(MOST);
  readonly #told = new Uint8Array(MOST);
  readonly #arrived = new Uint8Array(MOST);
  readonly #ended = new Uint8Array(MOST);

  /** How many there are: also the index of the next. */
  get count(): number {
    return this.#next;
  }

  /** Arrivals of messages that had arrived before. */
  get repeated(): number {
    return this.#repeated;
  }

  next(): string {
    return String(FIRST + this.#next++);
  }

  accept(to: string, toBeTold: boolean): void {
    this.#accepted[indexOf(to)] = 1;
    if (toBeTold) this.#toBeTold[indexOf(to)] = 1;
  }

  arrive(to: string): void {
    const i = indexOf(to);
    if (this.#arrived[i]! > 0) this.#repeated++;
    this.#arrived[i] = 1;
  }

  tell(to: string): void {
    this.#told[indexOf(to)] = 1;
  }

  end(to: string, state: string): void {
    this.#ended[indexOf(to)] = Math.max(0, STATES.indexOf(state as (typeof STATES)[number]));
  }

  /** Of those from index `from` on. */
  fates(from: number): Fates {
    const fates: Fates = { accepted: 0, lost: 0, open: 0, untold: 0, ends: {} };
    for (let i = from; i < this.#next; i++) {
      if (this.#accepted[i] === 0) continue;
      const state = STATES[this.#ended[i]!]!;
      fates.accepted++;
      if (state === '') fates.open++;
      else fates.ends[state] = (fates.ends[state] ?? 0) + 1;
      if (this.#arrived[i] === 0 && !WITHOUT_ARRIVAL.has(state)) fates.lost++;
      if (this.#toBeTold[i] === 1 && this.#told[i] === 0) fates.untold++;
    }
    return fates;
  }
}

const indexOf = (to: string) => Number(to) - FIRST;
