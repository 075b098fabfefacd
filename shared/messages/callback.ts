// One callback that is due, from the ledger's outbox to the notifier: type `callback`, version 1.
import { z } from 'zod';

/**
 * Begins the `url` of a callback that goes to the client's SMPP sessions, as a deliver_sm; behind it stands the id under
 * which the client knows the message.
 */
export const SMPP_SCHEME = 'smpp:';

/**
 * Begins the `url` of a callback that is a signed event (https://www.standardwebhooks.com): a JSON body by POST to the URL
 * behind it, where a dlr-url is filled and called by GET.
 */
export const WEBHOOK_SCHEME = 'webhook:';

/** Begins the `url` of a callback that goes to a mailbox, as a mail about the message (RFC 6068). */
export const MAIL_SCHEME = 'mailto:';

export const callback = z.looseObject({
  v: z.int(),
  type: z.literal('callback'),
  /** Row in the outbox and how often it was tried before: together the key that keeps repeats away. */
  callback: z.int(),
  tries: z.int().min(0),
  id: z.uuid(),
  client: z.string(),
  at: z.int(),
  traceparent: z.string().optional(),
  /** dlr-url as the client gave it, with Kannel's escapes, and the values that fill them. */
  url: z.string(),
  dlrType: z.int(),
  values: z.looseObject({
    to: z.string(),
    from: z.string(),
    given: z.string(),
    provider: z.string(),
    providerId: z.string(),
    /** Report text: `ACK/`, `NACK/…` or the receipt. */
    text: z.string(),
    /** The provider's account, given for receipts only, as Kannel does. */
    account: z.string(),
    meta: z.string(),
    /** For a signed event: the message's state with this callback, and why it ended so. */
    state: z.string().optional(),
    reason: z.string().optional(),
  }),
});

export type Callback = z.infer<typeof callback>;
