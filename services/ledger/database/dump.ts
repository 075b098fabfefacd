// All rows of the ledger's tables, out of one database and into another, SQLite or PostgreSQL: the tables of both are the
// same. For `hermod backup` and `hermod restore`; the ledger itself never runs this.
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { reasonOf } from '#shared/telemetry/log.ts';
import type { Value } from './database.ts';
import { forPostgres, migrations } from './migrate.ts';
import { postgresTypes } from './postgres.ts';

/** Rows read or written in one go. */
const AT_ONCE = 500;

export type Dump = {
  /** Number of the last migration that the database has seen. */
  schema: number;
  tables: readonly string[];
  /** `columns` first, then rows in batches; of one moment, whatever is written meanwhile. */
  read(table: string): Promise<{ columns: string[]; batches: AsyncIterable<Value[][]> }>;
  close(): Promise<void>;
};

/** What a restore writes, in the order of the backup. */
export type Rows = AsyncIterable<{ table: string; columns: string[]; rows: Value[][] }>;

/** The newest step that this version knows. */
export const newestSchema = () => migrations().at(-1)!.number;

/** Of every step up to `schema`. */
function tablesAt(schema: number): string[] {
  const texts = migrations().flatMap(({ number, text }) => (number <= schema ? [text] : []));
  return [...texts.join('\n').matchAll(/^create table (\w+)/gim)].map(([, name]) => name!);
}

const refuseNewer = (schema: number): number => {
  if (schema <= newestSchema()) return schema;
  throw new Error('the database is of a newer version of Hermod: use the `hermod` of that version');
};

export const openDump = (file: string, url: string | undefined): Promise<Dump> =>
  url ? postgresDump(url) : sqliteDump(file);

/** Whether the database can be read, and the last step that it has seen. Changes nothing. */
export async function lookAt(file: string, url: string | undefined): Promise<{ schema: number }> {
  if (url) {
    const client = await connect(url);
    try {
      const { rows } = await client.query('select max(number) as number from schema_version');
      return { schema: rows[0].number ?? 0 };
    } finally {
      await client.end();
    }
  }
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    const { user_version: schema } = db.prepare('pragma user_version').get() as { user_version: number };
    db.prepare('select 1 from message limit 1').get();
    return { schema };
  } catch (error) {
    throw new Error(`${file} cannot be read: ${reasonOf(error)}`);
  } finally {
    db.close();
  }
}

async function sqliteDump(file: string): Promise<Dump> {
  if (!existsSync(file)) throw new Error(`there is no ledger at ${file}: has the gateway run with this configuration?`);
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    db.exec('pragma busy_timeout = 5000; begin');
    const { user_version: version } = db.prepare('pragma user_version').get() as { user_version: number };
    const schema = refuseNewer(version);
    return {
      schema,
      tables: tablesAt(schema),
      async read(table) {
        const statement = db.prepare(`select * from ${table}`);
        const columns = statement.columns().map(({ name }) => name);
        return { columns, batches: batched(statement.iterate() as Iterable<Record<string, Value>>, columns) };
      },
      close: async () => db.close(),
    };
  } catch (error) {
    db.close();
    throw error;
  }
}

async function* batched(rows: Iterable<Record<string, Value>>, columns: string[]): AsyncGenerator<Value[][]> {
  let batch: Value[][] = [];
  for (const row of rows) {
    batch.push(columns.map((column) => row[column]!));
    if (batch.length === AT_ONCE) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

async function postgresDump(url: string): Promise<Dump> {
  const client = await connect(url);
  try {
    await client.query('begin isolation level repeatable read read only');
    const { rows } = await client.query('select max(number) as number from schema_version');
    const schema = refuseNewer(rows[0].number ?? 0);
    return {
      schema,
      tables: tablesAt(schema),
      async read(table) {
        await client.query(`declare backup cursor for select * from ${table}`);
        const none = await client.query(`select * from ${table} limit 0`);
        const columns = none.fields.map(({ name }) => name);
        return { columns, batches: fetched(client) };
      },
      close: () => client.end(),
    };
  } catch (error) {
    await client.end();
    throw new Error(`the database in DATABASE_URL cannot be read: ${reasonOf(error)}`);
  }
}

async function* fetched(client: pg.Client): AsyncGenerator<Value[][]> {
  for (;;) {
    const { rows } = await client.query({ text: `fetch ${AT_ONCE} from backup`, rowMode: 'array' });
    if (rows.length === 0) break;
    yield rows as Value[][];
  }
  await client.query('close backup');
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000, types: postgresTypes });
  await client.connect().catch((error) => {
    throw new Error(`the database in DATABASE_URL cannot be reached: ${reasonOf(error)}`);
  });
  return client;
}

