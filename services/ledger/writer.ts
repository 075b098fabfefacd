// Batches on their way into the database: what arrives within some milliseconds is one transaction, so that one sync to
// the disk serves hundreds of messages.
import type { Callback } from '#shared/messages/callback.ts';
import type { Envelope } from '#shared/messages/envelope.ts';
import { type Log, reasonOf } from '#shared/telemetry/log.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import type { Database } from './database.ts';
import type { Recorder } from './record.ts';

const MOST_IN_TRANSACTION = 500;
const GATHER_MS = 10;
const DISK_PAUSE_MS = 500;
/** SQLite's results for a lock, a full disk or a failing one: the batch waits, nothing is lost. */
const DISK_TROUBLE = new Set([5, 6, 10, 13, 14]);

type Entry = { envelope: Envelope; resolve: (callbacks: Callback[]) => void; reject: (error: unknown) => void };

export type Writer = {
  /** Resolves when it is on disk, with the callbacks that may go out now. Rejects only for an envelope that cannot be written. */
  write(envelope: Envelope): Promise<Callback[]>;
  /** Runs `work` in one of the next transactions and resolves with its result when that is on disk. */
  run<T>(work: () => T): Promise<T>;
  trouble(): string | undefined;
  flush(): void;
};

export function openWriter(db: Database, recorder: Recorder, log: Log): Writer {
  const waiting: Entry[] = [];
  let jobs: { work: () => unknown; resolve: (result: never) => void }[] = [];
  let timer: NodeJS.Timeout | undefined;
  let trouble: string | undefined;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    const batch = waiting.splice(0, MOST_IN_TRANSACTION);
    const mine = jobs;
    if (batch.length === 0 && mine.length === 0) return;
    jobs = [];
    try {
      const now = Date.now();
      const { results, answers } = db.transaction(() => ({
        results: mine.map(({ work }) => work()),
        answers: batch.map(({ envelope }) => recorder.record(envelope, now)),
      }));
      trouble = undefined;
      for (const [i, { resolve }] of mine.entries()) resolve(results[i] as never);
      for (const [i, { resolve }] of batch.entries()) resolve(answers[i]!);
      observe(batch);
    } catch (error) {
      jobs = mine.concat(jobs);
      failed(batch, error);
    }
    if (waiting.length > 0 && !trouble) schedule(0);
  }

  function failed(batch: Entry[], error: unknown): void {
    const code = (error as { errcode?: number }).errcode;
    if (code !== undefined && DISK_TROUBLE.has(code & 0xff)) {
      trouble = `the ledger cannot write: ${reasonOf(error)}`;
      log.error({ reason: reasonOf(error), waiting: waiting.length + batch.length }, 'cannot write: trying again');
      waiting.unshift(...batch);
      schedule(DISK_PAUSE_MS);
    } else if (batch.length > 1) {
      for (const entry of batch) single(entry); // One of them cannot be written: find out which.
    } else batch[0]?.reject(error);
  }

  function single(entry: Entry): void {
    try {
      entry.resolve(db.transaction(() => recorder.record(entry.envelope, Date.now())));
    } catch (error) {
      failed([entry], error);
    }
  }

  function schedule(ms: number): void {
    timer ??= setTimeout(flush, ms);
  }

  function observe(batch: Entry[]): void {
    if (batch.length === 0) return;
    metrics.ledgerBatch.observe(batch.length);
    metrics.ledgerLag.set(Math.max(0, Date.now() - batch[batch.length - 1]!.envelope.at) / 1_000);
  }

  return {
    write(envelope) {
      return new Promise((resolve, reject) => {
        waiting.push({ envelope, resolve, reject });
        if (waiting.length >= MOST_IN_TRANSACTION && !trouble) {
          clearTimeout(timer);
          timer = undefined;
          schedule(0);
        } else schedule(GATHER_MS);
      });
    },
    run(work) {
      return new Promise((resolve) => {
        jobs.push({ work, resolve });
        schedule(GATHER_MS);
      });
    },
    trouble: () => trouble,
    flush,
  };
}
