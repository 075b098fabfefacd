// The envelope that carries one SMS from a door to a provider: type `sms`, version 1.
import { z } from 'zod';
import { LANES } from '../topology.ts';

/** How a short message's text is written (3GPP TS 23.038); `latin1` is data_coding 3. */
export const ENCODINGS = ['gsm7', 'latin1', 'ucs2', 'binary'] as const;

/** What happened to the message at the provider it comes back from; absent when it only waited too long there. */
const last = z.looseObject({
  outcome: z.enum(['retry', 'unavailable', 'refused', 'unknown']),
  reason: z.string(),
});

/**
 * Unknown fields pass through untouched, so that an older service does not strip what a newer one added.
 * Times are epoch milliseconds. A hand-over is (id, handover): the number rises only by a deliberate retry or reroute.
 */
export const sms = z.looseObject({
  v: z.int(),
  type: z.literal('sms'),
  /** UUIDv7, given at the door, never changed. */
  id: z.uuid(),
  handover: z.int().min(0),
  /** Failed attempts: answers of a provider that ask for another try. Waiting is not an attempt. */
  attempts: z.int().min(0),
  /** Nothing is handed to a provider after this time. */
  expiry: z.int(),
  /** When the door accepted it. */
  at: z.int(),
  /** W3C trace context, https://www.w3.org/TR/trace-context/ */
  traceparent: z.string(),
  client: z.string(),
  door: z.string(),
  /** Where the request came from, and the person and the marks that the client named: conditions of routes. */
  address: z.string().optional(),
  user: z.string().optional(),
  realm: z.string().optional(),
  tags: z.array(z.string()).optional(),
  lane: z.enum(LANES),
  /** E.164 digits without a plus (or a short code), and the form that the client gave. */
  to: z.string(),
  given: z.string(),
  from: z.string(),
  /** The client's sender, where the router wrote another one into `from` for the provider that has the message. */
  givenFrom: z.string().optional(),
  /** For `binary`, and for every message with a `udh`: one character per octet. */
  text: z.string(),
  /** Short message encoding that the client forced; chosen from the text when absent. */
  encoding: z.enum(ENCODINGS).optional(),
  /**
   * User data header that the client made itself, its length octet first, in hex: a part of a long message, or a message
   * to a port. `text` then is the rest of the user data, octet for octet, in the `encoding` that stands beside it; with
   * more than one of `segments` it is to be split, and each part gets a concatenation element in its header.
   */
  udh: z
    .string()
    .regex(/^([0-9a-f]{2}){1,140}$/)
    .optional(),
  /** Message class (3GPP TS 23.038, 4): 0 is shown at once and not stored, which is called flash. */
  messageClass: z.int().min(0).max(3).optional(),
  segments: z.int().min(1),
  /** Characters behind which a long text is split rather than elsewhere. */
  splitChars: z.string().optional(),
  /** Kannel's parameters for data_coding: message waiting (0-3 voice, fax, mail, other; 4-7 no longer), the compression bit, and the class group. */
  mwi: z.int().min(0).max(7).optional(),
  compress: z.boolean().optional(),
  altDcs: z.boolean().optional(),
  /** protocol_id (3GPP TS 23.040, 9.2.3.9). */
  protocolId: z.int().min(0).max(255).optional(),
  /** Reply path. */
  replyPath: z.boolean().optional(),
  /** SMPP service_type: Kannel's binfo. */
  serviceType: z.string().optional(),
  /** Marks of the client's own, for who reads the message: Kannel's account and meta-data. */
  account: z.string().optional(),
  metaData: z.string().optional(),
  /** Kannel's dlr-mask and dlr-url: which reports the client asked for, and where it wants them. */
  dlrMask: z.int().optional(),
  dlrUrl: z.string().optional(),
  /** The client asked for a validity: the provider is told too. */
  validityAsked: z.boolean().optional(),
  /** Not before this time: the ledger holds it until then, and takes this away when it gives it to the router. */
  notBefore: z.int().optional(),
  /** When the ledger gave it to the router: its way begins there. */
  releasedAt: z.int().optional(),
  /** SMPP priority_flag 0-3. */
  priority: z.int().optional(),
  /** Provider that the client asked for. */
  smsc: z.string().optional(),
  /** Set by the router: the provider that has it now, those that were tried since the last retry step, and those that refused it for good. */
  provider: z.string().optional(),
  /** The router's reason in words, where that was not simply its first choice. */
  why: z.string().optional(),
  tried: z.array(z.string()).optional(),
  refusedBy: z.array(z.string()).optional(),
  last: last.optional(),
  /** No receipt came in time: these providers alone may take it, the first of them first. */
  fallback: z.array(z.string()).optional(),
});

export type Sms = z.infer<typeof sms>;

/** One hand-over of one message: what makes a repeat recognisable. */
export const handoverKey = (message: Pick<Sms, 'id' | 'handover'>) => `${message.id}:${message.handover}`;
