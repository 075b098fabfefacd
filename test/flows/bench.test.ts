// The bench itself, small: Hermod and Kannel on its rig, at a fixed rate and at full speed with receipts and callbacks;
// nothing is lost, nothing comes twice, and its table is made of what was measured.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeAll, expect, test } from 'vitest';
import { topology } from '#shared/topology.ts';
import type { Row } from '../load/compared.ts';
import { comparisonText, type Told } from '../load/comparison-table.ts';
import { emptyQueues } from '../rig/queues.ts';

const BENCH = resolve(import.meta.dirname, '../load/bench.ts');
const MESSAGES = 200;
const SMALL = ['--rounds', '1', '--seconds', '1', '--fixed-seconds', '1', '--warm-up', '20', '--wait', '30'];

// The queues are shared with the other tests of this run, and the bench takes only a broker of its own: begin empty.
beforeAll(() => emptyQueues(process.env.AMQP_URL!, topology([])));

async function bench(...args: string[]): Promise<{ code: number; output: string; errors: string }> {
  const child = spawn(process.execPath, [BENCH, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code, output, errors };
}

test('a small comparison', async () => {
  const { code, output, errors } = await bench(
    ...['--against', 'kannel', '--stores', 'none', '--only', 'rate-200,callbacks-10', ...SMALL, '--json'],
    ...['--messages', String(MESSAGES)],
  );
  expect(code, errors).toBe(0);
  const told = JSON.parse(output) as Told;
  const seen = told.rows.map(({ system, case: name }) => `${system} ${name}`);
  expect(seen).toEqual(['hermod rate-200', 'hermod callbacks-10', 'none rate-200', 'none callbacks-10']);
  for (const { raw, unfinished } of told.rows as Required<Row>[]) {
    const { sent, accepted, lost, duplicated, callbacks } = raw;
    expect({ unfinished, lost, duplicated, accepted }, errors).toEqual({
      unfinished: 0,
      lost: 0,
      duplicated: 0,
      accepted: sent,
    });
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThanOrEqual(MESSAGES);
    if (raw.case.callbacks) expect(callbacks).toMatchObject({ made: 2 * accepted, lost: 0, duplicated: 0 });
  }
  expect(comparisonText(told)).toMatch(/At 200\/s: request → SMSC p50 +[\d.]+ ms +[\d.]+ ms/);
}, 120_000);

test('a wrong command line is one line', async () => {
  const { code, output, errors } = await bench('--against', 'postfix');
  expect({ code, output, errors }).toEqual({ code: 2, output: '', errors: 'bench: --against takes kannel\n' });
});
