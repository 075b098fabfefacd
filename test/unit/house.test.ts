// The plan of the house: who may import what. A service is its own folder, `#shared` and packages, never another service.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const files = globSync(['services/**/*.ts', 'shared/**/*.ts', 'deploy/**/*.ts'], { cwd: ROOT }).filter(
  (file) => !file.endsWith('.d.ts'),
);

/** Files of ours that a file imports, from the root. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const names = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!);
  return names.flatMap((name) => {
    if (name.startsWith('#shared/')) return [name.replace('#shared/', 'shared/')];
    return name.startsWith('.') ? [relative(ROOT, resolve(ROOT, dirname(file), name))] : [];
  });
}

test('there is something to look at', () => {
  expect(files.length).toBeGreaterThan(100);
  expect(importsOf('services/router/main.ts')).toContain('shared/topology.ts');
});

describe('imports', () => {
  test.each(files.filter((file) => file.startsWith('services/')))('%s', (file) => {
    const own = file.split('/').slice(0, 2).join('/');
    const foreign = importsOf(file).filter(
      (name) => !name.startsWith(`${own}/`) && !name.startsWith('shared/') && name !== 'package.json',
    );
    expect(foreign).toEqual([]);
  });

  test('shared imports only shared', () => {
    const foreign = files
      .filter((file) => file.startsWith('shared/'))
      .flatMap((file) => importsOf(file).filter((name) => !name.startsWith('shared/')));
    expect(foreign).toEqual([]);
  });
});

test('only the ledger touches the database, and only topology.ts spells the names of work queues', () => {
  const databases = files.filter((file) => /from '(node:sqlite|pg)'/.test(readFileSync(join(ROOT, file), 'utf8')));
  expect(databases.filter((file) => !file.startsWith('test/')).sort()).toEqual([
    'services/ledger/database/dump.ts',
    'services/ledger/database/postgres.ts',
    'services/ledger/database/sqlite.ts',
  ]);
  const spelled = files.filter((file) =>
    /['"`](?:router|egress|retry|dead|deliver|bind)\.\$?[{a-z]/.test(readFileSync(join(ROOT, file), 'utf8')),
  );
  expect(spelled).toEqual(['shared/topology.ts']);
});

test('every service begins with what it is, and is known to the runner', () => {
  const services = readFileSync(join(ROOT, 'deploy/services.ts'), 'utf8');
  for (const file of files.filter((name) => /^services\/[^/]+\/main\.ts$/.test(name))) {
    const name = file.split('/')[1]!;
    expect(readFileSync(join(ROOT, file), 'utf8').startsWith('// '), file).toBe(true);
    if (name !== 'sandbox') expect(services).toContain(`../services/${name}/main.ts`);
  }
});
