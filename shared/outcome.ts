// The closed list of ways in which handling one message at a provider can end, and what each one means for the
// message. Every bearer answers with one of these; nothing else decides about retries.

export type Outcome =
  /** Handed over. One entry per part: the id that the provider gave, and whether a delivery receipt was asked for. */
  | { kind: 'done'; parts: { providerId: string; receipt: boolean }[] }
  /** Transient at this provider: the router picks another one or a retry step. */
  | { kind: 'retry'; reason: string }
  /** The provider says slow down. The worker keeps the message at its head; `afterMs` only from an explicit Retry-After. */
  | { kind: 'throttled'; reason: string; afterMs?: number }
  /** The provider cannot be reached or is not bound; nothing was handed over. Waiting is not an attempt. */
  | { kind: 'unavailable'; reason: string }
  /**
   * Permanent: for this message anywhere (`message`), or at this provider only. There it is either the provider's doing
   * (`provider`), which speaks against its health, or it has no way to this one recipient (`recipient`), which does not.
   */
  | { kind: 'refused'; reason: string; scope: 'message' | 'provider' | 'recipient'; code?: number }
  /** Handed over, but the answer was lost. The provider's `onUnknown` decides: send again or park. */
  | { kind: 'unknown'; reason: string };

export type OutcomeKind = Outcome['kind'];
export type OutcomeOf<K extends OutcomeKind> = Extract<Outcome, { kind: K }>;

/** Retry steps in milliseconds, in the order in which attempts climb them. Each is a queue TTL, so a constant of the code. */
export const RETRY_STEPS_MS = [1_000, 5_000, 30_000, 120_000, 600_000] as const;

/**
 * The step to wait after `attempts` failed attempts: the scheduled one, or the longest shorter one that still ends
 * before `expiry` (epoch ms). Undefined when not even the first ends in time: then the message has expired.
 */
export function retryStep(attempts: number, now: number, expiry: number): number | undefined {
  const scheduled = Math.min(Math.max(attempts, 1), RETRY_STEPS_MS.length) - 1;
  for (let step = scheduled; step >= 0; step--) {
    if (now + RETRY_STEPS_MS[step]! < expiry) return step;
  }
  return undefined;
}
