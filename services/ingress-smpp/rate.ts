// How many messages a second a client may submit over all its sessions here: a token bucket that holds one second.

export class Rate {
  readonly #perSecond: number;
  #tokens: number;
  #at: number;

  /** `now` is monotonic, in ms. */
  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond;
    this.#tokens = Math.max(1, perSecond);
    this.#at = now;
  }

  /** Takes a token for each of `count` messages; there must be at least one, and the next request pays for the rest. */
  take(count: number, now: number): boolean {
    const refilled = this.#tokens + ((now - this.#at) / 1_000) * this.#perSecond;
    this.#tokens = Math.min(Math.max(1, this.#perSecond), refilled);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= count;
    return true;
  }
}
