// The next version of Hermod, for tests of an upgrade: this tree, with what a developer would change in it.
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
const PARTS = ['package.json', 'shared', 'services', 'deploy'];

export type Edit = { file: string; from: string; to: string };

/** Copies the tree into `dir`, which exists, and edits it. An edit whose text is not there says so. */
export function makeNextVersion(dir: string, edits: readonly Edit[], files: Record<string, string> = {}): void {
  for (const part of PARTS) cpSync(join(ROOT, part), join(dir, part), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
  for (const { file, from, to } of edits) {
    const path = join(dir, file);
    const text = readFileSync(path, 'utf8');
    if (!text.includes(from)) throw new Error(`${file} no longer has: ${from}`);
    writeFileSync(
      path,
      text.replace(from, () => to),
    );
  }
  for (const [file, text] of Object.entries(files)) writeFileSync(join(dir, file), text);
}
