// `npm test`: every check in its short form, one after another, each with its time; --quick is the developer's subset.
// Ends with the sum of all tests, and with exit code 1 when a part failed.
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const BIN = resolve(ROOT, 'node_modules/.bin');
const quick = process.argv.includes('--quick');

type Part = { name: string; command: string; args: string[]; quick: boolean };
/** Flows that touch every service once. */
const QUICK_FLOWS = ['ise', 'bus', 'ingress-http', 'admin', 'callbacks', 'mail.test'];
const vitest = (project: string): string[] => [
  'run',
  '--project',
  project,
  '--reporter',
  'dot',
  '--silent=passed-only',
];
const PARTS: Part[] = [
  { name: 'types', command: 'tsc', args: ['--noEmit'], quick: true },
  { name: 'lint', command: 'biome', args: ['check', '--error-on-warnings', '.'], quick: true },
  { name: 'unit', command: 'vitest', args: vitest('unit'), quick: true },
  { name: 'flows', command: 'vitest', args: [...vitest('flows'), ...(quick ? QUICK_FLOWS : [])], quick: true },
  { name: 'faults', command: 'vitest', args: vitest('faults'), quick: false },
];

/** Runs one part; its output is shown as it comes. Resolves with the numbers that vitest prints. */
function run({ command, args }: Part): Promise<{ ok: boolean; passed: number; failed: number }> {
  return new Promise((done) => {
    const env = { ...process.env, PATH: `${BIN}:${process.env.PATH}`, NO_COLOR: '1' };
    const child = spawn(resolve(BIN, command), args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      process.stdout.write(chunk);
      output += chunk;
    });
    child.on('exit', (code) => {
      const line = /^\s*Tests\s+(.*)$/m.exec(output)?.[1] ?? '';
      const number = (word: string) => Number(new RegExp(`(\\d+) ${word}`).exec(line)?.[1] ?? 0);
      const isTests = args[0] === 'run';
      // A run of tests without a test, or with a skipped one, proves nothing: it fails.
      const empty = isTests && (number('passed') === 0 || number('skipped') + number('todo') > 0);
      if (empty) process.stdout.write('a test was skipped, or none ran: that counts as a failure\n');
      done({
        ok: code === 0 && !empty,
        passed: isTests ? number('passed') : Number(code === 0),
        failed: isTests ? number('failed') : Number(code !== 0),
      });
    });
  });
}

const times: string[] = [];
let passed = 0;
let failed = 0;
let ok = true;
for (const part of PARTS.filter((candidate) => candidate.quick || !quick)) {
  process.stdout.write(`\n── ${part.name}\n`);
  const startedAt = performance.now();
  const result = await run(part);
  times.push(`${part.name} ${((performance.now() - startedAt) / 1_000).toFixed(1)} s${result.ok ? '' : ' FAILED'}`);
  passed += result.passed;
  failed += result.failed + Number(!result.ok && result.failed === 0);
  ok &&= result.ok;
}
process.stdout.write(`\n${times.join(' · ')}\n\n${passed} passed, ${failed} failed\n`);
process.exitCode = ok ? 0 : 1;
