// Short values under keys that doors remember for a while: of this process, or of all doors in the Valkey or Redis that
// REDIS_URL names. Where that does not answer, each process remembers for itself.
import type { Redis } from 'ioredis';

const MOST_KEPT = 50_000;
const PREFIX = 'hermod:note:';

export type Notes = {
  /** Keeps the value and gives undefined, or gives the value that is there already. */
  claim(key: string, value: string, ttlMs: number): Promise<string | undefined>;
  set(key: string, value: string, ttlMs: number): Promise<void>;
  forget(key: string): Promise<void>;
};

/** In memory: the oldest leave when there are too many. */
export function ownNotes(now: () => number = Date.now): Notes {
  const kept = new Map<string, { value: string; until: number }>();
  const set = (key: string, value: string, ttlMs: number) => {
    kept.delete(key);
    kept.set(key, { value, until: now() + ttlMs });
    if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value!);
  };
  return {
    async claim(key, value, ttlMs) {
      const found = kept.get(key);
      if (found && found.until > now()) return found.value;
      set(key, value, ttlMs);
      return undefined;
    },
    async set(key, value, ttlMs) {
      set(key, value, ttlMs);
    },
    async forget(key) {
      kept.delete(key);
    },
  };
}

/** In Redis, and as well here, for the time when it does not answer. */
export function sharedNotes(redis: Pick<Redis, 'set' | 'get' | 'del'>): Notes {
  const own = ownNotes();
  return {
    async claim(key, value, ttlMs) {
      const here = await own.claim(key, value, ttlMs);
      if (here !== undefined) return here;
      try {
        if ((await redis.set(PREFIX + key, value, 'PX', ttlMs, 'NX')) === 'OK') return undefined;
        const there = (await redis.get(PREFIX + key)) ?? undefined;
        if (there !== undefined) await own.forget(key);
        return there;
      } catch {
        return undefined;
      }
    },
    async set(key, value, ttlMs) {
      await own.set(key, value, ttlMs);
      await redis.set(PREFIX + key, value, 'PX', ttlMs).catch(() => {});
    },
    async forget(key) {
      await own.forget(key);
      await redis.del(PREFIX + key).catch(() => {});
    },
  };
}
