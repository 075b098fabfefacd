// The `hermod` command as a person or a script runs it: a process of its own, its output and its exit code.
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { compileCache } from '../../deploy/compile-cache.mjs';

const ROOT = resolve(import.meta.dirname, '../..');
const HERMOD = join(ROOT, 'deploy/cli/hermod.ts');
const MOST_MS = 60_000;

export type Ran = { code: number; out: string; err: string; json<T = never>(): T };

/** `env` beside PATH. Short processes: the cache of compiled files halves what they cost. */
export function runHermod(
  args: string[],
  env: Record<string, string>,
  { input = '', cwd = tmpdir() }: { input?: string; cwd?: string } = {},
): Promise<Ran> {
  return new Promise((done) => {
    const common = { PATH: process.env.PATH, NODE_COMPILE_CACHE: compileCache(join(ROOT, 'node_modules')) };
    const options = { cwd, env: { ...common, ...env }, timeout: MOST_MS };
    const child = execFile(process.execPath, [HERMOD, ...args], options, (error, out, err) =>
      done({ code: error ? Number(error.code) : 0, out, err, json: <T = never>() => JSON.parse(out) as T }),
    );
    child.stdin!.end(input);
  });
}
