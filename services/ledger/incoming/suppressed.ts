// The suppression lists: numbers that asked a client to stop, or that an administrator put there. Kept here, read by every
// door (shared/doors/suppressed.ts).
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { name } from '#shared/config/names.ts';
import { markOf, type Suppressions } from '#shared/doors/suppressed.ts';
import { maskNumber } from '#shared/sms/number.ts';
import { logAccess } from '#shared/telemetry/access.ts';
import type { Row, Sql, Value } from '../database/database.ts';
import type { Seal } from '../seal.ts';

/** Changes in one answer: some hundred kilobytes. */
const AT_ONCE = 20_000;
const LIST = 'suppression-list';
const SQL = {
  list: 'select value from setting where name = $1',
  begin: 'insert into setting (name, value) values ($1, $2) on conflict (name) do nothing',
  version: 'select seq from suppressed order by seq desc limit 1',
  active: 'select active from suppressed where client = $1 and mark = $2',
  change: `insert into suppressed (client, mark, sealed, active, source, at, seq) values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (client, mark) do update set active = excluded.active, source = excluded.source, at = excluded.at,
    seq = excluded.seq`,
  changes: 'select client, mark, active, seq from suppressed where seq > $1 order by seq limit $2',
};

export const suppressionQuestions = [
  /** For doors: changes of the suppression lists behind a version; 0 for all. See shared/doors/suppressed.ts. */
  z.strictObject({ ask: z.literal('suppressions'), since: z.int().min(0) }),
  /**
   * For people, newest first: `{count, numbers: [{client, number, source, at, seq}]}` of one client, or of all; `number` is
   * masked. `number` (E.164 digits) asks for that one alone. `before` is the `seq` of the last one on the page before.
   */
  z.strictObject({
    ask: z.literal('suppressed'),
    client: name.optional(),
    number: z
      .string()
      .regex(/^\d{3,15}$/)
      .optional(),
    before: z.int().optional(),
    limit: z.int().min(1).max(1_000).default(100),
  }),
  /** Puts a number (E.164 digits) on the list of a client, or takes it off: `{changed}`. */
  z.strictObject({
    ask: z.literal('suppress'),
    client: name,
    number: z.string().regex(/^\d{3,15}$/),
    suppressed: z.boolean(),
    source: z.enum(['command', 'console']),
  }),
] as const;

/** Who put the number there: the person by a word such as STOP, or an administrator. */
export type Source = 'word' | 'command' | 'console';
export type Change = { client: string; number: string; active: boolean; source: Source };

/** How far the list is. */
export type Standing = { list: string; version: number };

/** False when it was so already. Runs in a transaction. */
export async function changeSuppressed(sql: Sql, seal: Seal, change: Change, now: number): Promise<boolean> {
  const { client, number, active, source } = change;
  const mark = markOf(seal.marks, number);
  const [row] = await sql.rows(SQL.active, client, mark);
  if ((row?.active === 1) === active) return false;
  const seq = (await versionOf(sql)) + 1;
  await sql.run(SQL.change, client, mark, seal.close(number, aboutOf(client, mark)), active ? 1 : 0, source, now, seq);
  return true;
}

export function logSuppressed({ client, number, active, source }: Change): void {
  logAccess({ event: 'suppressed', client, to: maskNumber(number), action: active ? 'add' : 'remove', reason: source });
}

/** In a transaction, before anyone asks: the list has a name. */
export const nameList = (sql: Sql) => sql.run(SQL.begin, LIST, randomUUID());

export async function standing(sql: Sql): Promise<Standing> {
  const [named] = await sql.rows(SQL.list, LIST);
  return { list: String(named?.value ?? ''), version: await versionOf(sql) };
}

export async function suppressions(sql: Sql, seal: Seal, since: number): Promise<Suppressions> {
  const { list } = await standing(sql);
  const rows = await sql.rows<Row & { client: string; mark: number; active: 0 | 1; seq: number }>(
    SQL.changes,
    since,
    AT_ONCE,
  );
  return {
    list,
    key: seal.marks,
    changes: rows.map(({ client, mark, active }) => [client, mark, active]),
    version: rows.at(-1)?.seq ?? since,
    more: rows.length === AT_ONCE,
  };
}

/** For people, newest first: masked numbers of one client, or of all. `before` is the `seq` of the last one seen. */
export async function listSuppressed(
  sql: Sql,
  seal: Seal,
  {
    client,
    number,
    before,
    limit,
  }: { client?: string | undefined; number?: string | undefined; before?: number | undefined; limit: number },
) {
  const values: Value[] = [];
  const add = (value: Value) => `$${values.push(value)}`;
  const its = client === undefined ? '' : ` and client = ${add(client)}`;
  const mine = number === undefined ? its : `${its} and mark = ${add(markOf(seal.marks, number))}`;
  const [count] = await sql.rows(`select count(*) as n from suppressed where active = 1${mine}`, ...values);
  const older = before === undefined ? '' : ` and seq < ${add(before)}`;
  const rows = await sql.rows<Row & { client: string; mark: number; sealed: string }>(
    `select * from suppressed where active = 1${mine}${older} order by seq desc limit ${add(limit)}`,
    ...values,
  );
  const numbers = rows.map(({ client, mark, sealed, source, at, seq }) => {
    return { client, number: maskNumber(seal.open(sealed, aboutOf(client, mark))), source, at, seq };
  });
  return { count: Number(count!.n), numbers };
}

const versionOf = async (sql: Sql) => Number((await sql.rows(SQL.version))[0]?.seq ?? 0);

const aboutOf = (client: string, mark: number) => `suppressed ${client} ${mark}`;
