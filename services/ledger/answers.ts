// Look-ups and an administrator's decisions, over request and reply on ledger.rpc.
import { z } from 'zod';
import { firstIdAt } from '#shared/messages/id.ts';
import { maskNumber } from '#shared/sms/number.ts';
import type { Database, Row } from './database.ts';

export const question = z.discriminatedUnion('ask', [
  /** One message with its attempts. `client` limits it to that client's own. */
  z.strictObject({ ask: z.literal('message'), id: z.uuid(), client: z.string().optional() }),
  /** Messages to numbers that end in these digits, accepted since then (epoch ms), newest first. */
  z.strictObject({
    ask: z.literal('find'),
    digits: z.string().regex(/^\d{3,15}$/),
    since: z.int(),
    limit: z.int().min(1).max(1_000).default(100),
  }),
  /**
   * A client's messages, newest first: in this state, to this number (E.164 digits), accepted since then (epoch ms),
   * older than the message `before`. `next` is the `before` of the next page, absent on the last.
   */
  z.strictObject({
    ask: z.literal('list'),
    client: z.string(),
    state: z.string().max(16).optional(),
    to: z
      .string()
      .regex(/^\d{1,15}$/)
      .optional(),
    since: z.int().default(0),
    before: z.uuid().optional(),
    limit: z.int().min(1).max(1_000).default(100),
  }),
  /** Ends a scheduled message: `{state}` is `cancelled`, `too late` after its release, or `unknown`. */
  z.strictObject({ ask: z.literal('cancel'), id: z.uuid(), client: z.string().optional() }),
  z.strictObject({ ask: z.literal('pause'), provider: z.string().max(32), paused: z.boolean() }),
  z.strictObject({ ask: z.literal('paused') }),
]);

export type Answers = { answer(asked: unknown): Promise<unknown>; paused(): string[] };

const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
const PAUSED = 'paused-providers';

/** `onPaused` runs after every change of the list of paused providers. */
export function openAnswers(db: Database, onPaused: (providers: string[]) => void): Answers {
  const sql = {
    message: db.statement('select * from message where id = $1'),
    attempts: db.statement('select * from attempt where message_id = $1 order by handover, part'),
    owed: db.statement('select count(*) as n from outbox where message_id = $1'),
    find: db.statement('select * from message where id >= $1 and number like $2 order by id desc limit $3'),
    list: db.statement(`select * from message where client = $1 and id < $2 and id >= $3
      and ($4 = '' or state = $4) and ($5 = '' or number = $5) order by id desc limit $6`),
    setting: db.statement('select value from setting where name = $1'),
    set: db.statement(
      'insert into setting (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value',
    ),
  };
  const paused = (): string[] => JSON.parse((sql.setting.get(PAUSED)?.value as string) ?? '[]');

  return {
    paused,
    async answer(asked) {
      const parsed = question.safeParse(asked);
      if (!parsed.success)
        throw new Error('the ledger does not understand this question: are both of the same version?');
      const q = parsed.data;
      switch (q.ask) {
        case 'message': {
          const row = sql.message.get(q.id);
          if (!row?.known || (q.client !== undefined && row.client !== q.client)) return null;
          return {
            ...messageOf(row),
            attempts: sql.attempts.all(q.id).map(attemptOf),
            callbacksWaiting: sql.owed.get(q.id)!.n,
          };
        }
        case 'find':
          return sql.find.all(firstIdAt(q.since), `%${q.digits}`, q.limit).map(messageOf);
        case 'list': {
          const { client, state = '', to = '', since, before = LAST_ID, limit } = q;
          const rows = sql.list.all(client, before, firstIdAt(since), state, to, limit);
          return { messages: rows.map(messageOf), ...(rows.length === limit ? { next: rows.at(-1)!.id } : {}) };
        }
        case 'cancel': {
          const row = sql.message.get(q.id);
          if (!row?.known || (q.client !== undefined && row.client !== q.client)) return { state: 'unknown' };
          return { state: row.state === 'cancelled' ? 'cancelled' : 'too late' };
        }
        case 'pause': {
          const rest = paused().filter((name) => name !== q.provider);
          const providers = q.paused ? [...rest, q.provider] : rest;
          sql.set.run(PAUSED, JSON.stringify(providers));
          onPaused(providers);
          return providers;
        }
        case 'paused':
          return paused();
      }
    },
  };
}

/** Numbers leave the ledger masked. */
const messageOf = (row: Row) => ({
  id: row.id,
  client: row.client,
  door: row.door,
  lane: row.lane,
  to: maskNumber(String(row.number)),
  from: row.sender,
  segments: row.segments,
  acceptedAt: row.accepted_at,
  expiry: row.expiry,
  state: row.state,
  stateAt: row.state_at,
  final: row.final === 1,
  provider: row.provider,
  reason: row.reason,
  untold: row.untold,
});

const attemptOf = (row: Row) => ({
  handover: row.handover,
  part: row.part,
  at: row.at,
  provider: row.provider,
  providerId: row.provider_id,
  outcome: row.outcome,
  reason: row.reason,
  receipt: row.receipt_state,
  receiptAt: row.receipt_at,
  receiptStat: row.receipt_stat,
  receiptError: row.receipt_error,
});
