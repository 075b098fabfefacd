// PostgreSQL: the ledger's database where several ledgers stand by. One of them writes at a time.
import { createHash } from 'node:crypto';
import pg from 'pg';
import { readPems } from '#shared/http/pems.ts';
import { type Log, reasonOf } from '#shared/telemetry/log.ts';
import type { Database, Row, Sql, Value } from './database.ts';
import { forPostgres, migrations, sayIfNewer } from './migrate.ts';

/** Numbers of advisory locks: for migrations, and for whoever writes. */
const LOCKS = { migrate: 4_867_001, write: 4_867_002 };
const CONNECTIONS = 4;
const CONNECT_WITHIN_MS = 5_000;
/** A statement that hangs, as on a server that went away without a word, is trouble and not an eternity. */
const ANSWER_WITHIN_MS = 30_000;
/** The server is away, going, full, read-only after a switch, or wants the transaction again. */
const TROUBLE = /^(08|53|57P|58|40|25006|55P03)/;
/**
 * A plan that was made when a table was small reads all of it, and is kept while the table grows: 40 times slower with
 * 20,000 messages. Every statement here has its index.
 */
const PLANS = 'set enable_seqscan = off';
const PATIENCE_MS = 60_000;
const AGAIN_MS = 1_000;

/** Waits for a database that is not there yet. Throws one line when it cannot be used; the URL's password is not in it. */
export async function openPostgres(url: string, log: Log): Promise<Database> {
  checkPems(url);
  const pool = new pg.Pool({
    connectionString: url,
    max: CONNECTIONS,
    connectionTimeoutMillis: CONNECT_WITHIN_MS,
    query_timeout: ANSWER_WITHIN_MS,
    keepAlive: true,
    types: postgresTypes,
    onConnect: async (client) => void (await client.query(PLANS)),
  });
  pool.on('error', (error) => log.warn({ reason: reasonOf(error) }, 'connection to the database lost'));
  // A client that is in use when the server goes is nobody's concern but its user's: its query fails.
  pool.on('connect', (client) => client.on('error', () => {}));
  await migrate(pool, log);
  return {
    kind: 'postgres',
    read: sqlOf(pool),
    async transaction(work) {
      const client = await pool.connect();
      try {
        await client.query('begin');
        await client.query(`select pg_advisory_xact_lock(${LOCKS.write})`);
        const result = await work(sqlOf(client));
        await client.query('commit');
        client.release();
        return result;
      } catch (error) {
        const ended = await client.query('rollback').then(
          () => false,
          () => true,
        );
        client.release(ended);
        throw error;
      }
    },
    isTrouble,
    close: () => pool.end(),
  };
}

/** Files that the URL names for TLS, in libpq's words: what is wrong with one stays wrong, so it is said before the first try. */
function checkPems(url: string): void {
  const file = (name: string) => URL.parse(url)?.searchParams.get(name) ?? undefined;
  const files = { ca: file('sslrootcert'), cert: file('sslcert'), key: file('sslkey') };
  readPems('DATABASE_URL', files, process.cwd());
}

/** Errors without a code of the server's come from the line to it. */
function isTrouble(error: unknown): boolean {
  const { code, message = '' } = error as { code?: string; message?: string };
  if (code === undefined) return /connection|terminat|timeout|socket/i.test(message);
  return TROUBLE.test(code) || /^E[A-Z]{3,}/.test(code);
}

/** Integers of 64 bits as numbers: times and counts stay far below 2^53. */
const INT8 = 20;
export const postgresTypes: pg.CustomTypesConfig = {
  getTypeParser: (type, format) => (type === INT8 ? Number : pg.types.getTypeParser(type as never, format as never)),
};

const names = new Map<string, string>();
/** Prepared statements have names of at most 63 octets. */
function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = createHash('sha256').update(text).digest('base64url');
    names.set(text, name);
  }
  return name;
}

function sqlOf(target: pg.Pool | pg.PoolClient): Sql {
  const query = (text: string, values: Value[]) => target.query({ name: nameOf(text), text, values });
  return {
    rows: async <R extends Row>(text: string, ...values: Value[]) => (await query(text, values)).rows as R[],
    run: async (text, ...values) => (await query(text, values)).rowCount ?? 0,
  };
}

async function migrate(pool: pg.Pool, log: Log): Promise<void> {
  for (const until = Date.now() + PATIENCE_MS; ; ) {
    try {
      return await applyMigrations(pool, log);
    } catch (error) {
      if (!isTrouble(error) || Date.now() > until)
        throw new Error(`the database in DATABASE_URL cannot be used: ${reasonOf(error)}`);
      log.warn({ reason: reasonOf(error) }, 'the database is not there yet: trying again');
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}

/** All in one transaction, under a lock: of two ledgers that start together, one waits and finds the work done. */
async function applyMigrations(pool: pg.Pool, log: Log): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query(`select pg_advisory_xact_lock(${LOCKS.migrate})`);
    await client.query('create table if not exists schema_version (number bigint primary key)');
    const { rows } = await client.query('select max(number) as number from schema_version');
    const step: number = rows[0].number ?? 0;
    const known = migrations();
    for (const { number, text } of known) {
      if (number <= step) continue;
      await client.query(forPostgres(text));
      await client.query('insert into schema_version (number) values ($1)', [number]);
    }
    await client.query('commit');
    client.release();
    sayIfNewer(step, known, log);
  } catch (error) {
    client.release(true);
    throw error;
  }
}
