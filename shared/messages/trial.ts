// A person tries a provider: the question to whoever holds one of its binds, and the answer. Both travel by request and
// reply, so that the broker stores nothing of them; texts and numbers are in their bodies only.
import { z } from 'zod';

/** The doors under which the ledger knows these messages, and those that the gateway sends to see whether receipts come back. */
export const TRIAL_DOOR = 'try';
export const PROBE_DOOR = 'probe';

export const trialQuestion = z.strictObject({
  ask: z.literal('try'),
  /** E.164 digits without a plus, or a short code; and the form that the person gave. */
  to: z.string().regex(/^\d{3,15}$/),
  given: z.string().max(40),
  text: z.string().min(1).max(1_600),
  /** Sender, before the provider's `senders`. */
  from: z.string().max(20),
  /** Who asks, for the access log. */
  by: z.string().min(1).max(64),
});
export type TrialQuestion = z.infer<typeof trialQuestion>;

/** What one side said, line by line. The provider's secrets are taken out. */
export type Said = { by: 'hermod' | 'provider'; lines: string[] };

export const TRIAL_VERDICTS = ['accepted', 'refused', 'unavailable', 'unknown'] as const;

export type TrialAnswer = {
  /** Of the message: its story is in the ledger from here on. */
  id: string;
  provider: string;
  bearer: string;
  said: Said[];
  verdict: (typeof TRIAL_VERDICTS)[number];
  /** Which kind of refusal or failure it is, in a few words; empty when it was accepted. */
  class: string;
  /** In the provider's words where it said some; empty when it was accepted. */
  reason: string;
  /** Of each part. */
  providerIds: string[];
  /** Whether a delivery receipt is due. */
  receipt: boolean;
  /** What the person can do now: one sentence. */
  todo: string;
  /** From the first octet that we sent to the verdict, ms. */
  ms: number;
};
