// Which file a script provider runs: one that lies in the configured folder, whatever links and names say.
import { accessSync, constants, realpathSync, type Stats, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

const WRITABLE_BY_OTHERS = 0o002;

export type Program = { folder: string; file: string };

/**
 * The real paths of the folder and of the program in it. Throws one line when the program is not a file in that very
 * folder – a link may lead only to another file there –, cannot be run, or could be exchanged by any user of the host.
 */
export function findProgram(folder: string, script: string): Program {
  const real = { folder: realOf(folder), file: realOf(join(folder, script)) };
  if (dirname(real.file) !== real.folder) throw new Error(`${script} is outside of the folder for scripts`);
  if (!statSync(real.file).isFile()) throw new Error(`${real.file} is not a file`);
  for (const path of [real.folder, real.file]) {
    if (isOpen(statSync(path))) throw new Error(`${path} may be written by any user: chmod o-w ${path}`);
  }
  try {
    accessSync(real.file, constants.X_OK);
  } catch {
    throw new Error(`${real.file} may not be run: chmod +x ${real.file}`);
  }
  return real;
}

const isOpen = ({ mode }: Stats) => (mode & WRITABLE_BY_OTHERS) !== 0;

function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw new Error(`${path} cannot be found: ${(error as NodeJS.ErrnoException).code}`);
  }
}
