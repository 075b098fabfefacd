// Messages from handsets in the ledger: once per provider and its id, and no text in the file.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ReportOf } from '#shared/messages/report.ts';
import { type Database, openDatabase } from '../../../services/ledger/database.ts';
import { openRecorder, type Recorder } from '../../../services/ledger/record.ts';
import { openSeal, secretIn } from '../../../services/ledger/seal.ts';

const NOW = 1_795_296_456_000;
let dir: string;
let db: Database;
let recorder: Recorder;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hermod-incoming-'));
  db = openDatabase(join(dir, 'ledger.sqlite'));
  recorder = openRecorder(db, {
    seal: openSeal(secretIn(join(dir, 'ledger.key'))),
    accountOf: () => '',
    retries: [1_000],
    giveUpAfter: 1_000,
    onUntold: () => {},
    onFinal: () => {},
  });
});
afterEach(() => {
  db.close();
  rmSync(dir, { recursive: true });
});

const incoming = (more: Partial<ReportOf<'incoming'>>): ReportOf<'incoming'> => ({
  v: 1,
  type: 'report',
  kind: 'incoming',
  at: NOW,
  provider: 'main',
  from: '447700900123',
  to: '12345',
  text: 'STOP everything now',
  ...more,
});
const keep = (report: ReportOf<'incoming'>) => db.transaction(() => recorder.record(report, NOW));
const rows = () => db.statement('select * from incoming order by id').all();

test('once per provider and id; without an id each is another one', () => {
  for (const provider of ['main', 'main', 'other']) keep(incoming({ provider, providerId: '17' }));
  expect(rows().map(({ provider }) => provider)).toEqual(['main', 'other']);
  keep(incoming({}));
  keep(incoming({}));
  expect(rows()).toHaveLength(4);
});

test('the text is sealed: not in the file or its log, and readable with the key for its own row only', () => {
  keep(incoming({ providerId: '1', concat: { reference: 7, total: 2, part: 1 } }));
  for (const name of readdirSync(dir)) expect(readFileSync(join(dir, name)).includes('STOP')).toBe(false);
  const [row] = rows();
  expect(row).toMatchObject({ sender: '447700900123', number: '12345', concat: '{"reference":7,"total":2,"part":1}' });
  const seal = openSeal(secretIn(join(dir, 'ledger.key')));
  expect(seal.open(String(row!.sealed), 'main')).toBe('STOP everything now');
  expect(() => seal.open(String(row!.sealed), 'other')).toThrow();
  expect(() => openSeal('another secret of thirty-two octets').open(String(row!.sealed), 'main')).toThrow();
});

test('a key file is written once, for its owner; one that is cut off is refused in one line', () => {
  const file = join(dir, 'new.key');
  expect(secretIn(file)).toBe(secretIn(file));
  expect(statSync(file).mode & 0o777).toBe(0o600);
  truncateSync(file, 10);
  expect(() => secretIn(file)).toThrow(/new\.key is shorter than 32 characters/);
});
