// The rows of the ledger's tables that the code works on, by their columns, and how they are written.
import type { Row, Value } from '../database/database.ts';

/** Times are epoch ms. A message can be a stub: a report may be read before the message itself; then `known` is 0. */
export type MessageRow = {
  id: string;
  known: number;
  client: string;
  door: string;
  lane: string;
  number: string;
  given: string;
  sender: string;
  segments: number;
  accepted_at: number;
  expiry: number;
  traceparent: string;
  dlr_mask: number;
  dlr_url: string;
  /** `scheduled`, `accepted`, `submitted`, or one of FINAL_STATES. */
  state: string;
  state_at: number;
  final: number;
  provider: string;
  reason: string;
  untold: string;
  /** When it gets a final state without further reports; null when it has one. */
  judge_at: number | null;
};

/** One for each part of a hand-over; part 0 for one that was given back. */
export type AttemptRow = {
  message_id: string;
  handover: number;
  part: number;
  at: number;
  provider: string;
  provider_id: string | null;
  id_key: string | null;
  outcome: string;
  reason: string;
  receipt_asked: number;
  receipt_state: string | null;
  receipt_at: number | null;
  receipt_stat: string | null;
  receipt_error: string | null;
};

export type OutboxRow = {
  id: number;
  message_id: string;
  due_at: number;
  first_at: number;
  tries: number;
  published: number;
  body: string;
};

/** A receipt that matches nothing yet. `id` is absent until it is written. */
export type UnmatchedRow = {
  id?: number;
  provider: string;
  provider_id: string;
  id_key: string;
  at: number;
  try_at: number;
  tries: number;
  body: string;
};

export const newMessage = (id: string, at: number): MessageRow => ({
  id,
  known: 0,
  client: '',
  door: '',
  lane: '',
  number: '',
  given: '',
  sender: '',
  segments: 0,
  accepted_at: 0,
  expiry: 0,
  traceparent: '',
  dlr_mask: 0,
  dlr_url: '',
  state: 'accepted',
  state_at: at,
  final: 0,
  provider: '',
  reason: '',
  untold: '',
  judge_at: null,
});

const SAMPLE: { message: MessageRow; attempt: AttemptRow; outbox: OutboxRow } = {
  message: newMessage('', 0),
  attempt: {
    message_id: '',
    handover: 0,
    part: 0,
    at: 0,
    provider: '',
    provider_id: null,
    id_key: null,
    outcome: '',
    reason: '',
    receipt_asked: 0,
    receipt_state: null,
    receipt_at: null,
    receipt_stat: null,
    receipt_error: null,
  },
  outbox: { id: 0, message_id: '', due_at: 0, first_at: 0, tries: 0, published: 0, body: '' },
};

/** What a message brings itself, and nothing changes afterwards. */
const BROUGHT: readonly (keyof MessageRow)[] = [
  'known',
  'client',
  'door',
  'lane',
  'number',
  'given',
  'sender',
  'segments',
  'accepted_at',
  'expiry',
  'traceparent',
  'dlr_mask',
  'dlr_url',
];
/** Of an attempt nothing changes but what its receipt says. */
const RECEIPT: readonly (keyof AttemptRow)[] = ['receipt_state', 'receipt_at', 'receipt_stat', 'receipt_error'];

export type Upsert = { head: string; tail: string; values: (row: object) => Value[] };

/**
 * `insert into <head> values … <tail>` for whole rows, whether they are there already or not. Of one that is there only
 * the columns `changed` are set: an index is written again for each of its columns that is set, also to what it was.
 */
function upsert<R extends object>(
  table: keyof typeof SAMPLE,
  key: readonly (keyof R)[],
  changed: (name: keyof R) => boolean,
): Upsert {
  const columns = Object.keys(SAMPLE[table]) as (keyof R & string)[];
  const set = columns
    .filter((name) => !key.includes(name) && changed(name))
    .map((name) => `${name} = excluded.${name}`);
  return {
    head: `${table} (${columns})`,
    tail: `on conflict (${key.join()}) do update set ${set}`,
    values: (row) => columns.map((column) => (row as Row)[column]!),
  };
}

export const MESSAGE = upsert<MessageRow>('message', ['id'], () => true);
export const MESSAGE_STATE = upsert<MessageRow>('message', ['id'], (name) => !BROUGHT.includes(name));
/** While it is judged at the same time as before. */
export const MESSAGE_STEP = upsert<MessageRow>('message', ['id'], (name) => ![...BROUGHT, 'judge_at'].includes(name));
const ATTEMPT_KEY = ['message_id', 'handover', 'part'] as const;
export const ATTEMPT = upsert<AttemptRow>('attempt', ATTEMPT_KEY, () => true);
export const ATTEMPT_RECEIPT = upsert<AttemptRow>('attempt', ATTEMPT_KEY, (name) => RECEIPT.includes(name));
export const OUTBOX = upsert<OutboxRow>('outbox', ['id'], () => true);
