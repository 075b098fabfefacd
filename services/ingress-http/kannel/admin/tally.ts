// What the workers say about their providers, added up for Kannel's status: since this process began.
import type { Bus } from '#shared/bus/bus.ts';
import type { NewsOf } from '#shared/bus/health.ts';

/** A worker speaks every second; one that is silent for so long is gone. */
const SILENT_MS = 5_000;
const LONGEST_S = 900;

export type Row = {
  /** Seconds for which it has been bound; undefined when it is not. */
  onlineS: number | undefined;
  paused: boolean;
  sent: number;
  failed: number;
  queued: number;
  /** Messages a second over the last minute, five and fifteen. */
  rates: [number, number, number];
};

type Sample = { at: number; sent: number };
type Seen = {
  news: Map<string, NewsOf<'provider'>>;
  samples: Sample[];
  sent: number;
  failed: number;
  boundAt?: number;
};

export class Tally {
  readonly #began = Date.now();
  readonly #seen = new Map<string, Seen>();
  #paused: readonly string[] = [];

  listen(bus: Bus): Promise<void> {
    return bus.listen((item) => {
      if (item.kind === 'provider') this.#note(item);
      if (item.kind === 'paused') this.#paused = item.providers;
    });
  }

  get uptimeS(): number {
    return Math.floor((Date.now() - this.#began) / 1_000);
  }

  row(provider: string): Row {
    const now = Date.now();
    const seen = this.#seen.get(provider);
    const workers = [...(seen?.news.values() ?? [])].filter(({ at }) => now - at < SILENT_MS);
    const bound = workers.some((worker) => worker.bound > 0);
    return {
      onlineS: bound && seen?.boundAt !== undefined ? Math.floor((now - seen.boundAt) / 1_000) : undefined,
      paused: this.#paused.includes(provider) || workers.some((worker) => worker.paused),
      sent: seen?.sent ?? 0,
      failed: seen?.failed ?? 0,
      queued: workers.reduce((sum, { waiting, inFlight }) => sum + waiting + inFlight, 0),
      rates: [60, 300, LONGEST_S].map((seconds) => this.#rate(seen, seconds, now)) as Row['rates'],
    };
  }

  #note(item: NewsOf<'provider'>): void {
    const seen: Seen = this.#seen.get(item.provider) ?? { news: new Map(), samples: [], sent: 0, failed: 0 };
    this.#seen.set(item.provider, seen);
    seen.news.set(item.worker, item);
    for (const [worker, { at }] of seen.news) if (item.at - at > SILENT_MS) seen.news.delete(worker);
    if (![...seen.news.values()].some(({ bound }) => bound > 0)) delete seen.boundAt;
    else seen.boundAt ??= item.at;
    seen.sent += Math.round(item.sentPerSecond);
    seen.failed += Math.round(item.errorsPerSecond);
    if (item.sentPerSecond > 0) seen.samples.push({ at: item.at, sent: item.sentPerSecond });
    while (seen.samples[0] && item.at - seen.samples[0].at > LONGEST_S * 1_000) seen.samples.shift();
  }

  #rate(seen: Seen | undefined, seconds: number, now: number): number {
    const sent = (seen?.samples ?? []).reduce(
      (sum, one) => (now - one.at <= seconds * 1_000 ? sum + one.sent : sum),
      0,
    );
    return sent / Math.min(seconds, Math.max(1, this.uptimeS));
  }
}
