// A queue whose arguments changed has a new name. Whoever reads the new one reads the old one too while it is there, so
// that services of the version before, and what they left, are served.
import { reasonOf } from '../telemetry/log.ts';
import { formerQueue } from '../topology.ts';
import type { Consumer } from './consume.ts';
import type { Line } from './line.ts';

/** One consumer of `queue` and of the one whose place it took; they hold `hold` together. */
export async function openWithFormer(
  line: Line,
  queue: string,
  hold: number,
  open: (queue: string, hold: number) => Promise<Consumer>,
): Promise<Consumer> {
  const former = formerQueue(queue);
  if (!former || !(await isThere(line, former))) return open(queue, hold);
  const readers = await Promise.all([queue, former].map((name) => open(name, Math.ceil(hold / 2))));
  return {
    async start() {
      await Promise.all(readers.map((reader) => reader.start()));
    },
    async stop() {
      await Promise.all(readers.map((reader) => reader.stop()));
    },
  };
}

async function isThere(line: Line, queue: string): Promise<boolean> {
  const channel = await line.channel();
  try {
    await channel.checkQueue(queue);
    await channel.close();
    return true;
  } catch (error) {
    if (/404/.test(reasonOf(error))) return false;
    throw error;
  }
}
