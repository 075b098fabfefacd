// How fast one bind may submit: the rate that the provider allows, lowered while it throttles.

/** After a throttle: at most one halving in this time, and how fast the rate climbs again. */
const HALVE_EVERY_MS = 1_000;
const CLIMB_PER_SECOND = 2;
const LEAST_PER_SECOND = 1;
const UNLIMITED = 1_000_000;
/** Tokens never pile up beyond this share of a second, so that a burst after silence stays within the rate. */
const BURST_S = 0.1;

/** A token bucket in messages. `allowed` per second is the bind's share of the provider's rate; undefined = no limit. */
export class Pace {
  readonly #most: number;
  #current: number;
  #tokens = 1;
  #at: number;
  #halvedAt = Number.NEGATIVE_INFINITY;
  #recent = 0;
  #recentSince: number;

  constructor(allowed: number | undefined, now: number) {
    this.#most = allowed ?? UNLIMITED;
    this.#current = this.#most;
    this.#at = now;
    this.#recentSince = now;
  }

  /** Takes the tokens for one message of `parts` submit_sm when there are any. `share` is what the lane may use of them. */
  take(parts: number, now: number, share = 1): boolean {
    this.#refill(now);
    const capacity = Math.max(1, this.#current * BURST_S);
    if (this.#tokens < 1 || this.#tokens < capacity * (1 - share)) return false;
    this.#tokens -= parts; // A long message may overdraw: the next one waits longer.
    this.#recent += parts;
    return true;
  }

  /** Milliseconds until a token is there. */
  wait(now: number): number {
    this.#refill(now);
    return this.#tokens >= 1 ? 0 : Math.ceil(((1 - this.#tokens) / this.#current) * 1_000);
  }

  /** The provider said slow down. */
  throttled(now: number): void {
    if (now - this.#halvedAt < HALVE_EVERY_MS) return;
    this.#halvedAt = now;
    const seconds = Math.max(0.1, (now - this.#recentSince) / 1_000);
    // With no limit configured, start from what really went out.
    const base = this.#current >= UNLIMITED ? Math.max(10, this.#recent / seconds) : this.#current;
    this.#current = Math.max(LEAST_PER_SECOND, base / 2);
    this.#tokens = Math.min(this.#tokens, 1);
  }

  #refill(now: number): void {
    const seconds = (now - this.#at) / 1_000;
    if (seconds <= 0) return;
    this.#at = now;
    if (this.#current < this.#most) this.#current = Math.min(this.#most, this.#current * CLIMB_PER_SECOND ** seconds);
    this.#tokens = Math.min(Math.max(1, this.#current * BURST_S), this.#tokens + seconds * this.#current);
    if (now - this.#recentSince > 2_000) {
      this.#recent /= 2;
      this.#recentSince += (now - this.#recentSince) / 2;
    }
  }
}
