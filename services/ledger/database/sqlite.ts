// SQLite with a write-ahead log, synced at every commit: the ledger's database on one box.
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { Log } from '#shared/telemetry/log.ts';
import type { Database, Row, Sql, Value } from './database.ts';
import { migrations, sayIfNewer } from './migrate.ts';

/** Results for a lock, a full disk, a failing one, and a file that cannot be opened. */
const TROUBLE = new Set([5, 6, 10, 13, 14]);
/**
 * What is deleted is overwritten, not only forgotten. The log goes into the file every 4 MB, as SQLite does it: 64 MB were
 * 2 % less work, and kept the disk from the broker, so that SMS waited for up to 30 ms every ten seconds at 1,000/s.
 */
const PRAGMAS =
  'pragma journal_mode = wal; pragma synchronous = full; pragma busy_timeout = 2000; pragma secure_delete = on; pragma cache_size = -32000';

/** Throws one line when the file cannot be used. */
export async function openSqlite(file: string, log: Log): Promise<Database> {
  let db: DatabaseSync;
  let reader: DatabaseSync;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    closeSync(openSync(file, 'a', 0o600)); // SQLite would make it readable for everyone, and its log alike.
    db = new DatabaseSync(file);
    db.exec(PRAGMAS);
    migrate(db, log);
    reader = new DatabaseSync(file, { readOnly: true });
    reader.exec('pragma busy_timeout = 2000');
  } catch (error) {
    throw new Error(`the ledger's file ${file} cannot be used: ${(error as Error).message}`);
  }
  const sql = sqlOf(db);
  return {
    kind: 'sqlite',
    read: sqlOf(reader),
    async transaction(work) {
      db.exec('begin immediate');
      try {
        const result = await work(sql);
        db.exec('commit');
        return result;
      } catch (error) {
        if (db.isTransaction) db.exec('rollback');
        throw error;
      }
    },
    isTrouble(error) {
      const code = (error as { errcode?: number }).errcode;
      return code !== undefined && TROUBLE.has(code & 0xff);
    },
    async close() {
      reader.close();
      db.close();
    },
  };
}

function sqlOf(db: DatabaseSync): Sql {
  const statements = new Map<string, Prepared>();
  const prepared = (text: string) => {
    let statement = statements.get(text);
    if (!statement) {
      statement = prepare(db, text);
      statements.set(text, statement);
    }
    return statement;
  };
  return {
    async rows<R extends Row>(text: string, ...values: Value[]) {
      const { statement, bind } = prepared(text);
      return statement.all(...bind(values)) as R[];
    },
    async run(text, ...values) {
      const { statement, bind } = prepared(text);
      return Number(statement.run(...bind(values)).changes);
    },
  };
}

type Prepared = { statement: StatementSync; bind(values: Value[]): SQLInputValue[] };

/** Parameters that are used once and in order are bound by position, which costs half of binding by name. */
function prepare(db: DatabaseSync, text: string): Prepared {
  const order = [...text.matchAll(/\$(\d+)/g)].map((match) => Number(match[1]));
  if (order.every((number, i) => number === i + 1))
    return { statement: db.prepare(text.replaceAll(/\$\d+/g, '?')), bind: (values) => values };
  const named = (values: Value[]) => Object.fromEntries(values.map((value, i) => [`$${i + 1}`, value]));
  return { statement: db.prepare(text), bind: (values) => [named(values) as never] };
}

/** Applies what the file has not seen, each step in a transaction of its own; another process waits for its end. */
function migrate(db: DatabaseSync, log: Log): void {
  const stepOf = () => (db.prepare('pragma user_version').get() as { user_version: number }).user_version;
  const known = migrations();
  for (const { number, text } of known) {
    db.exec('begin immediate');
    if (number > stepOf()) {
      db.exec(text);
      db.exec(`pragma user_version = ${number}`);
    }
    db.exec('commit');
  }
  sayIfNewer(stepOf(), known, log);
}
