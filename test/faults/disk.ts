// A small disk that a test can fill: a tmpfs whose size shrinks to what is in it. Needs root.
import { execFile } from 'node:child_process';
import { mkdirSync, statfsSync } from 'node:fs';
import { promisify } from 'node:util';
import { until } from '../rig/until.ts';

const run = promisify(execFile);

export type Disk = {
  /** Not one octet more fits. */
  fill(): Promise<void>;
  /** The room that it had is there again. */
  free(): Promise<void>;
  remove(): Promise<void>;
};

/** Mounted at `path`, which is made. */
export async function startDisk(path: string, megabytes: number): Promise<Disk> {
  mkdirSync(path, { recursive: true });
  await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'hermod-test', path]);
  /** Rejects when more than that is in it. */
  const resize = (octets: number) => run('mount', ['-o', `remount,size=${octets}`, path]);
  return {
    // Someone may have written since the look.
    fill: () =>
      until('the disk is full', async () => {
        const { blocks, bfree, bsize } = statfsSync(path);
        await resize((blocks - bfree) * bsize);
        return true;
      }).then(() => {}),
    free: async () => void (await resize(megabytes * 2 ** 20)),
    remove: async () => void (await run('umount', ['--lazy', path])),
  };
}
