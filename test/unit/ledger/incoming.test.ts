// Messages from handsets in the ledger: once per provider and its id, and no text in the file.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ReportOf } from '#shared/messages/report.ts';
import { openSeal, secretIn } from '../../../services/ledger/seal.ts';
import { type Memory, onBoth } from '../../rig/memory.ts';

const NOW = 1_795_296_456_000;

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

onBoth((open) => {
  let memory: Memory;
  beforeEach(async () => {
    memory = await open();
  });
  afterEach(() => memory.close());
  const keep = (report: ReportOf<'incoming'>) => memory.feed(report, NOW);
  const rows = () => memory.rows('select * from incoming order by id');

  test('once per provider and id; without an id each is another one', async () => {
    for (const provider of ['main', 'main', 'other']) await keep(incoming({ provider, providerId: '17' }));
    expect((await rows()).map(({ provider }) => provider)).toEqual(['main', 'other']);
    await keep(incoming({}));
    await keep(incoming({}));
    expect(await rows()).toHaveLength(4);
  });

  test('the text is sealed: not in the database, and readable with the key for its own row only', async () => {
    await keep(incoming({ providerId: '1', concat: { reference: 7, total: 2, part: 1 } }));
    for (const name of readdirSync(memory.dir))
      expect(readFileSync(join(memory.dir, name)).includes('STOP')).toBe(false);
    const [row] = await rows();
    expect(row).toMatchObject({
      sender: '447700900123',
      number: '12345',
      concat: '{"reference":7,"total":2,"part":1}',
    });
    expect(memory.seal.open(String(row!.sealed), 'main')).toBe('STOP everything now');
    expect(() => memory.seal.open(String(row!.sealed), 'other')).toThrow();
    expect(() => openSeal('another secret of thirty-two octets').open(String(row!.sealed), 'main')).toThrow();
  });
});

test('a key file is written once, for its owner; one that is cut off is refused in one line', () => {
  const dir = mkdtempSync(join(tmpdir(), 'hermod-key-'));
  const file = join(dir, 'new.key');
  expect(secretIn(file)).toBe(secretIn(file));
  expect(statSync(file).mode & 0o777).toBe(0o600);
  truncateSync(file, 10);
  expect(() => secretIn(file)).toThrow(/new\.key is shorter than 32 characters/);
  rmSync(dir, { recursive: true });
});
