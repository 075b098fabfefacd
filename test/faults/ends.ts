// The final states that the ledger has written, read from its database beside it.
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { firstIdAt } from '#shared/messages/id.ts';

export type End = { number: string; state: string };
/** Those of messages that were accepted since `at`, epoch ms. */
export type ReadEnds = (at: number) => Promise<End[]>;

const QUERY = 'select number, state from message where final = 1 and id >= $1';

export const endsInSqlite =
  (file: string): ReadEnds =>
  async (at) => {
    const db = new DatabaseSync(file, { readOnly: true });
    try {
      return db.prepare(QUERY.replace('$1', '?')).all(firstIdAt(at)) as End[];
    } finally {
      db.close();
    }
  };

export const endsInPostgres =
  (url: string): ReadEnds =>
  async (at) => {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query(QUERY, [firstIdAt(at)])).rows as End[];
    } finally {
      await client.end();
    }
  };
