// Runs the fuzzer: node test/fuzz/run.ts [--seed N] [--ms N] [--target NAME] [--keep]. Each target gets `ms` of CPU time; prints
// a line of JSON for each, and writes what was found to var/fuzz: a case for test/fuzz/corpus once it is mended. With --keep
// the inputs that went new ways join the corpus.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startCoverage } from './coverage.ts';
import { corpusOf, fuzz } from './fuzz.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const FOUND = join(ROOT, 'var/fuzz');
const ours = [`file://${ROOT}/shared/`, `file://${ROOT}/services/`];

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    ms: { type: 'string', default: '1000' },
    target: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
});
const coverage = startCoverage((url) => ours.some((folder) => url.startsWith(folder)));
const { TARGETS } = await import('./targets.ts');
const nameOf = (input: Buffer) => createHash('sha256').update(input).digest('hex').slice(0, 12);
let found = 0;
for (const target of TARGETS.filter(({ name }) => values.target === undefined || name === values.target)) {
  const folder = join(import.meta.dirname, 'corpus', target.name);
  const corpus = corpusOf(folder);
  const result = await fuzz(target, corpus, coverage, { seed: Number(values.seed), ms: Number(values.ms) });
  const findings = result.findings.map(({ input, what }) => {
    mkdirSync(FOUND, { recursive: true });
    const file = join(FOUND, `${target.name}-${nameOf(input)}`);
    writeFileSync(file, input);
    return { what, file };
  });
  found += findings.length;
  if (values.keep) for (const input of result.kept) writeFileSync(join(folder, nameOf(input)), input);
  process.stdout.write(`${JSON.stringify({ ...result, kept: result.kept.length, findings })}\n`);
}
process.exit(found === 0 ? 0 : 1);
