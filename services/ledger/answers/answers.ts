// Look-ups and an administrator's decisions, over request and reply on ledger.rpc.
import { z } from 'zod';
import { firstIdAt } from '#shared/messages/id.ts';
import { maskNumber } from '#shared/sms/number.ts';
import type { Cancelled } from '../clock/schedule.ts';
import type { Database, Row, Sql } from '../database/database.ts';
import {
  changeSuppressed,
  listSuppressed,
  logSuppressed,
  suppressionQuestions,
  suppressions,
} from '../incoming/suppressed.ts';
import type { AttemptRow, MessageRow, UnmatchedRow } from '../record/rows.ts';
import type { Writer } from '../record/writer.ts';
import type { Seal } from '../seal.ts';
import { contentOf } from './again.ts';
import { auditQuestion, listEntries } from './audit.ts';
import { search } from './search.ts';
import { secondFactor, secondFactorQuestion } from './second-factor.ts';
import { attemptOf, messageOf, storyOf } from './story.ts';

type Question = z.infer<typeof question>;
type Asked<A extends Question['ask']> = Extract<Question, { ask: A }>;

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
   * Messages of a client, or of all, newest first: in this state, last with this provider, to this number (E.164 digits),
   * accepted since then (epoch ms), older than the message `before`. `next` is the `before` of the next page, absent on
   * the last. `lookedBackTo` (epoch ms) is there when there was no time to look further: what follows `next` may be found.
   */
  z.strictObject({
    ask: z.literal('list'),
    client: z.string().optional(),
    state: z.string().max(16).optional(),
    provider: z.string().max(32).optional(),
    to: z
      .string()
      .regex(/^\d{1,15}$/)
      .optional(),
    /** To numbers that end in these, in place of `to`. */
    digits: z
      .string()
      .regex(/^\d{3,15}$/)
      .optional(),
    since: z.int().default(0),
    before: z.uuid().optional(),
    limit: z.int().min(1).max(1_000).default(100),
  }),
  /** The full number of a message: whoever asks writes down for whom. Masked already where retention has passed. */
  z.strictObject({ ask: z.literal('number'), id: z.uuid() }),
  /** The text of a message where retention keeps it, else null: whoever asks writes down for whom. */
  z.strictObject({ ask: z.literal('text'), id: z.uuid() }),
  /** One message with all that is known of it, for a person. */
  z.strictObject({ ask: z.literal('story'), id: z.uuid() }),
  /** Sends a final message again as a new one: `{id}`, or `{refused}` with the reason. */
  z.strictObject({ ask: z.literal('again'), id: z.uuid() }),
  /** Ends a scheduled message: `{state}` is `cancelled`, `too late` after its release, or `unknown`. */
  z.strictObject({ ask: z.literal('cancel'), id: z.uuid(), client: z.string().optional() }),
  /** Receipts that match no message yet: how many of each provider, and the latest. */
  z.strictObject({ ask: z.literal('receipts'), limit: z.int().min(1).max(1_000).default(100) }),
  /** Clients that are still to be told something: how many callbacks wait, of the first 10,000, and since when (epoch ms). */
  z.strictObject({ ask: z.literal('callbacks') }),
  /** Every provider that was ever configured. */
  z.strictObject({ ask: z.literal('providers') }),
  z.strictObject({ ask: z.literal('pause'), provider: z.string().max(32), paused: z.boolean() }),
  z.strictObject({ ask: z.literal('paused') }),
  /** A provider that drains takes new messages only where nobody else on the route can; `pause` ends it. */
  z.strictObject({ ask: z.literal('drain'), provider: z.string().max(32) }),
  z.strictObject({ ask: z.literal('draining') }),
  auditQuestion,
  ...suppressionQuestions,
  secondFactorQuestion,
]);

/** Providers that an administrator paused, and those that drain. */
export type Held = { providers: string[]; draining: string[] };
export type Answers = { answer(asked: unknown): Promise<unknown>; held(): Promise<Held> };

export type AnswerOptions = {
  db: Database;
  writer: Pick<Writer, 'run'>;
  seal: Seal;
  cancel(asked: { id: string; client?: string | undefined }): Promise<Cancelled>;
  again(id: string): Promise<{ id: string } | { refused: string }>;
  /** Runs after every change of the lists of paused and draining providers. */
  onHeld(held: Held): void;
  /** Runs after every change of a suppression list. */
  onSuppressed(): void;
};

const [PAUSED, DRAINING] = ['paused-providers', 'draining-providers'] as const;
/** A message that was just accepted may be a moment away from the ledger. */
const NEW_MS = 30_000;
/** Less than those who ask wait. */
const FIND_FOR_MS = 4_000;
const WAIT_MS = { most: 1_500, step: 50 };
const SQL = {
  message: 'select * from message where id = $1',
  attempts: 'select * from attempt where message_id = $1 order by handover, part',
  owed: 'select count(*) as n from outbox where message_id = $1',
  number: 'select number from message where id = $1 and known = 1',
  unmatched: 'select * from unmatched_receipt order by at desc limit $1',
  unmatchedCount: 'select provider, count(*) as n from unmatched_receipt group by provider order by provider',
  callbacks: `select m.client as client, count(*) as waiting, min(o.first_at) as oldest
    from (select message_id, first_at from outbox order by id limit 10000) o join message m on m.id = o.message_id
    group by m.client order by m.client`,
  providers: 'select name from known_provider order by name',
  setting: 'select value from setting where name = $1',
  set: 'insert into setting (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value',
};

