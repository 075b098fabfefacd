// How fast one bind may submit: the rate that the provider allows, lowered while it throttles.

/** A provider that throttles more than this share of a second's submits cannot take so many: it gets as many as it took. */
const TOLERATED_SHARE = 0.2;
const JUDGE_EVERY_S = 1;
/** How fast the rate climbs again. */
const CLIMB_PER_SECOND = 2;
const LEAST_PER_SECOND = 5;
const UNLIMITED = 1_000_000;
/** Tokens never pile up beyond this share of a second, so that a burst after silence stays within the rate. */
const BURST_S = 0.1;

/** A token bucket in messages. `allowed` per second is the bind's share of the provider's rate; undefined = no limit. */
export class Pace {
  readonly #most: number;
  #current: number;
  #tokens = 1;
  #at: number;
  /** Since `#since`, a second or two: parts that were submitted, and how often the provider said slow down. */
  #taken = 0;
  #throttled = 0;
  #since: number;

  constructor(allowed: number | undefined, now: number) {
    this.#most = allowed ?? UNLIMITED;
    this.#current = this.#most;
    this.#at = now;
    this.#since = now;
  }

  /** Takes the tokens for one message of `parts` submit_sm when there are any. `share` is what the lane may use of them. */
  take(parts: number, now: number, share = 1): boolean {
    this.#refill(now);
    const capacity = Math.max(1, this.#current * BURST_S);
    if (this.#tokens < 1 || this.#tokens < capacity * (1 - share)) return false;
    this.#tokens -= parts; // A long message may overdraw: the next one waits longer.
    this.#judge(now);
    this.#taken += parts;
    return true;
  }

  /** Milliseconds until a token is there. */
  wait(now: number): number {
    this.#refill(now);
    return this.#tokens >= 1 ? 0 : Math.ceil(((1 - this.#tokens) / this.#current) * 1_000);
  }

  /** The provider said slow down. */
  throttled(now: number): void {
    this.#throttled++;
    this.#judge(now);
  }

  /** Once a second. A provider that throttles some whatever the rate is must not slow the others down: the rate stays. */
  #judge(now: number): void {
    const seconds = (now - this.#since) / 1_000;
    if (seconds < JUDGE_EVERY_S) return;
    if (this.#throttled > this.#taken * TOLERATED_SHARE) {
      const took = (this.#taken - this.#throttled) / seconds;
      this.#current = Math.min(this.#current, Math.max(LEAST_PER_SECOND, took));
      this.#tokens = Math.min(this.#tokens, 1);
    }
    this.#taken = 0;
    this.#throttled = 0;
    this.#since = now;
  }

  #refill(now: number): void {
    const seconds = (now - this.#at) / 1_000;
    if (seconds <= 0) return;
    this.#at = now;
    if (this.#current < this.#most) this.#current = Math.min(this.#most, this.#current * CLIMB_PER_SECOND ** seconds);
    this.#tokens = Math.min(Math.max(1, this.#current * BURST_S), this.#tokens + seconds * this.#current);
  }
}
