// Idempotency-Key: a request that a client repeats because it did not see the answer gets the first answer again
// (draft-ietf-httpapi-idempotency-key-header-07). Remembered for 24 hours, in memory or Redis, without numbers and texts.
import type { Counters } from '#shared/counters.ts';
import { Problem } from './problems.ts';

const KEEP_MS = 24 * 3_600_000;
/** Longer than a request can take. A process that died with one under way blocks its key for no longer. */
const UNDER_WAY_MS = 15_000;
const RETRY_S = 1;

/** `lost`: refused, but messages with these ids may go out. */
type Kept = { print: string; state: 'under way' | 'lost' | 'done'; ids: string[] };

export type Once = {
  /** The first request was answered with success, for messages with these ids. */
  sent: boolean;
  /** Ids of the first request, or of a try whose answer was lost. */
  ids: string[];
  done(ids: string[]): Promise<void>;
  lost(ids: string[]): Promise<void>;
  refused(): Promise<void>;
};

/** Begins a request of `client` with this key. Throws a Problem when it is under way, or another request had the key. */
export async function begin(counters: Counters, client: string, key: string, request: unknown): Promise<Once> {
  const { notes, conceal } = counters;
  const name = conceal(client, key);
  const print = conceal(client, key, JSON.stringify(request));
  const keep = (state: Kept['state'], ids: string[], ttlMs = KEEP_MS) =>
    notes.set(name, JSON.stringify({ print, state, ids } satisfies Kept), ttlMs);
  const once: Once = {
    sent: false,
    ids: [],
    done: (ids) => keep('done', ids),
    lost: (ids) => keep('lost', ids),
    refused: () => notes.forget(name),
  };
  const found = await notes.claim(name, JSON.stringify({ print, state: 'under way', ids: [] }), UNDER_WAY_MS);
  if (found === undefined) return once;
  const { print: before, state, ids } = JSON.parse(found) as Kept;
  if (before !== print) throw new Problem('key-reused', 'another request came with this Idempotency-Key');
  if (state === 'done') return { ...once, sent: true, ids };
  if (state === 'under way')
    throw new Problem('in-progress', 'the first request with this key has no answer yet', { retryAfterS: RETRY_S });
  await keep('under way', [], UNDER_WAY_MS);
  return { ...once, ids, refused: () => keep('lost', ids) };
}
