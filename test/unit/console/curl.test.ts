// The request that the console offers for a terminal: what a shell makes of it is the request that was meant.
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';

// A page's module, which has no types.
const { curlOf } = await import(String(new URL('../../../services/console/public/pages/curl.js', import.meta.url)));

const KNOWN = {
  ...{ url: 'http://127.0.0.1:13013', client: 'ise', from: '12345', lane: 'urgent' },
  ...{ acceptedAt: 1_000, expiry: 121_000 },
};

test('what is hidden stands in capitals', () => {
  const line = curlOf(KNOWN, {});
  expect(line).toContain("-u 'ise:PASSWORD'");
  expect(line).toContain('"to":"NUMBER","text":"TEXT","from":"12345","lane":"urgent","validity":"120s"');
});

test('a short code has no plus', () => {
  expect(curlOf(KNOWN, { number: '80800' })).toContain('"to":"80800"');
  expect(curlOf(KNOWN, { number: '447700900123' })).toContain('"to":"+447700900123"');
});

test('whatever the text is, the shell hands it over as it is', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 60 }).filter((text) => !text.includes('\0')),
      (text) => {
        const line = curlOf(KNOWN, { number: '447700900123', text }).replace(/^curl/, 'printf "%s\\n"');
        const words = execFileSync('/bin/sh', ['-c', line], { encoding: 'utf8' }).split('\n');
        expect(JSON.parse(words.at(-2)!)).toMatchObject({ text });
      },
    ),
    { numRuns: 20 },
  );
});
