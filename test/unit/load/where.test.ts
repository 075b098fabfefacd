// The table of where CPU time goes: a real profile of this process, and one written by hand whose shares are known.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Profile, sharesOf, whereTable } from '../../load/where.ts';

const node = (id: number, functionName: string, url: string, ...children: number[]) => ({
  id,
  callFrame: { functionName, url },
  children,
});
const BY_HAND: Profile = {
  nodes: [
    node(1, '(root)', '', 2, 3, 4, 5, 6),
    node(2, '(idle)', ''),
    node(3, 'runMain', 'node:internal/modules/run_main', 7),
    node(4, 'writev', ''),
    node(5, 'run', 'file:///app/services/ledger/database/sqlite.ts'),
    node(6, 'judge', 'file:///app/services/router/judge.ts', 8),
    node(7, 'setUp', 'file:///app/services/router/main.ts'),
    node(8, 'parse', 'file:///app/node_modules/zod/v4/core/parse.js'),
  ],
  samples: [2, 7, 4, 5, 6, 8],
  timeDeltas: [9_000, 5_000, 100, 300, 500, 100],
};

test('shares leave out idle time and start-up', () => {
  expect(Object.fromEntries(sharesOf(BY_HAND))).toEqual({
    'kernel: sockets written': 0.1,
    SQLite: 0.3,
    'the rules of the service': 0.5,
    'checks of envelopes (zod)': 0.1,
  });
});

test('a profile of V8 is all accounted for, and the columns add up', async () => {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.start');
  for (const end = performance.now() + 50; performance.now() < end; ) JSON.parse(JSON.stringify(BY_HAND));
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  const shares = [...sharesOf(profile as Profile).values()];
  expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1);
  const dir = mkdtempSync(join(tmpdir(), 'hermod-where-'));
  try {
    for (const name of ['router', 'ledger']) writeFileSync(join(dir, `${name}.cpuprofile`), JSON.stringify(BY_HAND));
    const process = { part: 'system', busy: 1, residentMb: 1 } as const;
    const rows = whereTable(dir, [
      { ...process, name: 'router', cpuUs: 10 },
      { ...process, name: 'ledger', cpuUs: 30 },
      { ...process, name: 'broker', cpuUs: 99 },
    ]).split('\n');
    expect(rows[0]).toBe('| µs of CPU per message | router | ledger | together |');
    expect(rows).toContain('| SQLite | 3.0 | 9.0 | 12.0 |');
    expect(rows.at(-1)).toBe('| all | 10.0 | 30.0 | 40.0 |');
  } finally {
    rmSync(dir, { recursive: true });
  }
});
