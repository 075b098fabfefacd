// The ledger's memory for a test, without a broker: a real database of either kind, and everything that is written to it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, describe } from 'vitest';
import type { Callback } from '#shared/messages/callback.ts';
import type { Envelope } from '#shared/messages/envelope.ts';
import {
  type Outbox,
  type OutboxOptions,
  openOutbox,
  takeDue,
  unpublish,
} from '../../services/ledger/callbacks/outbox.ts';
import { Fallbacks } from '../../services/ledger/clock/fallback.ts';
import { type Judged, judgeDue, tryAgain } from '../../services/ledger/clock/judge.ts';
import { cancel } from '../../services/ledger/clock/schedule.ts';
import { type Database, openDatabase, type Row, type Value } from '../../services/ledger/database/database.ts';
import type { Form } from '../../services/ledger/record/match.ts';
import { readSheet } from '../../services/ledger/record/read.ts';
import { openRecorder, type Recorder } from '../../services/ledger/record/record.ts';
import { openSeal, type Seal } from '../../services/ledger/seal.ts';
import { type Postgres, startPostgres } from '../peers/postgres.ts';

export const HOUR = 3_600_000;
export const WITHIN = 72 * HOUR;
export const RETRIES = [5_000, 15_000, 60_000, 300_000, 900_000, 1_800_000, HOUR];

export type Memory = {
  db: Database;
  seal: Seal;
  recorder: Recorder;
  fallbacks: Fallbacks;
  outbox: Outbox;
  /** Folder of the database file. */
  dir: string;
  /** Final states, in the order in which they were given. */
  finals: string[];
  /** What the client will not be told. */
  untold: { callback: Callback; reason: string }[];
  /** Forms that the configuration declares, by provider. */
  forms: Record<string, Form>;
  /** Writes envelopes in one transaction; gives the callbacks that may go out. */
  feed(envelopes: Envelope | Envelope[], now: number): Promise<Callback[]>;
  /** Takes what is due again. */
  due(now: number): Promise<Callback[]>;
  dropped(callback: Callback, now: number): Promise<Callback[]>;
  /** Every report up to `mark` is known: what ends now without one. */
  judge(mark: number): Promise<Callback[]>;
  /** Receipts that matched nothing are tried again. */
  tryAgain(now: number): Promise<Callback[]>;
  cancel(id: string, client?: string): Promise<string>;
  rows(text: string, ...values: Value[]): Promise<Row[]>;
  /** As after a restart of the ledger. */
  reopen(): Promise<void>;
  close(): Promise<void>;
};

export const KINDS = ['SQLite', 'PostgreSQL'] as const;
export type Kind = (typeof KINDS)[number];

/** Runs the same tests on both databases. `open` gives an empty memory. */
export function onBoth(tests: (open: (options?: Partial<OutboxOptions>) => Promise<Memory>) => void): void {
  describe.each(KINDS)('%s', (kind) => {
    let postgres: Postgres | undefined;
    beforeAll(async () => {
      if (kind === 'PostgreSQL') postgres = await startPostgres();
    }, 60_000);
    afterAll(() => postgres?.stop());
    tests(async (options) => openMemory(await postgres?.fresh(), options));
  });
}

/** In `dir`, which `close` removes: one of its own unless given. */
export async function openMemory(
  url?: string,
  options: Partial<OutboxOptions> = {},
  dir = mkdtempSync(join(tmpdir(), 'hermod-memory-')),
): Promise<Memory> {
  const seal = openSeal('a secret of more than thirty-two octets');
  const finals: string[] = [];
  const untold: Memory['untold'] = [];
  const forms: Memory['forms'] = {};
  const openIt = async () => {
    const db = await openDatabase(join(dir, 'ledger.sqlite'), url, pino({ level: 'silent' }));
    const outbox = openOutbox({
      seal,
      accountOf: (provider) => `${provider}-user`,
      retries: RETRIES,
      giveUpAfter: 24 * HOUR,
      onUntold: (callback, reason) => untold.push({ callback, reason }),
      ...options,
    });
    const fallbacks = new Fallbacks(seal);
    await fallbacks.read(db.read, 0);
    const recorder = openRecorder({
      fallbacks,
      outbox,
      seal,
      keepTexts: false,
      receiptsWithin: WITHIN,
      formOf: (provider) => forms[provider],
      onFinal: (state) => finals.push(state),
      onReceipt: () => {},
      onIncoming: () => {},
      onMark: () => {},
    });
    await db.transaction(unpublish);
    return { db, outbox, recorder, fallbacks };
  };
  const opened = await openIt();
  const judging = () => ({ recorder: memory.recorder, receiptsWithin: WITHIN, asksAlways: () => false });
  const settle = ({ callbacks, after }: Pick<Judged, 'callbacks' | 'after'>) => {
    for (const then of after) then();
    return callbacks;
  };

  const memory: Memory = {
    ...opened,
    seal,
    dir,
    finals,
    untold,
    forms,
    async feed(envelopes, now) {
      const batch = Array.isArray(envelopes) ? envelopes : [envelopes];
      return settle(
        await memory.db.transaction(async (sql) => {
          const sheet = await readSheet(sql, batch);
          const callbacks = batch.flatMap((envelope) => memory.recorder.record(sheet, envelope, now));
          await sheet.write(sql);
          return { callbacks, after: sheet.after };
        }),
      );
    },
    due: (now) => memory.db.transaction((sql) => takeDue(sql, seal, now, 10)),
    dropped: (callback, now) =>
      memory.db.transaction(async (sql) => {
        const sheet = await readSheet(sql, [], { ids: [callback.id] });
        const callbacks = memory.outbox.dropped(sheet, callback, now);
        await sheet.write(sql);
        return callbacks;
      }),
    judge: async (mark) => settle(await memory.db.transaction((sql) => judgeDue(sql, mark, mark, judging()))),
    tryAgain: async (now) => settle(await memory.db.transaction((sql) => tryAgain(sql, now, now, judging()))),
    async cancel(id, client) {
      const { state, ...follows } = await memory.db.transaction((sql) =>
        cancel(sql, memory.recorder, { id, client }, Date.now()),
      );
      settle(follows);
      return state;
    },
    rows: (text, ...values) => memory.db.read.rows(text, ...values),
    async reopen() {
      await memory.db.close();
      Object.assign(memory, await openIt());
    },
    async close() {
      await memory.db.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return memory;
}
