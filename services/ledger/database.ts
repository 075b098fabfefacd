// The ledger's database file: SQLite with a write-ahead log, synced at every commit, migrated at open.
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';

const MIGRATIONS = join(import.meta.dirname, 'migrations');

export type Row = Record<string, SQLInputValue>;
/** A prepared statement with $1, $2, … in order, so that the same text can serve another database. */
export type Statement = {
  run(...values: SQLInputValue[]): { changes: number; id: number };
  get(...values: SQLInputValue[]): Row | undefined;
  all(...values: SQLInputValue[]): Row[];
};
export type Database = {
  statement(sql: string): Statement;
  /** Runs `work` in one transaction; an error rolls all of it back. */
  transaction<T>(work: () => T): T;
  close(): void;
};

/** Opens (or makes) the file. Throws one line when it cannot be used. */
export function openDatabase(file: string): Database {
  let db: DatabaseSync;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    closeSync(openSync(file, 'a', 0o600)); // SQLite would make it readable for everyone, and its log alike.
    db = new DatabaseSync(file);
    db.exec(
      'pragma journal_mode = wal; pragma synchronous = full; pragma busy_timeout = 2000; pragma wal_autocheckpoint = 4000',
    );
    migrate(db);
  } catch (error) {
    throw new Error(`the ledger's file ${file} cannot be used: ${(error as Error).message}`);
  }
  return {
    statement: (sql) => prepare(db, sql),
    transaction(work) {
      db.exec('begin immediate');
      try {
        const result = work();
        db.exec('commit');
        return result;
      } catch (error) {
        if (db.isTransaction) db.exec('rollback');
        throw error;
      }
    },
    close: () => db.close(),
  };
}

/** Parameters that are used once and in order are bound by position, which costs half of binding by name. */
function prepare(db: DatabaseSync, sql: string): Statement {
  const order = [...sql.matchAll(/\$(\d+)/g)].map((match) => Number(match[1]));
  const inOrder = order.every((number, i) => number === i + 1);
  const statement: StatementSync = db.prepare(inOrder ? sql.replaceAll(/\$\d+/g, '?') : sql);
  const bind = (values: SQLInputValue[]): SQLInputValue[] =>
    inOrder ? values : [Object.fromEntries(values.map((value, i) => [`$${i + 1}`, value])) as never];
  return {
    run(...values) {
      const { changes, lastInsertRowid } = statement.run(...bind(values));
      return { changes: Number(changes), id: Number(lastInsertRowid) };
    },
    get: (...values) => statement.get(...bind(values)) as Row | undefined,
    all: (...values) => statement.all(...bind(values)) as Row[],
  };
}

/** Applies migrations/NNN-*.sql above the file's version, each in its own transaction. */
function migrate(db: DatabaseSync): void {
  const { user_version: version } = db.prepare('pragma user_version').get() as { user_version: number };
  for (const name of readdirSync(MIGRATIONS).sort()) {
    const number = Number(/^(\d{3})-.*\.sql$/.exec(name)?.[1]);
    if (!(number > version)) continue;
    db.exec('begin immediate');
    db.exec(readFileSync(join(MIGRATIONS, name), 'utf8'));
    db.exec(`pragma user_version = ${number}`);
    db.exec('commit');
  }
}
