// What a bearer brings: how to open a bind at a provider, and how to hand one message over. All else – lanes, window,
// rate, repeats, the lease, failover – is the worker's and the same for every bearer.
import type { Sms } from '../messages/sms.ts';
import type { Outcome } from '../outcome.ts';
import type { Balance } from '../providers/preset.ts';
import type { Show } from './dialogue.ts';

/** One open bind at the provider. `P` is a message in the bearer's own form: PDUs, a request, a mail. */
export type Link<P> = {
  /** Hand-overs that wait for their answer, in the unit of the provider's `window`. */
  inFlight(): number;
  /**
   * Hands a message over, or the parts of it that were not taken before. `ended` runs once; a lost answer is `unknown`.
   * `show` hears what both sides say, with secrets taken out.
   */
  submit(prepared: P, ended: (outcome: Outcome) => void, show?: Show): void;
  /** Waits up to `drainMs` for answers that are under way, then closes. */
  close(drainMs: number): Promise<void>;
  /** Closes now; what has no answer ends as `unknown`. */
  cut(reason: string): void;
};

export type Bearer<P> = {
  /** Pure. Throws an Error with the reason when no provider of this bearer could take the message: it is refused. */
  prepare(message: Sms): P;
  /** Whether a part of it is with the provider already, so that giving it to another one could repeat it. */
  begun(prepared: P): boolean;
  /** What is left of the account's credit, where the provider tells it and did. */
  balance?(): Balance | undefined;
  /**
   * Opens a bind: rejects with one line that says where and why; after success `ended` runs once, when the bind is over.
   * A bearer without a connection of its own checks that the provider answers at all.
   */
  open(ended: (reason: string) => void): Promise<Link<P>>;
};
