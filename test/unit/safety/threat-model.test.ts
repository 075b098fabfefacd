// deploy/docs/threat-model.md names a test for each line: they exist, under these titles.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../../..');
const page = readFileSync(join(ROOT, 'deploy/docs/threat-model.md'), 'utf8');

/** Lines of the second table: what is tried, what holds it, and the tests, each `file`: title. */
const LINES = page
  .slice(page.indexOf('## What they can try'))
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| **') && !line.startsWith('| what |'))
  .map((line) => line.slice(2, -2).split(' | '));

/** Every text in quotes in a source file, as it is at run time: titles, and the names of cases in `test.each`. */
function titlesIn(file: string): Set<string> {
  const source = readFileSync(join(ROOT, file), 'utf8');
  const quoted = source.matchAll(/'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"/g);
  return new Set([...quoted].map(([, single, double]) => (single ?? double)!.replaceAll(/\\(['"\\])/g, '$1')));
}

test('the table has its lines', () => {
  expect(LINES.length).toBeGreaterThan(50);
  expect(new Set(LINES.map(([what]) => what)).size).toBe(LINES.length);
});

describe('each line says what holds it, and names tests that exist', () => {
  test.each(LINES)('%s', (what, holds, tests, ...more) => {
    expect(more).toEqual([]);
    expect(what!.length * holds!.length).toBeGreaterThan(0);
    for (const one of tests!.split('<br>')) {
      const [, file = '', title = ''] = /^`(test\/[\w./-]+\.test\.ts)`: (.+)$/.exec(one) ?? [];
      expect(file, one).not.toBe('');
      expect(existsSync(join(ROOT, file)), file).toBe(true);
      expect(titlesIn(file), `${file}: ${title}`).toContain(title);
    }
  });
});
