// Facts about messages on their way to the ledger: type `report`, version 1, one shape per kind.
import { z } from 'zod';
import { ENCODINGS, sms } from './sms.ts';

const base = {
  v: z.int(),
  type: z.literal('report'),
  /** When it happened, epoch ms. */
  at: z.int(),
};
const ofMessage = {
  ...base,
  id: z.uuid(),
  handover: z.int().min(0),
  provider: z.string().optional(),
  /** The message's own: a report belongs to its trace. A receipt gets it when the ledger has matched it. */
  traceparent: z.string().optional(),
};

/** Final states that a gateway can give on its own; `delivered` and the like come with receipts. */
export const FINAL_STATES = ['delivered', 'failed', 'expired', 'rejected', 'cancelled', 'sent', 'unknown'] as const;
export type FinalState = (typeof FINAL_STATES)[number];

export const RECEIPT_STATES = ['delivered', 'failed', 'expired', 'rejected', 'unknown', 'buffered'] as const;
export type ReceiptState = (typeof RECEIPT_STATES)[number];

export const AUDIT_RESULTS = ['tried', 'done', 'failed', 'refused'] as const;
export type AuditResult = (typeof AUDIT_RESULTS)[number];

export const report = z.discriminatedUnion('kind', [
  /** The provider took every part. */
  z.looseObject({
    ...ofMessage,
    kind: z.literal('submitted'),
    provider: z.string(),
    /** Why it went to this provider, where the router had to look further than its first choice. */
    why: z.string().optional(),
    parts: z.array(z.looseObject({ providerId: z.string(), receipt: z.boolean() })),
  }),
  /** The provider did not take it, and the router judges again: an attempt for the message's story. */
  z.looseObject({
    ...ofMessage,
    kind: z.literal('given-back'),
    provider: z.string(),
    outcome: z.string(),
    reason: z.string(),
  }),
  /** It ends here. `code` is the provider's status where there is one. */
  z.looseObject({
    ...ofMessage,
    kind: z.literal('final'),
    state: z.enum(FINAL_STATES),
    reason: z.string(),
    code: z.int().optional(),
  }),
  /**
   * Its route has a fallback: unless a receipt says by `due` (epoch ms) that it was delivered, this is to be given to the
   * router. Once for each message, whatever is told again.
   */
  z.looseObject({ ...base, kind: z.literal('fallback'), id: z.uuid(), due: z.int(), message: sms }),
  /** A delivery receipt, matched to a message by the ledger. `to` is the handset, digits only, where the provider says it. */
  z.looseObject({
    ...base,
    kind: z.literal('receipt'),
    provider: z.string(),
    providerId: z.string(),
    state: z.enum(RECEIPT_STATES),
    stat: z.string(),
    error: z.string().optional(),
    to: z.string().optional(),
    /** The receipt as it stood, for Kannel's %A. Its `text:`, the beginning of the SMS, is only ever stored encrypted. */
    raw: z.string(),
  }),
  /** The notifier tried a callback. */
  z.looseObject({
    ...base,
    kind: z.literal('told'),
    callback: z.int(),
    /** Which try it was: the callback's `tries`. */
    tries: z.int().min(0).optional(),
    ok: z.boolean(),
    reason: z.string(),
    /** It would end the same way each time. */
    permanent: z.boolean().optional(),
    /** It was not tried: too many wait for its host. */
    busy: z.boolean().optional(),
  }),
  /** A message from a handset, once per provider and providerId. Its text is only ever stored encrypted. */
  z.looseObject({
    ...base,
    kind: z.literal('incoming'),
    provider: z.string(),
    from: z.string(),
    to: z.string(),
    /** As in `sms`: for `binary` one character per octet. */
    text: z.string(),
    encoding: z.enum(ENCODINGS).optional(),
    /** The provider's id, or what else makes a repeat recognisable. Without it a repeat is another message. */
    providerId: z.string().optional(),
    /** One part of a long message, `part` from 1. */
    concat: z.looseObject({ reference: z.int(), total: z.int().min(1), part: z.int().min(1) }).optional(),
  }),
  /** Someone did something: an entry of the audit log (`step` 0), or how one ended that was `tried` (`step` 1). */
  z.looseObject({
    ...base,
    kind: z.literal('audit'),
    entry: z.uuid(),
    step: z.int().min(0).max(1),
    user: z.string(),
    address: z.string(),
    action: z.string(),
    object: z.string(),
    result: z.enum(AUDIT_RESULTS),
    detail: z.string(),
  }),
  /** The ledger's own, through its own queue: what was on its way at this time is known when it comes back. */
  z.looseObject({ ...base, kind: z.literal('mark') }),
  /** A bind's holder shows that it can still reach the broker. Nothing is stored. */
  z.looseObject({ ...base, kind: z.literal('lease'), provider: z.string() }),
]);

export type Report = z.infer<typeof report>;
export type ReportOf<K extends Report['kind']> = Extract<Report, { kind: K }>;
