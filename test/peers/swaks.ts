// Debian's swaks, a mail client for the command line.
import { execFile } from 'node:child_process';
import { requireDebian } from './debian.ts';

const SWAKS = '/usr/bin/swaks';

export type Said = { exit: number /** The conversation. */; output: string };

/** Its TLS and its AUTH need Perl modules, which Debian only recommends. */
export function swaks(port: number, args: readonly string[]): Promise<Said> {
  requireDebian('swaks libio-socket-ssl-perl libauthen-sasl-perl', SWAKS);
  const all = ['--server', '127.0.0.1', '--port', String(port), '--timeout', '10', ...args];
  return new Promise((resolve) => {
    execFile(SWAKS, all, { timeout: 20_000 }, (error, stdout, stderr) =>
      resolve({ exit: error ? Number(error.code ?? -1) : 0, output: stdout + stderr }),
    );
  });
}
