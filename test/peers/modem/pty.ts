// Puts a modem stand-in behind a real pseudo-terminal, and pulls it out again. The terminal is python3's: Node has none.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, rmSync, symlinkSync } from 'node:fs';
import { until } from '../../rig/until.ts';
import { requireDebian } from '../debian.ts';
import type { Modem } from './modem.ts';

const PYTHON = '/usr/bin/python3';

/** It holds the terminal open itself, so that the stand-in does not go with the program that closes it. */
const RELAY = `
import os, pty, select, sys, tty
master, slave = pty.openpty()
tty.setraw(slave)
os.symlink(os.ttyname(slave), sys.argv[1])
while True:
    for fd in select.select([0, master], [], [])[0]:
        data = os.read(fd, 4096)
        if not data: sys.exit()
        os.write(master if fd == 0 else 1, data)
`;

export type Plugged = { path: string; unplug(): Promise<void> };

/** The modem is at `path`, a link to its terminal, until it is unplugged. */
export async function plug(modem: Modem, path: string): Promise<Plugged> {
  // Its module pty is not in python3-minimal, which has the program.
  requireDebian('python3', '/usr/bin/pydoc3');
  const child: ChildProcess = spawn(PYTHON, ['-c', RELAY, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdout!.on('data', (data: Buffer) => modem.data(data));
  child.stdin!.on('error', () => {});
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await until(`${path} is there`, () => existsSync(path));
  modem.attach((text) => void child.stdin!.write(Buffer.from(text, 'latin1')));
  return {
    path,
    async unplug() {
      modem.attach(() => {});
      child.kill('SIGKILL');
      await ended;
      rmSync(path, { force: true });
    },
  };
}

/** As udev does it: a name that stays, for a device that is under another one now. */
export function point(name: string, path: string): void {
  rmSync(name, { force: true });
  symlinkSync(path, name);
}
