// The audit log in the ledger: entries are added, listed, and never changed.
import { z } from 'zod';
import { firstIdAt } from '#shared/messages/id.ts';
import type { ReportOf } from '#shared/messages/report.ts';
import type { Row, Sql, Value } from '../database/database.ts';
import type { Sheet } from '../record/sheet.ts';

const word = z.string().min(1).max(100);

/**
 * Entries, newest first: of this person, with this action, about this object (the beginning of it suffices, such as
 * `provider `), since then (epoch ms), older than the entry `before`. `next` is the `before` of the next page, absent on
 * the last.
 */
export const auditQuestion = z.strictObject({
  ask: z.literal('audit'),
  user: word.optional(),
  action: word.optional(),
  object: word.optional(),
  since: z.int().min(0).default(0),
  before: z.uuid().optional(),
  limit: z.int().min(1).max(1_000).default(100),
});

export function addEntry(sheet: Sheet, report: ReportOf<'audit'>): void {
  const { entry, step, at, user, address, action, object, result, detail } = report;
  sheet.insert(
    'audit (entry, step, at, who, address, action, object, result, detail)',
    'on conflict (entry, step) do nothing',
    ...[entry, step, at, user, address, action, object, result, detail],
  );
}

const SELECT = `select a.*, e.at as ended_at, e.result as ended, e.detail as reason
  from audit a left join audit e on e.entry = a.entry and e.step = 1`;

export async function listEntries(
  sql: Sql,
  { user, action, object, since, before, limit }: z.infer<typeof auditQuestion>,
) {
  const conditions = ['a.step = 0'];
  const values: Value[] = [];
  const add = (condition: string, value: string | undefined) => {
    if (value !== undefined) conditions.push(`${condition} $${values.push(value)}`);
  };
  add('a.entry >=', firstIdAt(since));
  add('a.entry <', before);
  add('a.who =', user);
  add('a.action =', action);
  // All texts that begin so, compared by their octets: no index is needed, and % and _ mean nothing.
  add('a.object >=', object);
  add('a.object <', object && `${object}\u{10ffff}`);
  const text = `${SELECT} where ${conditions.join(' and ')} order by a.entry desc limit ${limit}`;
  const rows = await sql.rows(text, ...values);
  return { entries: rows.map(entryOf), ...(rows.length === limit ? { next: rows.at(-1)!.entry } : {}) };
}

/** `result` is `tried` while its end is not known. */
const entryOf = ({ entry, at, who, address, action, object, result, detail, ended_at, ended, reason }: Row) => ({
  entry,
  at,
  user: who,
  address,
  action,
  object,
  result: ended ?? result,
  endedAt: ended_at,
  detail: [detail, reason].filter(Boolean).join(': '),
});
