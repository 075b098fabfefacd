// What the command line prints comes from clients, providers and handsets: nothing of it may steer a terminal.
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { harmless } from '../../../deploy/cli/output.ts';

const OUTPUT = resolve(import.meta.dirname, '../../../deploy/cli/output.ts');

test.each([
  ['a title', '\x1b]0;owned\x07text'],
  ['a clipboard', '\x1b]52;c;ZXZpbA==\x07'],
  ['a cleared screen', '\x1b[2J\x1b[H'],
  ['a C1 control sequence', '\x9b2J'],
  ['a line of its own', 'delivered\r\n00:00:00  forged line'],
  ['backspaces', 'failed\b\b\b\b\b\bdelivered'],
  ['text from right to left', 'invoice \u202etxt.exe\u202c'],
  ['isolates', '\u2066hidden\u2069'],
  ['line separators', 'one\u2028two\u2029three'],
  ['a hidden colour that is not ours', '\x1b[8mhidden\x1b[0m'],
])('%s in a text is shown and not obeyed', (_what, words) => {
  const shown = harmless(words);
  expect(shown).not.toMatch(/[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/);
  expect(shown).toContain('·');
});

test('any text: only the colours that the command makes are left', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (words) => {
      const left = harmless(words).replaceAll(/\x1b\[(?:2|22|3[123]|39)m/g, '');
      expect(left).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/);
    }),
  );
});

test('lines, warnings and JSON are printed that way', () => {
  const evil = 'a\x1b]0;x\x07\x9b2J\u202eb';
  const print = (call: string) => {
    const code = `import { say, sayJson, warn } from ${JSON.stringify(OUTPUT)}; ${call}(${JSON.stringify(evil)});`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', code], {
      encoding: 'utf8',
    });
    return stdout + stderr;
  };
  for (const call of ['say', 'warn']) expect(print(call)).toBe('a·]0;x··2J·b\n');
  expect(print('sayJson')).toBe('"a\\u001b]0;x\\u0007\\u009b2J\u202eb"\n');
});
