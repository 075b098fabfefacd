// The ledger's database in hostile hands: questions that carry SQL, and files that others could read or write.
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openAnswers } from '../../../services/ledger/answers/answers.ts';
import { secretIn } from '../../../services/ledger/seal.ts';
import { type Memory, openMemory } from '../../rig/memory.ts';
import { smsAt } from '../../rig/story.ts';

const EVIL = [
  "' or '1'='1",
  "x' union select 1,2,3 --",
  '1; drop table message',
  '%',
  '_',
  '$1',
  "\\' or 1=1 --",
  '\0',
];
const AT = Date.now();
let memory: Memory;
beforeEach(async () => {
  memory = await openMemory();
});
afterEach(() => memory.close());

test('no question of a search is read as SQL', async () => {
  await memory.feed([smsAt(AT), smsAt(AT, { client: 'other' })], AT);
  const unused = () => Promise.reject(new Error('not asked'));
  const writer = { run: <T>(work: (sql: never) => Promise<T>) => memory.db.transaction(work as never) as Promise<T> };
  const ledger = openAnswers({
    db: memory.db,
    writer,
    seal: memory.seal,
    cancel: unused,
    again: unused,
    onHeld: () => {},
    onSuppressed: () => {},
  });
  const ask = (question: object) =>
    ledger.answer(question).then(
      (answer) => (answer as { messages: unknown[] }).messages.length,
      (error: Error) => error.message,
    );
  expect(await ask({ ask: 'list', client: 'test' })).toBe(1);
  const refused = /^the ledger does not understand this question/;
  for (const evil of EVIL) {
    for (const field of ['client', 'state', 'provider']) {
      const found = await ask({ ask: 'list', [field]: evil });
      if (found !== 0) expect(found, `${field}: ${evil}`).toMatch(refused);
    }
    for (const field of ['to', 'digits', 'before', 'since', 'limit'])
      expect(await ask({ ask: 'list', [field]: evil }), `${field}: ${evil}`).toMatch(refused);
    expect(await ask({ ask: 'find', digits: evil, since: 0 }), evil).toMatch(refused);
    expect(await ask({ ask: 'message', id: evil }), evil).toMatch(refused);
    await ledger.answer({ ask: 'pause', provider: evil, paused: true });
  }
  expect((await ledger.held()).providers).toEqual(EVIL);
  expect(await ask({ ask: 'list' })).toBe(2);
});

test('database, log and key are for their owner alone', async () => {
  await memory.feed(smsAt(AT), AT);
  const files = readdirSync(memory.dir).filter((name) => name.startsWith('ledger.sqlite'));
  expect(files).toContain('ledger.sqlite-wal');
  for (const name of files) expect(statSync(join(memory.dir, name)).mode & 0o777, name).toBe(0o600);
});

test('a key that others could have written is none, through a link neither', () => {
  const dir = mkdtempSync(join(tmpdir(), 'hermod-key-'));
  try {
    const file = join(dir, 'key');
    writeFileSync(file, 'k'.repeat(43));
    for (const mode of [0o620, 0o602, 0o666]) {
      chmodSync(file, mode);
      expect(() => secretIn(file)).toThrow(/^the ledger's key \S+ can be written by others[^\n]*$/);
    }
    symlinkSync(file, join(dir, 'link'));
    expect(() => secretIn(join(dir, 'link'))).toThrow('can be written by others');
    chmodSync(file, 0o640);
    expect(secretIn(join(dir, 'link'))).toBe('k'.repeat(43));
  } finally {
    rmSync(dir, { recursive: true });
  }
});
