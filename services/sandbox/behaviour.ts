// How the sandbox SMSC behaves: one table of everything that can be asked of it, ordinary settings first and faults
// after them. All of it can be set at the start, and changed while it runs by set() or POST /faults.
import { z } from 'zod';

const share = z.number().min(0).max(1);
const count = z.int().min(0).max(1_000_000_000);
const milliseconds = z.number().min(0).max(86_400_000);
const commandStatus = z.int().min(0).max(0xffffffff);
const digits = z.string().max(20);
const errorCode = z.string().regex(/^[0-9A-Za-z]{1,3}$/);

/** Notations of a message id. One id can be written in each of them, so that answer and receipt may differ. */
export const idForms = ['decimal', 'leadingZeros', 'hex', 'upperHex', 'uuid', 'plainUuid'] as const;
export type IdForm = (typeof idForms)[number];

/** The states of a receipt's `stat:` with the number that message_state has for each (SMPP 3.4, 5.2.28). */
export const messageState = {
  ENROUTE: 1,
  DELIVRD: 2,
  EXPIRED: 3,
  DELETED: 4,
  UNDELIV: 5,
  ACCEPTD: 6,
  UNKNOWN: 7,
  REJECTD: 8,
} as const;
export type State = keyof typeof messageState;
const state = z.enum(Object.keys(messageState) as [State, ...State[]]);

const receiptRules = z.strictObject({
  /** The receipt is due this long after the answer to the submit_sm; 0: right behind it. */
  afterMs: milliseconds,
  /** Receipts go only to whom asked by registered_delivery; false: one for every message that was taken. */
  onlyIfAsked: z.boolean(),
  /** An intermediate notification (ENROUTE, esm_class 0x20) goes ahead where registered_delivery asks for it (0x10). */
  intermediate: z.boolean(),
  /** `stat:` of each receipt, and `err:` with it. */
  state,
  error: errorCode,
  /** Another state for destinations that end in `suffix`; the first row that fits counts, and 'none' sends no receipt. */
  states: z
    .array(z.strictObject({ suffix: digits, state: z.union([state, z.literal('none')]), error: errorCode.optional() }))
    .max(100),
  /** The receipt names the message in this notation; 'same': as the answer did. */
  idForm: z.enum(['same', ...idForms]),
  /** The usual text `id:… sub:… stat:…` stands in short_message; false: the message is empty (set tlvs then). */
  text: z.boolean(),
  /** receipted_message_id and message_state are added. */
  tlvs: z.boolean(),
  // Faults
  /** Every other receipt waits this much longer, so that later ones overtake it. */
  overtakenByMs: milliseconds,
  /** The receipt leaves before the submit_sm_resp that names the message. */
  beforeAnswer: z.boolean(),
  /** Every receipt comes twice. */
  twice: z.boolean(),
  /** No receipt comes at all. */
  missing: z.boolean(),
  /** The receipt goes to another bind of the same account than the submit_sm came from, if there is one. */
  otherBind: z.boolean(),
});

const behaviour = z.strictObject({
  /** The notation of message_id in submit_sm_resp. */
  idForm: z.enum(idForms),
  /** Every submit_sm_resp waits this long. */
  respDelayMs: milliseconds,
  /** Binds that one account may have at a time; one more is answered ESME_RBINDFAIL. 0: no limit. */
  maxBinds: count,
  /** Unanswered submit_sm that one bind may have; one more is answered ESME_RMSGQFUL. 0: no limit. */
  window: count,
  /** Unanswered deliver_sm towards one bind. */
  deliverWindow: z.int().min(1).max(100_000),
  /** A deliver_sm that was answered with an error comes again after this long; one never answered, on the next bind. */
  deliverAgainMs: milliseconds,
  receipts: receiptRules,
  // Faults
  /** This share of the submit_sm, spread evenly and not by chance, is answered ESME_RTHROTTLED. */
  throttleShare: share,
  /** What one account submits beyond this many in a second is answered ESME_RTHROTTLED. 0: no limit. */
  ratePerSecond: count,
  /** Destinations that begin with `prefix` are refused with `status`; the first row that fits counts. */
  reject: z.array(z.strictObject({ prefix: digits, status: commandStatus })).max(100),
  /** The next `count` submit_sm are refused with `status`. */
  rejectNext: z.strictObject({ count, status: commandStatus }),
  /** Every bind is answered with this command_status. 0: they are judged as usual. */
  refuseBinds: commandStatus,
  /** The line that brings the last of this many submit_sm from now on is cut before that one is answered. 0: off. */
  dropAfterSubmits: count,
  /** Lines that are dropped are reset (RST); false, and over TLS: closed (FIN). */
  resetLines: z.boolean(),
  /** Everything is read and nothing is answered or sent, enquire_link and bind included. */
  silent: z.boolean(),
  /** submit_sm to destinations with this prefix are taken and never answered. '': off. */
  silentPrefix: digits,
  /** The next so many submit_sm are taken and never answered. */
  silentNext: count,
  /** Nothing is read from any line. */
  stopReading: z.boolean(),
  /** Every submit_sm_resp is sent twice. */
  answerTwice: z.boolean(),
  /** Every submit_sm_resp carries a sequence number that was not asked (the asked one plus a million). */
  wrongSequence: z.boolean(),
  /** enquire_link gets no answer. */
  ignoreEnquireLink: z.boolean(),
});

export type Behaviour = z.infer<typeof behaviour>;
export type BehaviourUpdate = Partial<Omit<Behaviour, 'receipts'>> & { receipts?: Partial<Behaviour['receipts']> };

/** A well-behaved SMSC with receipts after 100 ms. set(asUsual) ends every fault. */
export const asUsual: Behaviour = {
  idForm: 'decimal',
  respDelayMs: 0,
  maxBinds: 0,
  window: 10_000,
  deliverWindow: 50,
  deliverAgainMs: 1000,
  receipts: {
    afterMs: 100,
    onlyIfAsked: true,
    intermediate: false,
    state: 'DELIVRD',
    error: '000',
    states: [],
    idForm: 'same',
    text: true,
    tlvs: false,
    overtakenByMs: 0,
    beforeAnswer: false,
    twice: false,
    missing: false,
    otherBind: false,
  },
  throttleShare: 0,
  ratePerSecond: 0,
  reject: [],
  rejectNext: { count: 0, status: 0 },
  refuseBinds: 0,
  dropAfterSubmits: 0,
  resetLines: false,
  silent: false,
  silentPrefix: '',
  silentNext: 0,
  stopReading: false,
  answerTwice: false,
  wrongSequence: false,
  ignoreEnquireLink: false,
};

const updateSchema = behaviour.partial().extend({ receipts: receiptRules.partial().optional() });

/**
 * Changes `current` in place by what `update` names and leaves the rest as it is. Unknown keys and values out of
 * range throw an Error of one line, and change nothing.
 */
export function change(current: Behaviour, update: unknown): void {
  const parsed = updateSchema.safeParse(update);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw new Error(path.length > 0 ? `${path.join('.')}: ${message}` : message);
  }
  const { receipts, ...rest } = parsed.data;
  Object.assign(current, rest);
  Object.assign(current.receipts, receipts);
}
