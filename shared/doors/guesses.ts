// Wrong ones counted, by whom or from where: after too many in a span of time nothing is looked at until it is over.

/** The oldest make room: whoever comes from more places than this is not stopped by counting them. */
const MOST_KEYS = 10_000;

export class Guesses {
  readonly #counts = new Map<string, { count: number; until: number }>();
  readonly #most: number;
  readonly #forMs: number;

  constructor(most: number, forMs: number) {
    this.#most = most;
    this.#forMs = forMs;
  }

  tooMany(who: string): boolean {
    const entry = this.#counts.get(who);
    return entry !== undefined && entry.until > Date.now() && entry.count >= this.#most;
  }

  note(who: string): void {
    const now = Date.now();
    const entry = this.#counts.get(who);
    if (entry && entry.until > now) {
      entry.count++;
      return;
    }
    // In the order of their beginning.
    this.#counts.delete(who);
    if (this.#counts.size >= MOST_KEYS) this.#counts.delete(this.#counts.keys().next().value!);
    this.#counts.set(who, { count: 1, until: now + this.#forMs });
  }

  forget(who: string): void {
    this.#counts.delete(who);
  }
}
