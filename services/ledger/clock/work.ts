// What the working ledger does by the clock: callbacks that are due again, scheduled messages, messages without an end,
// forgetting, and news.
import type { Bus } from '#shared/bus/bus.ts';
import type { Config } from '#shared/config/schema.ts';
import { VERSION } from '#shared/messages/envelope.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { type Log, reasonOf } from '#shared/telemetry/log.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import { routerQueue, toQueue, toReport } from '#shared/topology.ts';
import type { Held } from '../answers/answers.ts';
import { isDue, type Outbox, takeDue, unpublish, waiting } from '../callbacks/outbox.ts';
import type { Telling } from '../callbacks/telling.ts';
import { type Database, insertRows, type Sql } from '../database/database.ts';
import { type HandedOn, handOn, handOnBroken, partsWaiting } from '../incoming/hand-on.ts';
import { nameList, standing } from '../incoming/suppressed.ts';
import type { Recorder } from '../record/record.ts';
import type { Writer } from '../record/writer.ts';
import type { Seal } from '../seal.ts';
import { type Fallbacks, fallbackReleased, isFallbackDue, leftOverFallbacks, releaseFallbacks } from './fallback.ts';
import { GRACE_MS, type Judged, judgeDue, tryAgain } from './judge.ts';
import type { Late } from './late.ts';
import { mayHaveMore, retentionSteps } from './retention.ts';
import { leftOver, release, released } from './schedule.ts';

const EVERY_MS = {
  due: 1_000,
  release: 200,
  handOn: 200,
  fallback: 500,
  mark: 5_000,
  judge: 1_000,
  tryAgain: 1_000,
  forget: 10_000,
  news: 2_000,
  count: 10_000,
};
const DUE_AT_ONCE = 1_000;

export type WorkOptions = {
  config: Config;
  bus: Bus;
  log: Log;
  db: Database;
  writer: Writer;
  recorder: Recorder;
  fallbacks: Fallbacks;
  seal: Seal;
  outbox: Outbox;
  late: Late;
  telling: Telling;
  /** The watermark, epoch ms; 0 until a mark came back. */
  mark(): number;
};
type Afterwards = Pick<Judged, 'callbacks' | 'after'>;
export type Work = {
  start(held: () => Promise<Held>): Promise<void>;
  stop(): void;
  /** Messages from handsets are stored and wait to be handed on. */
  arrived(): void;
  /** Tells doors that a suppression list changed. */
  tellSuppressed(): void;
  /** What follows when a transaction that made these is on disk. */
  afterwards(what: Afterwards): void;
};

