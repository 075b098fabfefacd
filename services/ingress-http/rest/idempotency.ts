// Idempotency-Key: a request that a client repeats because it did not see the answer gets the first answer again
// (draft-ietf-httpapi-idempotency-key-header-07). Kept for 24 hours.
import { hash } from 'node:crypto';
import { Problem } from './problems.ts';

const KEEP_MS = 24 * 3_600_000;
/** Longer than a request can take. A process that died with one under way blocks its key for no longer. */
const UNDER_WAY_MS = 15_000;
const RETRY_S = 1;

/** Where keys are remembered: of this process, or of all doors. Values are short texts. */
export type Memory = {
  /** Keeps the value and gives undefined, or gives the value that is there already. */
  claim(key: string, value: string, ttlMs: number): Promise<string | undefined>;
  set(key: string, value: string, ttlMs: number): Promise<void>;
  forget(key: string): Promise<void>;
};

/** `under way`: no answer yet. `lost`: refused, but messages with these ids may go out. */
type Kept = { print: string } & (
  | { state: 'under way' }
  | { state: 'lost'; ids: string[] }
  | { state: 'done'; answer: string }
);

export type Once = {
  /** The answer of the first request, where it was one of success. */
  answer?: string;
  /** Ids of a try whose answer was lost. */
  ids?: string[];
  done(answer: string): Promise<void>;
  lost(ids: string[]): Promise<void>;
  refused(): Promise<void>;
};

/** Begins a request of `client` with this key. Throws a Problem when it is under way, or another request had the key. */
export async function begin(memory: Memory, client: string, key: string, request: unknown): Promise<Once> {
  const name = `idempotency:${client}:${hash('sha256', key, 'base64url')}`;
  const print = hash('sha256', JSON.stringify(request), 'base64url');
  const keep = (kept: Kept, ttlMs = KEEP_MS) => memory.set(name, JSON.stringify(kept), ttlMs);
  const once = {
    done: (answer: string) => keep({ print, state: 'done', answer }),
    lost: (ids: string[]) => keep({ print, state: 'lost', ids }),
    refused: () => memory.forget(name),
  };
  const found = await memory.claim(name, JSON.stringify({ print, state: 'under way' } satisfies Kept), UNDER_WAY_MS);
  if (found === undefined) return once;
  const kept = JSON.parse(found) as Kept;
  if (kept.print !== print) throw new Problem('key-reused', 'another request came with this Idempotency-Key');
  if (kept.state === 'done') return { ...once, answer: kept.answer };
  if (kept.state === 'under way')
    throw new Problem('in-progress', 'the first request with this key has no answer yet', { retryAfterS: RETRY_S });
  await keep({ print, state: 'under way' }, UNDER_WAY_MS);
  return { ...once, ids: kept.ids, refused: () => keep({ print, state: 'lost', ids: kept.ids }) };
}

const MOST_KEPT = 50_000;

/** Of this process: enough when it is the only door. The oldest leave when there are too many. */
export function ownMemory(now: () => number = Date.now): Memory {
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