export function openAnswers({ db, writer, seal, cancel, again, onHeld, onSuppressed }: AnswerOptions): Answers {
  const { read } = db;
  const listIn = async (sql: Sql, name: typeof PAUSED | typeof DRAINING): Promise<string[]> => {
    const [row] = await sql.rows(SQL.setting, name);
    return JSON.parse((row?.value as string) ?? '[]');
  };
  const held = async (): Promise<Held> => ({
    providers: await listIn(read, PAUSED),
    draining: await listIn(read, DRAINING),
  });

  async function message({ id, client }: Asked<'message'>) {
    const [row] = await read.rows<MessageRow>(SQL.message, id);
    if (!row?.known || (client !== undefined && row.client !== client)) return null;
    const attempts = await read.rows<AttemptRow>(SQL.attempts, id);
    const [owed] = await read.rows(SQL.owed, id);
    return { ...messageOf(row), attempts: attempts.map(attemptOf), callbacksWaiting: owed!.n };
  }

  async function list(sought: Asked<'list'>) {
    const { rows, ...more } = await search(read, seal, sought);
    return { messages: rows.map(messageOf), ...more };
  }

  async function cancelled(asked: Asked<'cancel'>): Promise<Cancelled> {
    for (const until = performance.now() + WAIT_MS.most; ; ) {
      const answer = await cancel(asked);
      if (answer.state !== 'unknown' || asked.id < firstIdAt(Date.now() - NEW_MS)) return answer;
      const [row] = await read.rows<MessageRow>(SQL.message, asked.id);
      const isAnothers = row?.known && asked.client !== undefined && row.client !== asked.client;
      if (isAnothers || performance.now() > until) return answer;
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS.step));
    }
  }

  async function receipts({ limit }: Asked<'receipts'>) {
    const counts = await read.rows(SQL.unmatchedCount);
    const rows = await read.rows<Row & UnmatchedRow>(SQL.unmatched, limit);
    return { counts, receipts: rows.map(unmatchedOf) };
  }

  /** A provider is in one of the lists or in none. */
  async function hold(provider: string, into: typeof PAUSED | typeof DRAINING | undefined): Promise<Held> {
    await writer.run(async (sql) => {
      for (const name of [PAUSED, DRAINING] as const) {
        const rest = (await listIn(sql, name)).filter((one) => one !== provider);
        await sql.run(SQL.set, name, JSON.stringify(name === into ? [...rest, provider] : rest));
      }
    });
    const now = await held();
    onHeld(now);
    return now;
  }

  async function suppress({ client, number, suppressed, source }: Asked<'suppress'>): Promise<{ changed: boolean }> {
    const change = { client, number, active: suppressed, source };
    const changed = await writer.run((sql) => changeSuppressed(sql, seal, change, Date.now()));
    if (changed) {
      logSuppressed(change);
      onSuppressed();
    }
    return { changed };
  }

  return {
    held,
    async answer(asked) {
      const parsed = question.safeParse(asked);
      if (!parsed.success)
        throw new Error('the ledger does not understand this question: are both of the same version?');
      const q = parsed.data;
      switch (q.ask) {
        case 'message':
          return message(q);
        case 'find': {
          const { rows } = await search(read, seal, q, FIND_FOR_MS);
          return rows.map(messageOf);
        }
        case 'list':
          return list(q);
        case 'number':
          return (await read.rows(SQL.number, q.id))[0]?.number ?? null;
        case 'text':
          return (await contentOf(read, seal, q.id))?.text ?? null;
        case 'story':
          return storyOf(read, seal, q.id);
        case 'again':
          return again(q.id);
        case 'cancel':
          return cancelled(q);
        case 'receipts':
          return receipts(q);
        case 'callbacks':
          return read.rows(SQL.callbacks);
        case 'providers':
          return (await read.rows(SQL.providers)).map(({ name }) => name);
        case 'pause':
          return (await hold(q.provider, q.paused ? PAUSED : undefined)).providers;
        case 'paused':
          return listIn(read, PAUSED);
        case 'drain':
          return (await hold(q.provider, DRAINING)).draining;
        case 'draining':
          return listIn(read, DRAINING);
        case 'audit':
          return listEntries(read, q);
        case 'suppressions':
          return suppressions(read, seal, q.since);
        case 'suppressed':
          return listSuppressed(read, seal, q);
        case 'suppress':
          return suppress(q);
        case 'second-factor':
          return writer.run((sql) => secondFactor(sql, seal, q, Date.now()));
      }
    },
  };
}

const unmatchedOf = ({ provider, provider_id, at, tries, body }: UnmatchedRow) => {
  const { state, stat, to = '' } = JSON.parse(body) as { state: string; stat: string; to?: string };
  return { provider, providerId: provider_id, at, tries, state, stat, to: to && maskNumber(to) };
};
