// Compiled code is run as it is found: only a folder of our own that is closed to everybody else may keep it.
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compileCache } from '../../deploy/compile-cache.mjs';

const ROOT = resolve(import.meta.dirname, '../..');
let modules: string;
let folder: string;
beforeEach(() => {
  modules = mkdtempSync(join(tmpdir(), 'hermod-modules-'));
  folder = join(modules, '.hermod-cache');
});
afterEach(() => rmSync(modules, { recursive: true, force: true }));

test('it is made below node_modules for its user alone, and found again', () => {
  expect(compileCache(modules)).toBe(folder);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(compileCache(modules)).toBe(folder);
});

describe('not used', () => {
  test.each([0o777, 0o770, 0o720, 0o702, 0o755])('a folder that others may enter or write: %o', (mode) => {
    mkdirSync(folder);
    chmodSync(folder, mode);
    expect(compileCache(modules)).toBeUndefined();
  });

  test('a link to another folder', () => {
    const elsewhere = join(modules, 'elsewhere');
    mkdirSync(elsewhere, { mode: 0o700 });
    symlinkSync(elsewhere, folder);
    expect(compileCache(modules)).toBeUndefined();
  });

  test("another user's folder, and another user's node_modules", () => {
    if (process.getuid!() !== 0) {
      expect(compileCache('/usr')).toBeUndefined();
      return;
    }
    mkdirSync(folder, { mode: 0o700 });
    chownSync(folder, 10_001, 10_001);
    expect(compileCache(modules)).toBeUndefined();
    rmSync(folder, { recursive: true });
    chownSync(modules, 10_001, 10_001);
    expect(compileCache(modules)).toBeUndefined();
    expect(existsSync(folder)).toBe(false);
  });

  test('a node_modules that everybody may write to', () => {
    chmodSync(modules, 0o777);
    expect(compileCache(modules)).toBeUndefined();
    expect(existsSync(folder)).toBe(false);
  });

  test('where there is no folder to make it in', () => {
    expect(compileCache(join(modules, 'missing'))).toBeUndefined();
  });
});

describe('what npm runs', () => {
  /** The folder that the started program has been given. */
  const given = (env: NodeJS.ProcessEnv) => {
    const tell = "process.argv[1]?.endsWith('bench.ts') && console.log('cache=' + process.env.NODE_COMPILE_CACHE)";
    const { NODE_COMPILE_CACHE: _inherited, ...rest } = process.env;
    const options = { env: { ...rest, NODE_OPTIONS: `--import "data:text/javascript,${encodeURI(tell)}"`, ...env } };
    const said = execFileSync(process.execPath, [join(ROOT, 'deploy/start.mjs'), 'bench', '--help'], options);
    return /^cache=(.*)$/m.exec(said.toString())?.[1];
  };

  test('has that folder', () => expect(given({})).toBe(compileCache(join(ROOT, 'node_modules'))));
  test('or the one that was set already', () => expect(given({ NODE_COMPILE_CACHE: folder })).toBe(folder));
});