/** Whether nothing would be lost if the target were replaced. Rejects when a ledger has it open. */
export async function isEmptyTarget(file: string, url: string | undefined): Promise<boolean> {
  if (!url) return !existsSync(file) || !sqliteHasRows(file);
  const client = await connect(url);
  try {
    const { rows } = await client.query("select to_regclass('message') as there");
    if (rows[0].there === null) return true;
    return (await client.query('select 1 from message limit 1')).rowCount === 0;
  } finally {
    await client.end();
  }
}

function sqliteHasRows(file: string): boolean {
  const db = new DatabaseSync(file);
  try {
    // Of a file in this mode nobody else can have a connection: a running ledger keeps its own open.
    db.exec('pragma locking_mode = exclusive; begin immediate; commit');
    const { n } = db.prepare("select count(*) as n from sqlite_master where name = 'message'").get() as { n: number };
    return n > 0 && db.prepare('select 1 from message limit 1').get() !== undefined;
  } catch (error) {
    if (/locked/.test(reasonOf(error))) throw new Error(`a ledger has ${file} open: stop the gateway first`);
    throw new Error(`${file} is no database: ${reasonOf(error)}`);
  } finally {
    db.close();
  }
}

/** Puts the rows into the database in place of what is there, all or nothing. `schema` is that of the backup. */
export const restoreRows = (file: string, url: string | undefined, schema: number, source: Rows): Promise<number> =>
  url ? intoPostgres(url, schema, source) : intoSqlite(file, schema, source);

/** A new file beside the old one, which takes its place when it is whole; the old one is kept under `<file>.before`. */
async function intoSqlite(file: string, schema: number, source: Rows): Promise<number> {
  const fresh = `${file}.restoring`;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  rmSync(fresh, { force: true });
  closeSync(openSync(fresh, 'a', 0o600));
  const db = new DatabaseSync(fresh);
  let count = 0;
  try {
    db.exec('pragma journal_mode = off; pragma synchronous = off; begin');
    for (const { number, text } of migrations()) if (number <= schema) db.exec(text);
    for await (const { table, columns, rows } of source) {
      const statement = db.prepare(`insert into ${table} (${columns}) values (${columns.map(() => '?')})`);
      for (const row of rows) statement.run(...row);
      count += rows.length;
    }
    db.exec(`commit; pragma user_version = ${schema}`);
    db.close();
  } catch (error) {
    db.close();
    rmSync(fresh, { force: true });
    throw error;
  }
  const written = openSync(fresh, 'r+');
  fsyncSync(written);
  closeSync(written);
  for (const suffix of ['', '-wal', '-shm'])
    if (existsSync(file + suffix)) renameSync(file + suffix, `${file}.before${suffix}`);
  renameSync(fresh, file);
  return count;
}

async function intoPostgres(url: string, schema: number, source: Rows): Promise<number> {
  const client = await connect(url);
  let count = 0;
  try {
    await client.query('begin');
    for (const table of [...tablesAt(newestSchema()), 'schema_version'])
      await client.query(`drop table if exists ${table}`);
    await client.query('create table schema_version (number bigint primary key)');
    for (const { number, text } of migrations()) {
      if (number > schema) continue;
      await client.query(forPostgres(text));
      await client.query('insert into schema_version (number) values ($1)', [number]);
    }
    const counted = new Set<string>();
    for await (const { table, columns, rows } of source) {
      await insertAll(client, table, columns, rows);
      if (columns.includes('id')) counted.add(table);
      count += rows.length;
    }
    // Ids that count by themselves go on behind those that were put in.
    for (const table of counted) {
      const { rows } = await client.query(`select pg_get_serial_sequence('${table}', 'id') as sequence`);
      const [{ sequence }] = rows;
      if (sequence) await client.query(`select setval('${sequence}', (select coalesce(max(id), 1) from ${table}))`);
    }
    await client.query('commit');
    return count;
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  } finally {
    await client.end();
  }
}

async function insertAll(client: pg.Client, table: string, columns: string[], rows: Value[][]): Promise<void> {
  if (rows.length === 0) return;
  const width = columns.length;
  const places = rows.map((_, n) => `(${columns.map((_column, i) => `$${n * width + i + 1}`)})`);
  await client.query(`insert into ${table} (${columns}) values ${places}`, rows.flat());
}
