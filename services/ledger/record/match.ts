// Which attempt a delivery receipt belongs to. Providers write one id in several ways: submit_sm_resp may have it in hex
// and the receipt in decimal, with leading zeros, in the other case, with or without dashes, or cut short to the ten
// characters of Appendix B of SMPP 3.4. The recipient must agree, the newest attempt wins, and what could be two
// messages is none: a receipt that is matched later is better than one that is matched wrongly.
import type { AttemptRow, MessageRow } from './rows.ts';

/**
 * How an id in a receipt relates to the one in the answer to the submit. `same`: but for leading zeros, case and dashes;
 * `decimal`: the answer had it in hex; `hex`: the answer had it in decimal; `cut`: the receipt has its beginning.
 */
export type Form = 'same' | 'decimal' | 'hex' | 'cut';

/** What all spellings of one id share: small letters, without dashes and leading zeros. */
export const idKey = (id: string): string => id.replaceAll('-', '').toLowerCase().replace(/^0+/, '');

const DECIMAL = /^\d{1,30}$/;
const HEX = /^[0-9a-f]{1,25}$/;
/** A beginning that is shorter says too little. */
const LEAST_CUT = 8;

/** Keys under which the attempt of a receipt with this key may stand, with the form that each would mean. */
export function keysOf(key: string): { key: string; form: Form }[] {
  const keys: { key: string; form: Form }[] = [{ key, form: 'same' }];
  const add = (other: string, form: Form) => other !== key && keys.push({ key: other, form });
  if (DECIMAL.test(key)) add(BigInt(key).toString(16), 'decimal');
  if (HEX.test(key)) add(BigInt(`0x${key}`).toString(), 'hex');
  return keys;
}

/** Whether an attempt's id may be looked for by the beginning that this receipt has. */
export const maybeCut = (key: string, to: string | undefined): boolean => key.length >= LEAST_CUT && Boolean(to);

export type Sought = { id: string; at: number; to?: string | undefined };
export type Candidate = { attempt: AttemptRow; message: MessageRow | undefined };
export type Knowledge = {
  /** Said by the configuration, or learned from receipts that could be nothing else. */
  form: Form | undefined;
  /** Receipts come at most so long after the submit, in ms. */
  within: number;
  /** It was looked for before: the answer to the submit, which it may have overtaken, has come by now if it ever does. */
  again: boolean;
};
/** `clear`: no other form would have led to another message. */
export type Match = { attempt: AttemptRow; form: Form; clear: boolean };

/** Undefined for nothing, and for too much. */
export function choose(sought: Sought, candidates: readonly Candidate[], known: Knowledge): Match | undefined {
  const fitting = candidates.flatMap((candidate) => {
    const { attempt, message } = candidate;
    const form = formOf(sought, attempt);
    if (!form || !agrees(message, sought.to) || attempt.at < sought.at - known.within) return [];
    return [{ attempt, form }];
  });
  const messages = (form: Form) => new Set(fitting.filter((c) => c.form === form).map((c) => c.attempt.message_id));
  const form = known.form ?? guess(fitting, known.again);
  const group = fitting.filter((candidate) => candidate.form === form).map(({ attempt }) => attempt);
  if (!form || group.length === 0) return undefined;
  const others = fitting.some((other) => other.form !== form && !messages(form).has(other.attempt.message_id));
  if (others && !known.form) return undefined;
  if (form === 'cut' && messages(form).size > 1) return undefined;
  // Of two that are spelt alike, the one that is spelt as the receipt; of those, the newest.
  const exact = group.filter(({ provider_id }) => provider_id === sought.id);
  const [attempt] = (exact.length > 0 ? exact : group).toSorted((a, b) => b.at - a.at || b.handover - a.handover);
  return { attempt: attempt!, form, clear: !others };
}

/**
 * Without knowledge, what is spelt alike matches at once. Another form only when the answer to the submit had its time to
 * come, and for an attempt that has no receipt yet.
 */
function guess(fitting: readonly { attempt: AttemptRow; form: Form }[], again: boolean): Form | undefined {
  if (fitting.some(({ form }) => form === 'same')) return 'same';
  if (!again) return undefined;
  const open = fitting.filter(({ attempt }) => !attempt.receipt_state || attempt.receipt_state === 'buffered');
  return (['decimal', 'hex', 'cut'] as const).find((form) => open.some((candidate) => candidate.form === form));
}

function formOf({ id, to }: Sought, { provider_id, id_key }: AttemptRow): Form | undefined {
  const key = idKey(id);
  const theirs = id_key ?? idKey(provider_id ?? '');
  if (theirs === key) return 'same';
  const form = keysOf(key).find((each) => each.key === theirs)?.form;
  if (form) return to ? form : undefined;
  return maybeCut(key, to) && theirs.startsWith(key) ? 'cut' : undefined;
}

/**
 * The handset in a receipt is the message's recipient, however many leading digits the SMSC adds or cuts. Nothing agrees
 * with a message that is not known yet: its receipt is kept until then.
 */
function agrees(message: MessageRow | undefined, to: string | undefined): boolean {
  if (!message?.known) return false;
  if (!to) return true;
  const { number } = message;
  return number.endsWith(to.slice(-7)) || to.endsWith(number.slice(-7));
}

/** Receipts in a row that could have been nothing else before their form is believed. */
const BELIEVED_AFTER = 5;

/** What the receipts of each provider have shown. Forgotten at a restart, and soon learned again. */
export class Learned {
  readonly #seen = new Map<string, { form: Form; times: number }>();

  saw(provider: string, { form, clear }: Match): void {
    if (!clear) return;
    const before = this.#seen.get(provider);
    if (before?.form === form) before.times++;
    else this.#seen.set(provider, { form, times: 1 });
  }

  form(provider: string): Form | undefined {
    const seen = this.#seen.get(provider);
    return seen && seen.times >= BELIEVED_AFTER ? seen.form : undefined;
  }
}
