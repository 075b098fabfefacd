// How many of a provider's latest receipts came late: news that lets the router give it less to do.
import type { NewsOf } from '#shared/bus/health.ts';

const LATE_MS = 15 * 60_000;
/** The share is that of so many receipts at most, none older than this; too few count as in time. */
const MOST = 200;
const LEAST = 20;
const OLD_MS = 3_600_000;

export class Late {
  readonly #receipts = new Map<string, { heardAt: number; ms: number }[]>();

  /** A final receipt came `ms` after its hand-over. */
  heard(provider: string, ms: number, now: number): void {
    const mine = this.#receipts.get(provider) ?? [];
    this.#receipts.set(provider, mine);
    mine.push({ heardAt: now, ms });
    if (mine.length > 2 * MOST) mine.splice(0, mine.length - MOST);
  }

  news(now: number): NewsOf<'receipts'>[] {
    return [...this.#receipts].flatMap(([provider, all]) => {
      const recent = all.slice(-MOST).filter(({ heardAt }) => heardAt > now - OLD_MS);
      if (recent.length === 0) return [];
      const medianMs = recent.map(({ ms }) => ms).sort((a, b) => a - b)[recent.length >> 1]!;
      const late = recent.filter(({ ms }) => ms > LATE_MS).length;
      return [{ kind: 'receipts', provider, lateShare: recent.length < LEAST ? 0 : late / recent.length, medianMs }];
    });
  }
}