export function openWork(options: WorkOptions): Work {
  const { config, bus, log, db, writer, recorder, fallbacks, seal, outbox, late, telling } = options;
  const { receiptsWithin } = config.ledger;
  const asksAlways = (provider: string) => alwaysAsks(config.providers[provider]);
  const judging = { recorder, receiptsWithin, asksAlways };
  let timers: { stopped: boolean; timer?: NodeJS.Timeout }[] = [];

  /** Runs `work` again and again, never twice at a time; at once while it says that there is more. */
  function every(ms: number, work: () => Promise<boolean>): void {
    const mine: (typeof timers)[number] = { stopped: false };
    timers.push(mine);
    const turn = async () => {
      const more = writer.trouble() ? false : await work().catch(failed);
      if (!mine.stopped) mine.timer = setTimeout(turn, more ? 0 : ms);
    };
    mine.timer = setTimeout(turn, 0);
  }
  function failed(error: unknown): boolean {
    log.error({ reason: reasonOf(error) }, 'work by the clock failed: it is tried again');
    return false;
  }

  function afterwards({ callbacks, after }: Afterwards): void {
    for (const then of after) then();
    void telling.tell(callbacks);
  }

  async function callbacksDue(): Promise<boolean> {
    const now = Date.now();
    if (!(await isDue(db.read, now))) return false;
    const callbacks = await writer.run((sql) => takeDue(sql, seal, now, DUE_AT_ONCE));
    await telling.tell(callbacks);
    return callbacks.length === DUE_AT_ONCE;
  }

  async function judge(step: (sql: Sql, mark: number) => Promise<Judged>): Promise<boolean> {
    const mark = options.mark();
    if (mark === 0) return false;
    const judged = await writer.run((sql) => step(sql, mark));
    afterwards(judged);
    return judged.more;
  }

  const incoming = { incoming: config.incoming, seal, outbox };
  async function handingOn(step: (sql: Sql) => Promise<HandedOn>): Promise<boolean> {
    const handed = await writer.run(step);
    afterwards(handed);
    if (handed.suppressed) await announceSuppressed();
    return handed.more;
  }
  let arrived = true;
  async function freshOnes(): Promise<boolean> {
    if (!arrived) return false;
    arrived = false;
    let more = true;
    try {
      more = await handingOn((sql) => handOn(sql, incoming, Date.now()));
    } finally {
      if (more) arrived = true;
    }
    return more;
  }
  /** Parts that were on their way are known when the mark is. */
  async function broken(): Promise<boolean> {
    const before = options.mark() - GRACE_MS - config.incoming.partsWithin;
    if (before <= 0 || (await partsWaiting(db.read)) === 0) return false;
    return handingOn((sql) => handOnBroken(sql, incoming, before, Date.now()));
  }

  async function toRouter(messages: readonly Sms[]): Promise<boolean> {
    if (messages.length === 0) return false;
    await Promise.all(messages.map((sms) => bus.publish(toQueue(routerQueue(sms.lane)), [sms])));
    await writer.run((sql) => released(sql, messages));
    return true;
  }

  const publishMark = () =>
    bus.publish(toReport('mark'), [{ v: VERSION.report, type: 'report', kind: 'mark', at: Date.now() }]);

  async function fallBack(messages: readonly Sms[]): Promise<boolean> {
    if (messages.length === 0) return false;
    await Promise.all(messages.map((sms) => bus.publish(toQueue(routerQueue(sms.lane)), [sms])));
    await writer.run((sql) => fallbackReleased(sql, messages));
    return true;
  }
  /** Receipts that came in time are read before the mark that is asked for when the time has come. */
  async function fallbacksDue(): Promise<boolean> {
    const now = Date.now();
    fallbacks.forget(now);
    if (fallbacks.isEmpty || !(await isFallbackDue(db.read, now))) return false;
    const mark = options.mark();
    if (mark === 0 || !(await isFallbackDue(db.read, mark))) {
      await publishMark();
      return false;
    }
    const messages = await writer.run((sql) => releaseFallbacks(sql, seal, fallbacks, mark, now));
    metrics.fallbacks.inc(messages.length);
    return fallBack(messages);
  }

  async function forget(): Promise<boolean> {
    let more = false;
    for (const step of steps) more = mayHaveMore(await writer.run((sql) => step(sql, Date.now()))) || more;
    return more;
  }
  const steps = retentionSteps(config.retention, seal);

  async function begin(): Promise<void> {
    const providers = Object.keys(config.providers).map((name) => [name, Date.now()]);
    await writer.run(async (sql) => {
      await unpublish(sql);
      await nameList(sql);
      await insertRows(sql, 'known_provider (name, seen_at)', 'on conflict (name) do nothing', providers);
    });
    while (await toRouter(await leftOver(db.read, seal)));
    await fallbacks.read(db.read, Date.now());
    while (await fallBack(await leftOverFallbacks(db.read, seal)));
  }

  const announceSuppressed = async () => bus.announce({ kind: 'suppressions', ...(await standing(db.read)) });

  return {
    afterwards,
    arrived: () => {
      arrived = true;
    },
    tellSuppressed: () => void announceSuppressed().catch(failed),
    async start(held) {
      arrived = true;
      await begin();
      every(EVERY_MS.due, callbacksDue);
      every(EVERY_MS.release, async () => toRouter(await writer.run((sql) => release(sql, seal, Date.now()))));
      every(EVERY_MS.handOn, freshOnes);
      every(EVERY_MS.fallback, fallbacksDue);
      every(EVERY_MS.judge, broken);
      every(EVERY_MS.mark, async () => {
        await publishMark();
        return false;
      });
      every(EVERY_MS.judge, () => judge((sql, mark) => judgeDue(sql, mark, Date.now(), judging)));
      every(EVERY_MS.tryAgain, () => judge((sql, mark) => tryAgain(sql, mark, Date.now(), judging)));
      every(EVERY_MS.forget, forget);
      every(EVERY_MS.count, async () => {
        metrics.callbacksWaiting.set(await waiting(db.read));
        metrics.incomingWaiting.set(await partsWaiting(db.read));
        return false;
      });
      every(EVERY_MS.news, async () => {
        bus.announce({ kind: 'paused', ...(await held()) });
        for (const news of late.news(Date.now())) bus.announce(news);
        await announceSuppressed();
        return false;
      });
    },
    stop() {
      for (const each of timers) {
        each.stopped = true;
        clearTimeout(each.timer);
      }
      timers = [];
    },
  };
}

const alwaysAsks = (provider: object | undefined): boolean =>
  provider !== undefined && 'receipts' in provider && provider.receipts === 'always';
