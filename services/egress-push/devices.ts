// Who can be reached by push: the file that maps a number to the registration token of its app.
import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import type { Log } from '#shared/telemetry/log.ts';

const file = z.record(z.string().regex(/^\d{3,15}$/), z.string().regex(/^[\w:.-]{1,4096}$/));
/** A changed file is noticed after this, at the latest. */
const LOOK_EVERY_MS = 1_000;

export type Devices = {
  /** The token for a number in E.164 without a plus. */
  tokenOf(number: string): string | undefined;
};

/** Throws one line when the file cannot be used. Later, a file that has become unusable leaves the old content in force. */
export function openDevices(path: string, log: Log): Devices {
  let devices = read(path);
  let stamp = stampOf(path);
  let lookedAt = performance.now();

  function look(): void {
    if (performance.now() - lookedAt < LOOK_EVERY_MS) return;
    lookedAt = performance.now();
    try {
      const now = stampOf(path);
      if (now === stamp) return;
      stamp = now;
      devices = read(path);
      log.info({ devices: devices.size }, 'the file of devices was read again');
    } catch (error) {
      log.warn({ reason: (error as Error).message }, 'the file of devices cannot be used: the old content stays');
    }
  }

  return {
    tokenOf(number) {
      look();
      return devices.get(number);
    },
  };
}

/** Whether the file is another one now. */
function stampOf(path: string): string {
  const { mtimeMs, size, ino } = statSync(path);
  return `${mtimeMs} ${size} ${ino}`;
}

function read(path: string): Map<string, string> {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`${path}: ${code ? `cannot be read: ${code}` : 'is not JSON'}`);
  }
  const { data } = file.safeParse(content);
  if (!data) throw new Error(`${path}: must be {"447700900123": "registration token"}, numbers in digits alone`);
  return new Map(Object.entries(data));
}
