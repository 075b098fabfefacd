// A database that a newer version has migrated: this version works on it, and says so in one line.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { expect, test } from 'vitest';
import { openDatabase } from '../../../services/ledger/database/database.ts';
import { migrations } from '../../../services/ledger/database/migrate.ts';
import { onBoth } from '../../rig/memory.ts';
import { smsAt } from '../../rig/story.ts';

const AT = 1_795_303_200_000;
/** The words of SQL that take something away which the version before may use. An index is no such thing. */
const TAKES_AWAY =
  /\bdrop\s+(table|column)\b|\brename\b|\balter\s+column\b|\badd\s+column\b(?![^;]*\bdefault\b)[^;]*\bnot\s+null\b/i;

test('every migration only adds', () => {
  const steps = migrations();
  expect(steps.map(({ number }) => number)).toEqual(steps.map((_, i) => i + 1));
  for (const { number, text } of steps)
    expect(TAKES_AWAY.test(text.replaceAll(/--.*$/gm, '')), `${number}`).toBe(false);
  for (const text of [
    'drop table message',
    'alter table message rename column a to b',
    'alter table message add column a text not null',
  ])
    expect(TAKES_AWAY.test(text)).toBe(true);
});

onBoth((open) => {
  test('works on what a newer version has added to', async () => {
    const memory = await open();
    try {
      await memory.db.transaction(async (sql) => {
        await sql.run("alter table message add column later text not null default ''");
        await sql.run('create table later (id text primary key)');
        await sql.run(
          memory.db.kind === 'sqlite'
            ? 'pragma user_version = 900'
            : 'insert into schema_version (number) values (900)',
        );
      });
      await memory.reopen();
      const sms = smsAt(AT);
      await memory.feed(sms, AT);
      expect(await memory.rows('select id, later from message')).toEqual([{ id: sms.id, later: '' }]);
    } finally {
      await memory.close();
    }
  });
});

test('the log has one line about it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'hermod-newer-'));
  const lines: string[] = [];
  const log = pino({ base: null, timestamp: false }, { write: (line) => void lines.push(line) });
  const file = join(dir, 'ledger.sqlite');
  const first = await openDatabase(file, undefined, log);
  await first.transaction((sql) => sql.run('pragma user_version = 900'));
  await first.close();
  expect(lines).toEqual([]);
  await (await openDatabase(file, undefined, log)).close();
  expect(lines).toEqual([expect.stringContaining('"msg":"the database is of a newer version: this one works on')]);
  rmSync(dir, { recursive: true });
});
