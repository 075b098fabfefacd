// Fills the image's cache of compiled code while it is built: its user may not write there later, only read.
//   node deploy/warm.ts FOLDER UID
import { spawnSync } from 'node:child_process';
import { chmodSync, globSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { SERVICES } from './services.ts';

const ROOT = resolve(import.meta.dirname, '..');
const IMPORT_ALL =
  "for (const file of process.argv.slice(1)) await import('./' + file).catch(() => {}); process.exit()";
/** Each loads what it needs, finds nothing to work with, and ends: a cache is written at the end. */
const LOADS = [
  // Also what a service loads only where the configuration asks for it.
  [
    '--input-type=module',
    '--eval',
    IMPORT_ALL,
    '--',
    ...globSync(['shared/**/*.ts', 'services/**/*.ts'], { cwd: ROOT }),
  ],
  ['deploy/host.ts', '--services', Object.keys(SERVICES).join(','), '--config', 'none'],
  ['deploy/cli/hermod.ts', 'setup', '--config', 'none'],
  ['deploy/health.ts', '1'],
  ['services/sandbox/main.ts', '--smpp-port', 'none'],
];

const [folder, uid] = process.argv.slice(2);
if (!folder || !/^\d+$/.test(uid ?? '')) {
  process.stderr.write('node deploy/warm.ts FOLDER UID\n');
  process.exit(2);
}
const cache = resolve(folder);
// Portable: files are found again where the whole tree has been moved.
const env = { ...process.env, NODE_COMPILE_CACHE: cache, NODE_COMPILE_CACHE_PORTABLE: '1' };
mkdirSync(cache, { recursive: true });
for (const args of LOADS) spawnSync(process.execPath, args, { cwd: ROOT, env, stdio: 'ignore' });

// Node keeps a folder for each user, named with the number, and its files to that user alone.
const [mine] = readdirSync(cache);
if (!mine) throw new Error(`nothing was compiled into ${cache}`);
const theirs = join(cache, mine.replace(/\d+$/, uid!));
renameSync(join(cache, mine), theirs);
for (const name of readdirSync(theirs)) chmodSync(join(theirs, name), 0o444);
for (const path of [theirs, cache]) chmodSync(path, 0o555);
