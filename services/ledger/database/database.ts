// The ledger's database as its code sees it: the same SQL text for SQLite and PostgreSQL, one writer at a time.
import type { Log } from '#shared/telemetry/log.ts';
import { openSqlite } from './sqlite.ts';

export type Value = string | number | null;
export type Row = Record<string, Value>;

/** SQL with $1, $2, … in the dialect that both databases share: `on conflict`, `returning`, no functions of their own. */
export type Sql = {
  rows<R extends Row = Row>(text: string, ...values: Value[]): Promise<R[]>;
  /** How many rows it changed. */
  run(text: string, ...values: Value[]): Promise<number>;
};

export type Database = {
  kind: 'sqlite' | 'postgres';
  /** Look-ups outside a transaction. */
  read: Sql;
  /** Runs `work` in a transaction while no other process writes; an error rolls all of it back. */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  /** Whether the database, and not what was asked of it, is at fault: the same will succeed later. */
  isTrouble(error: unknown): boolean;
  close(): Promise<void>;
};

/** PostgreSQL when there is a URL, else the SQLite file, which is made when it is not there. */
export const openDatabase = async (file: string, url: string | undefined, log: Log): Promise<Database> =>
  url ? (await import('./postgres.ts')).openPostgres(url, log) : openSqlite(file, log);

/** Sizes of lists: few texts to prepare, few statements for many rows. */
const SIZES = [64, 16, 4, 1] as const;
const MOST = SIZES[0];

function* chunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; ) {
    const size = SIZES.find((each) => each <= items.length - at)!;
    yield items.slice(at, at + size);
    at += size;
  }
}

/** Lists of keys, filled up to one of the sizes: a key that stands there twice changes nothing. */
function* keyLists(keys: readonly Value[]): Generator<Value[]> {
  for (let at = 0; at < keys.length; at += MOST) {
    const list = keys.slice(at, at + MOST);
    const size = SIZES.findLast((each) => each >= list.length)!;
    yield [...list, ...Array<Value>(size - list.length).fill(list[0]!)];
  }
}

const cache = new Map<string, string>();
function cached(key: string, make: () => string): string {
  let text = cache.get(key);
  if (text === undefined) {
    text = make();
    cache.set(key, text);
  }
  return text;
}

/** `text` ends in `in`; the rows for all of `keys`. `first` are the parameters before the list. */
export async function rowsIn<R extends Row = Row>(
  sql: Sql,
  text: string,
  keys: readonly Value[],
  ...first: Value[]
): Promise<R[]> {
  const found: R[] = [];
  for (const list of keyLists(keys))
    found.push(...(await sql.rows<R>(inList(text, list.length, first.length), ...first, ...list)));
  return found;
}

/** As rowsIn, for a statement that changes rows. */
export async function runIn(sql: Sql, text: string, keys: readonly Value[], ...first: Value[]): Promise<void> {
  for (const list of keyLists(keys)) await sql.run(inList(text, list.length, first.length), ...first, ...list);
}

const inList = (text: string, size: number, before: number) =>
  cached(`${text}\n${size}`, () => `${text} (${Array.from({ length: size }, (_, i) => `$${before + i + 1}`)})`);

/** `insert into <head> values <rows> <tail>`, each row its values in order. */
export async function insertRows(sql: Sql, head: string, tail: string, rows: readonly Value[][]): Promise<void> {
  for (const chunk of chunks(rows)) {
    const size = chunk.length;
    const width = chunk[0]!.length;
    const text = cached(`${head}\n${tail}\n${size}`, () => {
      const row = (n: number) => `(${Array.from({ length: width }, (_, i) => `$${n * width + i + 1}`)})`;
      return `insert into ${head} values ${Array.from({ length: size }, (_, n) => row(n))} ${tail}`;
    });
    await sql.run(text, ...chunk.flat());
  }
}
