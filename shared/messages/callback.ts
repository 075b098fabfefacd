// One callback that is due, from the ledger's outbox to the notifier: type `callback`, version 1.
import { z } from 'zod';
import { ENCODINGS } from './sms.ts';

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

/** Begins the `url` of an incoming message that goes to a URL by POST, as Kannel's post-url. */
export const POST_SCHEME = 'post:';

/** The `url` of an incoming message that goes nowhere and is only answered. */
export const ANSWER_ONLY = 'answer:';

/**
 * A message from a handset on its way to a client. `to` and `given` of the callback's values are the handset, as in a
 * report, and `from` is the number that it sent to.
 */
export const incoming = z.looseObject({
  text: z.string(),
  encoding: z.enum(ENCODINGS).optional(),
  /** Parts of a long message that never came, from 1, and how many it had. */
  missing: z.array(z.int()).optional(),
  parts: z.int().optional(),
  /** What the person gets as answer, and its sender: the URL's reply, or a fixed text. */
  answer: z.union([z.literal('reply'), z.looseObject({ text: z.string() })]).optional(),
  sender: z.string().optional(),
  /** It was a word such as STOP, or START. */
  stop: z.boolean().optional(),
});
export type IncomingMessage = z.infer<typeof incoming>;

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
  /** 0 for an incoming message. */
  dlrType: z.int(),
  incoming: incoming.optional(),
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
