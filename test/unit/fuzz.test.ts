// The fuzzer of test/fuzz in its short form: a fixed seed and a second of CPU time for each parser, a minute with HERMOD_FULL=1.
// It runs as a process of its own, so that V8 counts the blocks of our files as they stand.
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { Coverage } from '../fuzz/coverage.ts';
import { fuzz, type Target } from '../fuzz/fuzz.ts';

const FUZZ = resolve(import.meta.dirname, '../fuzz');
const MS = process.env.HERMOD_FULL ? 60_000 : 1_000;
const DEADLINE_MS = 20 * MS + 120_000;

test(
  'no parser throws what it does not declare, takes long or swells, over inputs that reach ever more of it',
  async () => {
    const args = [join(FUZZ, 'run.ts'), '--seed', '1', '--ms', String(MS)];
    const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 26 }).catch(
      (ended) => ended,
    );
    const results = (stdout as string)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    // What it reaches differs from run to run by the machine's pace; that it found nothing must not.
    expect(results.flatMap(({ findings }) => findings)).toEqual([]);
    expect(results.map(({ target }) => target).sort()).toEqual(readdirSync(join(FUZZ, 'corpus')).sort());
    for (const { target, runs, blocks } of results) {
      expect(runs, target).toBeGreaterThan(100);
      expect(blocks, target).toBeGreaterThan(10);
    }
  },
  DEADLINE_MS,
);

test('it finds a way that no chance would: what is guarded by four octets, one after another', async () => {
  const ran = new Set<string>();
  const coverage: Coverage = () => {
    const now = new Set(ran);
    ran.clear();
    return now;
  };
  const target: Target = {
    name: 'guarded',
    read(input) {
      for (const [i, octet] of [...'HURT'].entries()) {
        if (input[i] !== octet.charCodeAt(0)) return undefined;
        ran.add(octet);
      }
      throw new TypeError('found');
    },
    declares: (error) => error instanceof RangeError,
    words: ['x'],
    most: 8,
  };
  const { findings } = await fuzz(target, [Buffer.from('aaaa')], coverage, { seed: 1, ms: 60_000 });
  expect(findings[0]).toMatchObject({ target: 'guarded', what: expect.stringContaining('found') });
  expect(findings[0]!.input.toString('latin1')).toMatch(/^HURT/);
}, 90_000);

test.each([
  ['an error that is not declared', () => JSON.parse('{'), /^throws SyntaxError/],
  ['an output without measure', () => 'x'.repeat(100_000), /^gives 100002 characters/],
  [
    'time without measure',
    () => {
      // Asking for the time is the system's time, not ours: seldom.
      const before = process.cpuUsage();
      let sum = 0;
      while (process.cpuUsage(before).user < 1_100_000) for (let i = 0; i < 3_000_000; i++) sum += i % 7;
      return sum;
    },
    /^takes \d+ ms/,
  ],
])(
  '%s is a finding',
  async (_what, read, wanted) => {
    const target: Target = { name: 'x', read, declares: () => false, words: ['x'], most: 8 };
    const { findings } = await fuzz(target, [Buffer.from('a')], () => new Set(), { seed: 1, ms: 0 });
    expect(findings[0]!.what).toMatch(wanted);
  },
  120_000,
);
