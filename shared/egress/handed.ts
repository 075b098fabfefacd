// Hand-overs that this worker has in flight or finished in the last minutes, so that a repeat (a cut broker connection,
// a router that had to repeat itself) is not a second SMS.

const GENERATION_MS = 5 * 60_000;
const GENERATION_MOST = 100_000;

/** Keys of at least the last 5 minutes or the last 100,000 hand-overs, whichever is less; at most twice that. */
export class Handed {
  #young = new Set<string>();
  #old = new Set<string>();
  #since: number;

  constructor(now: number) {
    this.#since = now;
  }

  has(key: string): boolean {
    return this.#young.has(key) || this.#old.has(key);
  }

  add(key: string, now: number): void {
    if (this.#young.size >= GENERATION_MOST || now - this.#since >= GENERATION_MS) {
      this.#old = this.#young;
      this.#young = new Set();
      this.#since = now;
    }
    this.#young.add(key);
  }

  delete(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }
}
