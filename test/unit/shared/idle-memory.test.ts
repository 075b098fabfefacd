// A process gives back what it does not need any more, once it rests: seen from outside, by its resident memory.
import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { memoryOf } from '../../load/measure.ts';
import { until } from '../../rig/until.ts';

const MODULE = resolve(import.meta.dirname, '../../../shared/idle-memory.ts');
let child: ChildProcess | undefined;
afterEach(() => void child?.kill('SIGKILL'));

const LOOK_MS = 300;
/** Each message: some time of work, with 100 MB left behind. */
const PROGRAM = `
import { collectAtRest } from ${JSON.stringify(MODULE)};
process.on('message', () => {
  for (const end = performance.now() + ${2 * LOOK_MS}; performance.now() < end; );
  const { length } = Array.from({ length: 1_000_000 }, (_, i) => ({ i, list: [i] }));
  process.send(length);
});
collectAtRest(${LOOK_MS});
process.send('up');
`;

test('what a start and a time of work left behind is given back at rest', async () => {
  const own = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  child = own;
  const heard = () => new Promise((done) => own.once('message', done));
  const mb = () => memoryOf([own.pid!]).residentMb;
  await heard();
  for (const _ of ['after the start', 'after work']) {
    const answer = heard();
    own.send('work');
    await answer;
    const filled = mb();
    expect(filled).toBeGreaterThan(100);
    await until('memory is given back', () => mb() < filled - 40);
  }
}, 30_000);
