// Delivery receipts: from the text and TLVs of a deliver_sm to the provider's message id and a closed set of states
// (SMPP 3.4, 5.2.28 message_state and Appendix B; SMPP 5.0, 4.7.15; and what SMSCs send in practice).

/**
 * - `delivered`: on the handset.
 * - `buffered`: on its way, not final: ENROUTE, ACCEPTED, SCHEDULED. SMPP 3.4 calls ACCEPTED final (read on behalf of
 *   the subscriber); SMSCs send it for "taken by the next one", and Kannel reads it so.
 * - `expired`: its validity ended first.
 * - `rejected`: refused by the network.
 * - `failed`: UNDELIVERABLE, DELETED, SKIPPED.
 * - `unknown`: the SMSC does not know, or said a word that is not listed here.
 */
export type ReceiptState = 'delivered' | 'failed' | 'buffered' | 'expired' | 'rejected' | 'unknown';

export type ReceiptTlvs = {
  receiptedMessageId?: string;
  messageState?: number;
  /** network_error_code, SMPP 3.4, 5.3.2.31: the network's type in one octet, its error in two. */
  networkErrorCode?: Buffer;
};

export type Receipt = {
  providerId: string;
  state: ReceiptState;
  /** The provider's word for the state as it wrote it, or Appendix B's word for the TLV where the text has none. */
  stat: string;
  /** The error in decimal digits, or as the provider wrote it after `err:`. */
  error?: string;
  /** Milliseconds since the epoch, the done date taken as UTC: SMPP names no zone, so it may be hours off. */
  doneAt?: number;
  /** The beginning of the message's text, which may be a password: not for logs. */
  text?: string;
};

/** A longer text is no receipt; what is behind this is not read. */
const MAX_LENGTH = 1024;

/** The value of message_state is the index. */
const MESSAGE_STATES: readonly { stat: string; state: ReceiptState }[] = [
  { stat: 'SCHEDULED', state: 'buffered' },
  { stat: 'ENROUTE', state: 'buffered' },
  { stat: 'DELIVRD', state: 'delivered' },
  { stat: 'EXPIRED', state: 'expired' },
  { stat: 'DELETED', state: 'failed' },
  { stat: 'UNDELIV', state: 'failed' },
  { stat: 'ACCEPTD', state: 'buffered' },
  { stat: 'UNKNOWN', state: 'unknown' },
  { stat: 'REJECTD', state: 'rejected' },
  { stat: 'SKIPPED', state: 'failed' },
];

/** The words of Appendix B and the spellings seen beside them. */
const STAT_WORDS = new Map<string, ReceiptState>([
  ...MESSAGE_STATES.map(({ stat, state }) => [stat, state] as const),
  ['DELIVERED', 'delivered'],
  ['DELIVERD', 'delivered'],
  ['UNDELIVERABLE', 'failed'],
  ['UNDELIVERED', 'failed'],
  ['UNDELIVRD', 'failed'],
  ['FAILED', 'failed'],
  ['REJECTED', 'rejected'],
  ['ACCEPTED', 'buffered'],
  ['ACKED', 'buffered'],
  ['BUFFERED', 'buffered'],
  ['BUFFERD', 'buffered'],
  ['BUFFRED', 'buffered'],
]);

/** A field of the text: its key, which begins a word, and the value up to the next blank or NUL. */
const FIELD = /(?<![^\s\0])(id|sub|dlvrd|submit[ _]?date|done[ _]?date|stat(?:us)?|err|text):([^\s\0]*)/gi;

/**
 * The receipt in a deliver_sm, or undefined when neither text nor TLVs name both a message id and a state. The TLVs
 * win over the text. Fields may be missing and stand in any order and case; the first of a kind counts, so that a
 * message's own text, which comes last, cannot speak for the SMSC. Never throws.
 */
export function parseReceipt(text: string, tlv: ReceiptTlvs): Receipt | undefined {
  const fields = fieldsOf(text.slice(0, MAX_LENGTH), tlv);
  const providerId = tlv.receiptedMessageId || fields.id;
  const told = tlv.messageState === undefined ? undefined : MESSAGE_STATES[tlv.messageState];
  const stat = fields.stat || told?.stat || (tlv.messageState === undefined ? '' : 'UNKNOWN');
  if (!providerId || !stat) return undefined;
  const state = told?.state ?? STAT_WORDS.get(stat.toUpperCase()) ?? 'unknown';
  const receipt: Receipt = { providerId, state, stat };
  const error = networkError(tlv.networkErrorCode) ?? fields.err;
  const doneAt = timeOf(fields.done ?? '');
  if (error) receipt.error = error;
  if (doneAt !== undefined) receipt.doneAt = doneAt;
  if (fields.text !== undefined) receipt.text = fields.text;
  return receipt;
}

/** The type of Kannel's delivery reports (`%d`): 1 delivered, 2 failed for whatever reason, 4 buffered. */
export function kannelType(state: ReceiptState): 1 | 2 | 4 {
  if (state === 'delivered') return 1;
  return state === 'buffered' ? 4 : 2;
}

type Fields = { id?: string; stat?: string; err?: string; done?: string; text?: string };

/** Once TLVs or text have told id and state, `text:` runs to the end; before, it ends where the next field begins. */
function fieldsOf(text: string, tlv: ReceiptTlvs): Fields {
  const fields: Fields = {};
  let textStart = -1;
  let textEnd = text.length;
  for (const match of text.matchAll(FIELD)) {
    const value = match[2]!;
    const key = match[1]!.toLowerCase();
    if (textStart !== -1) textEnd = Math.min(textEnd, match.index - 1);
    if (key === 'id') fields.id ||= value;
    else if (key === 'err') fields.err ||= value;
    else if (key.startsWith('stat')) fields.stat ||= value;
    else if (key.startsWith('done')) fields.done ||= value;
    else if (key === 'text' && textStart === -1) {
      textStart = match.index + 'text:'.length;
      if ((tlv.receiptedMessageId || fields.id) && (tlv.messageState !== undefined || fields.stat)) break;
    }
  }
  if (textStart !== -1) fields.text = text.slice(textStart, textEnd);
  return fields;
}

function networkError(code: Buffer | undefined): string | undefined {
  return code?.length === 3 ? String(code.readUInt16BE(1)).padStart(3, '0') : undefined;
}

/**
 * YYMMDDhhmm or YYMMDDhhmmss, and the same with a four-digit year. Twelve digits fit two forms: they are the one with
 * the seconds unless that has no such month or day, and no date after 2012 fits both.
 */
function timeOf(digits: string): number | undefined {
  if (!/^\d{10}(?:\d\d){0,2}$/.test(digits)) return undefined;
  if (digits.length === 14) return timeFrom(digits);
  return timeFrom(`20${digits}`) ?? (digits.length === 12 ? timeFrom(digits) : undefined);
}

/** Milliseconds of YYYYMMDDhhmm[ss]; undefined when there is no such moment, such as 30 February. */
function timeFrom(digits: string): number | undefined {
  const number = (from: number, to: number) => Number(digits.slice(from, to));
  const [hour, minute, second] = [number(8, 10), number(10, 12), number(12, 14)];
  const month = number(4, 6) - 1;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const at = new Date(Date.UTC(number(0, 4), month, number(6, 8), hour, minute, second));
  return at.getUTCMonth() === month ? at.getTime() : undefined;
}
