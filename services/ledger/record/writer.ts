// Batches on their way into the database: what arrives within some milliseconds is one transaction, so that one sync to
// the disk serves hundreds of messages. A database that is away is waited for: nothing is acknowledged meanwhile.
import type { Callback } from '#shared/messages/callback.ts';
import type { Envelope } from '#shared/messages/envelope.ts';
import { type Log, reasonOf } from '#shared/telemetry/log.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import type { Database, Sql } from '../database/database.ts';
import { readSheet } from './read.ts';
import type { Recorder } from './record.ts';

const MOST_IN_TRANSACTION = 500;
/** Also after a transaction: a commit costs as much as a hundred rows. */
const GATHER_MS = 20;
const TROUBLE_PAUSE_MS = 500;

type Entry = { envelope: Envelope; resolve: () => void; reject: (error: unknown) => void };
type Job = { work: (sql: Sql) => Promise<unknown>; resolve: (result: never) => void; reject: (error: unknown) => void };

export type Writer = {
  /** Resolves when it is on disk. Rejects only for an envelope that cannot be written. */
  write(envelope: Envelope): Promise<void>;
  /** Runs `work` in one of the next transactions and resolves with its result when that is on disk. */
  run<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  /** Why nothing can be written now. */
  trouble(): string | undefined;
  /** Resolves when everything is written, or nothing can be. What comes later stays unwritten, and without an answer. */
  close(): Promise<void>;
};

/** `onCallbacks` hears, after each transaction, of those that may go out now. */
export function openWriter(
  db: Database,
  recorder: Recorder,
  log: Log,
  onCallbacks: (callbacks: Callback[]) => void,
): Writer {
  const waiting: Entry[] = [];
  let jobs: Job[] = [];
  let timer: NodeJS.Timeout | undefined;
  let trouble: string | undefined;
  let writing: Promise<void> | undefined;
  let closed = false;

  function schedule(ms: number): void {
    if (writing || timer || closed) return;
    timer = setTimeout(() => {
      timer = undefined;
      writing = flush().finally(() => {
        writing = undefined;
        if (waiting.length > 0 || jobs.length > 0) schedule(pause());
      });
    }, ms);
  }

  const pause = () => (trouble ? TROUBLE_PAUSE_MS : waiting.length < MOST_IN_TRANSACTION ? GATHER_MS : 0);

  async function flush(): Promise<void> {
    const batch = waiting.splice(0, MOST_IN_TRANSACTION);
    const mine = jobs;
    jobs = [];
    try {
      await commit(batch, mine);
    } catch (error) {
      if (db.isTrouble(error)) wait(batch, mine, error);
      else for (const part of [...mine.map((job) => [job]), ...batch]) await single(part);
    }
  }

  async function commit(batch: readonly Entry[], mine: readonly Job[]): Promise<void> {
    const now = Date.now();
    const { results, callbacks, after } = await db.transaction(async (sql) => {
      const results: unknown[] = [];
      for (const { work } of mine) results.push(await work(sql));
      if (batch.length === 0) return { results, callbacks: [], after: [] };
      const sheet = await readSheet(
        sql,
        batch.map(({ envelope }) => envelope),
      );
      const callbacks = batch.flatMap(({ envelope }) => recorder.record(sheet, envelope, now));
      await sheet.write(sql);
      return { results, callbacks, after: sheet.after };
    });
    if (trouble) log.info('writing again');
    trouble = undefined;
    for (const then of after) then();
    for (const [i, { resolve }] of mine.entries()) resolve(results[i] as never);
    for (const { resolve } of batch) resolve();
    if (callbacks.length > 0) onCallbacks(callbacks);
    observe(batch);
  }

  function wait(batch: readonly Entry[], mine: readonly Job[], error: unknown): void {
    const words = `the ledger cannot write: ${reasonOf(error)}`;
    waiting.unshift(...batch);
    jobs = [...mine, ...jobs];
    // Once, and not at every try.
    if (trouble !== words)
      log.error({ reason: reasonOf(error), waiting: waiting.length }, 'cannot write: trying again');
    trouble = words;
  }

  /** One of a transaction cannot be written: each on its own, to find out which. */
  async function single(part: Entry | Job[]): Promise<void> {
    const [batch, mine] = Array.isArray(part) ? [[], part] : [[part], []];
    try {
      await commit(batch, mine);
    } catch (error) {
      if (db.isTrouble(error)) wait(batch, mine, error);
      else for (const { reject } of [...batch, ...mine]) reject(error);
    }
  }

  function observe(batch: readonly Entry[]): void {
    if (batch.length === 0) return;
    metrics.ledgerBatch.observe(batch.length);
    metrics.ledgerLag.set(Math.max(0, Date.now() - batch[batch.length - 1]!.envelope.at) / 1_000);
  }

  return {
    write(envelope) {
      return new Promise((resolve, reject) => {
        waiting.push({ envelope, resolve, reject });
        if (waiting.length === MOST_IN_TRANSACTION && !trouble) {
          clearTimeout(timer);
          timer = undefined;
        }
        schedule(pause());
      });
    },
    run(work) {
      return new Promise((resolve, reject) => {
        jobs.push({ work, resolve, reject });
        schedule(pause());
      });
    },
    trouble: () => trouble,
    async close() {
      while (writing || ((waiting.length > 0 || jobs.length > 0) && !trouble)) {
        await (writing ?? new Promise((resolve) => setTimeout(resolve, GATHER_MS)));
      }
      closed = true;
      clearTimeout(timer);
    },
  };
}
