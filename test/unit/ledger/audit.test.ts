// The audit log in both databases: an entry and its end once each, found by who, what, about what and when.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { newId } from '#shared/messages/id.ts';
import type { ReportOf } from '#shared/messages/report.ts';
import { listEntries } from '../../../services/ledger/answers/audit.ts';
import { mayHaveMore, retentionSteps } from '../../../services/ledger/clock/retention.ts';
import { type Memory, onBoth } from '../../rig/memory.ts';

const NOW = 1_795_296_456_000;
const HOUR = 3_600_000;

const report = (more: Partial<ReportOf<'audit'>>): ReportOf<'audit'> => ({
  v: 1,
  type: 'report',
  kind: 'audit',
  at: NOW,
  entry: newId(NOW),
  step: 0,
  user: 'anna',
  address: '192.0.2.7',
  action: 'pause',
  object: 'provider main',
  result: 'tried',
  detail: '',
  ...more,
});

onBoth((open) => {
  let memory: Memory;
  beforeEach(async () => {
    memory = await open();
  });
  afterEach(() => memory.close());
  const list = async (more: Partial<Parameters<typeof listEntries>[1]> = {}) =>
    listEntries(memory.db.read, { ask: 'audit', since: 0, limit: 100, ...more });

  test('tried, and then how it ended; a repeat changes nothing', async () => {
    const tried = report({});
    await memory.feed([tried, tried], NOW);
    expect((await list()).entries).toMatchObject([{ user: 'anna', result: 'tried', endedAt: null, detail: '' }]);
    await memory.feed(report({ entry: tried.entry, step: 1, at: NOW + 5, result: 'failed', detail: 'gone' }), NOW);
    await memory.feed(report({ entry: tried.entry, step: 1, at: NOW + 9, result: 'done' }), NOW);
    expect((await list()).entries).toMatchObject([{ at: NOW, result: 'failed', endedAt: NOW + 5, detail: 'gone' }]);
  });

  test('found by person, action, beginning of the object, and time; page by page', async () => {
    const all = Array.from({ length: 5 }, (_, i) =>
      report({ entry: newId(NOW + i * HOUR), at: NOW + i * HOUR, user: `user${i % 2}`, object: `message ${i}_%` }),
    );
    await memory.feed(all, NOW);
    const times = async (more: Parameters<typeof list>[0]) =>
      (await list(more)).entries.map(({ at }) => (Number(at) - NOW) / HOUR);
    expect(await times({})).toEqual([4, 3, 2, 1, 0]);
    expect(await times({ user: 'user1' })).toEqual([3, 1]);
    expect(await times({ since: NOW + 3 * HOUR })).toEqual([4, 3]);
    expect(await times({ object: 'message 2_%' })).toEqual([2]);
    expect(await times({ object: 'message ' })).toHaveLength(5);
    expect(await times({ object: 'message _' })).toEqual([]);
    expect(await times({ action: 'resume' })).toEqual([]);
    const { next } = await list({ limit: 2 });
    expect(next).toBe(all[3]!.entry);
    expect(await times({ before: next as string, limit: 2 })).toEqual([2, 1]);
  });

  test('kept for good, unless retention.audit says otherwise', async () => {
    const old = report({ entry: newId(NOW - 10 * HOUR) });
    await memory.feed([old, report({ entry: old.entry, step: 1, result: 'done' }), report({})], NOW);
    const times = { texts: undefined, incoming: HOUR, numbers: HOUR, messages: HOUR };
    for (const [audit, left] of [
      [undefined, 2],
      [9 * HOUR, 1],
    ] as const) {
      for (const step of retentionSteps({ ...times, audit }, memory.seal))
        while (mayHaveMore(await memory.db.transaction((sql) => step(sql, NOW)))) {}
      expect((await list()).entries).toHaveLength(left);
    }
    expect(await memory.rows('select * from audit')).toHaveLength(1);
  });
});
