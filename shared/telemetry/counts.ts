// Who watches the gateway hears how many messages came and ended: the metrics' own counters, told as news every two
// seconds, so that nothing is counted twice on the way of a message.
import type { Bus } from '../bus/bus.ts';
import { metrics } from './metrics.ts';

const EVERY_MS = 2_000;
/** Rows of one piece of news: the largest. */
const MOST_ROWS = 200;

const COUNTERS = { accepted: metrics.accepted, refused: metrics.rejected, final: metrics.final } as const;
export type Counted = keyof typeof COUNTERS;

/** Tells what was counted since the last time, of the rows that have these labels. Returns what ends it. */
export function tellCounts(bus: Pick<Bus, 'announce'>, of: Counted, only: Record<string, string> = {}): () => void {
  let before: Map<string, number> | undefined;
  let since = Date.now();
  const tell = async () => {
    const { values } = await COUNTERS[of].get();
    const mine = values.filter(({ labels }) => Object.entries(only).every(([k, v]) => (labels as never)[k] === v));
    const now = new Map(mine.map(({ labels, value }) => [JSON.stringify(labels), value]));
    const counts = mine
      .map(({ labels, value }) => ({ ...labels, n: value - (before?.get(JSON.stringify(labels)) ?? 0) }))
      .filter(({ n }) => n > 0);
    if (before && counts.length > 0)
      bus.announce({ kind: 'counts', of, since, counts: counts.sort((a, b) => b.n - a.n).slice(0, MOST_ROWS) });
    before = now;
    since = Date.now();
  };
  void tell();
  const timer = setInterval(tell, EVERY_MS);
  return () => clearInterval(timer);
}
