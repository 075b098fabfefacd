// Mail systems send a mail again when they did not see the answer. The same Message-ID to the same number within ten
// minutes is one SMS: this remembers what was accepted, in memory, as keyed hashes.
import { createHmac, randomBytes } from 'node:crypto';

const REMEMBER_MS = 10 * 60_000;
const REMEMBER_MOST = 50_000;

export type Repeats = {
  key(client: string, messageId: string, number: string): string;
  /** `taken`: accepted before. `open`: another connection is about to; what becomes of it is not known yet. */
  state(key: string, now: number): 'new' | 'open' | 'taken';
  begin(keys: readonly string[]): void;
  /** Ends what `begin` began. */
  end(keys: readonly string[], taken: boolean, now: number): void;
};

export function openRepeats(): Repeats {
  const secret = randomBytes(32);
  const open = new Set<string>();
  /** Key to the time of its end, in the order of insertion, which is that of the ends. */
  const taken = new Map<string, number>();

  function forget(now: number): void {
    for (const [key, until] of taken) {
      if (until > now && taken.size <= REMEMBER_MOST) return;
      taken.delete(key);
    }
  }

  return {
    key: (...parts) => createHmac('sha256', secret).update(JSON.stringify(parts)).digest('base64'),
    state(key, now) {
      if ((taken.get(key) ?? 0) > now) return 'taken';
      return open.has(key) ? 'open' : 'new';
    },
    begin(keys) {
      for (const key of keys) open.add(key);
    },
    end(keys, accepted, now) {
      for (const key of keys) {
        open.delete(key);
        if (!accepted) continue;
        taken.delete(key);
        taken.set(key, now + REMEMBER_MS);
      }
      forget(now);
    },
  };
}
