// Which services run, of which version and with which configuration: each tells it as news, for who watches.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Bus } from './bus/bus.ts';

const EVERY_MS = 5_000;
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/** `mark` stands for the text of the configuration file. Looks at `services` each time. Returns what ends it. */
export function tellRunning(
  services: readonly { name: string; bus: Pick<Bus, 'announce'> }[],
  mark: string,
): () => void {
  const self = { instance: randomUUID().slice(0, 8), host: hostname(), startedAt: Date.now() };
  const tell = () => {
    for (const { name, bus } of services) bus.announce({ kind: 'service', service: name, ...self, version, mark });
  };
  const timer = setInterval(tell, EVERY_MS);
  // A service that is ready is seen at once.
  setImmediate(tell);
  return () => clearInterval(timer);
}
