// How often something may happen, counted over all doors and replicas: in memory, where all doors are one process, or in
// the Valkey or Redis that REDIS_URL names. Beside the counts only notes are kept there, and neither shows a number or text.
import { hash, randomBytes } from 'node:crypto';
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import { type Notes, ownNotes, sharedNotes } from './notes.ts';
import { openLog, reasonOf } from './telemetry/log.ts';

/** A door answers within 2 s: a count that takes longer than this is done in memory instead. */
const ANSWER_WITHIN_MS = 500;
const RECONNECT_MOST_MS = 2_000;
const NOTE_EVERY_MS = 60_000;
const PREFIX = 'hermod';

/** At most `points` in a window of `seconds`, which begins with the first. */
export type Window = { points: number; seconds: number };

export type Counters = {
  /**
   * Counts `n` under the key: 0 when a point was left before, else the ms until one is, and then nothing is counted. More
   * than the window holds at once make it as much longer.
   */
  take(key: string, n: number, window: Window): Promise<number>;
  /** Takes back what was counted. */
  giveBack(key: string, n: number, window: Window): void;
  /** How much is counted under the key, and for how many ms still. */
  used(key: string): Promise<{ n: number; forMs: number }>;
  /** Counts from nothing again. */
  forget(key: string): Promise<void>;
  /** Whether all replicas count together. */
  shared: boolean;
  /** Stands for a value without showing it, the same in all replicas. */
  conceal(...parts: string[]): string;
  notes: Notes;
};

let opened: Promise<Counters> | undefined;

/** Those of this process. */
export const counters = (): Promise<Counters> => {
  opened ??= openCounters(process.env.REDIS_URL);
  return opened;
};

/** `url` as in REDIS_URL; in memory without one. */
export async function openCounters(url?: string): Promise<Counters & { close(): void }> {
  // The limits come with each call: the limiter's own are not looked at.
  const memory = new RateLimiterMemory({ keyPrefix: PREFIX, points: 1, duration: 1 });
  const redis = url ? await openRedis(url) : undefined;
  const limiter = redis
    ? new RateLimiterRedis({
        keyPrefix: PREFIX,
        points: 1,
        duration: 1,
        storeClient: redis,
        rejectIfRedisNotReady: true,
        insuranceLimiter: memory,
      })
    : memory;
  const secret = url ? hash('sha256', url) : randomBytes(32).toString('hex');
  const giveBack = (key: string, n: number, window: Window) => {
    void limiter.reward(key, n, { customDuration: lengthOf(n, window) });
  };
  return {
    async take(key, n, window) {
      const res = await limiter.penalty(key, n, { customDuration: lengthOf(n, window) });
      if (res.consumedPoints - n < window.points) return 0;
      giveBack(key, n, window);
      return Math.max(1, res.msBeforeNext);
    },
    giveBack,
    async used(key) {
      const res = await limiter.get(key);
      return { n: res?.consumedPoints ?? 0, forMs: Math.max(0, res?.msBeforeNext ?? 0) };
    },
    forget: async (key) => void (await limiter.delete(key)),
    shared: redis !== undefined,
    conceal: (...parts) => hash('sha256', [secret, ...parts].join('\0'), 'base64url'),
    notes: redis ? sharedNotes(redis) : ownNotes(),
    close: () => redis?.disconnect(),
  };
}

const lengthOf = (n: number, { points, seconds }: Window) => seconds * Math.max(1, Math.ceil(n / points));

/** A rate as a window: one second of it, or as many as make ten messages when it is no whole number. */
export function windowOf(perSecond: number): Window {
  const seconds = perSecond >= 10 || Number.isInteger(perSecond) ? 1 : Math.ceil(10 / perSecond);
  return { points: Math.floor(perSecond * seconds + 1e-9), seconds };
}

/** Where it does not answer, each process counts for itself, and the log says so. */
async function openRedis(url: string) {
  const { Redis } = await import('ioredis');
  const log = openLog('counters');
  let notedAt = Number.NEGATIVE_INFINITY;
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    enableAutoPipelining: true,
    maxRetriesPerRequest: 0,
    connectTimeout: ANSWER_WITHIN_MS,
    commandTimeout: ANSWER_WITHIN_MS,
    retryStrategy: (times) => Math.min(times * 100, RECONNECT_MOST_MS),
  });
  redis.on('error', (error) => {
    if (performance.now() - notedAt < NOTE_EVERY_MS) return;
    notedAt = performance.now();
    log.warn({ reason: reasonOf(error) }, 'the server in REDIS_URL cannot be used: each process counts for itself');
  });
  redis.on('ready', () => {
    notedAt = Number.NEGATIVE_INFINITY;
  });
  // The first request should find it there; a server that is away does not keep a door closed.
  await new Promise<void>((resolve) => {
    redis.once('ready', resolve);
    redis.once('error', () => resolve());
  });
  return redis;
}
