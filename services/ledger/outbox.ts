// The outbox: callbacks that are owed, a row each, from the event until the client was told. Those of one message go out
// one after another; one that fails is tried again on a ladder of waits, until it is too old. Runs inside the caller's
// transaction, and can be repeated without effect, as record.ts.
import { type Callback, callback as callbackSchema, WEBHOOK_SCHEME } from '#shared/messages/callback.ts';
import { VERSION } from '#shared/messages/envelope.ts';
import type { ReportOf } from '#shared/messages/report.ts';
import type { Database, Row } from './database.ts';
import { isOwed, metaOf, type Owed } from './owed.ts';

export type OutboxOptions = {
  /** Kannel's receipts name the account of the provider (%o). */
  accountOf(provider: string): string;
  /** Waits in ms between the tries of one callback; the last one is repeated. */
  retries: readonly number[];
  /** Age in ms at which a callback is given up. */
  giveUpAfter: number;
  /** The client will not be told. The row stays, and holds back the later ones of its message, until `dropped`. */
  onUntold(callback: Callback, reason: string): void;
};

export type Outbox = {
  /** Writes what is owed, if it is, and returns it if nothing of its message is before it. */
  owe(message: Row, owed: Owed, now: number): Callback[];
  /** The notifier tried: returns the message's next callback when this one is done. */
  told(report: ReportOf<'told'>, now: number): Callback[];
  /** Callbacks that are due again: a second or later try, or left over from before a restart. */
  due(now: number, limit: number): Callback[];
  /** These are on the notifier's queue. */
  published(callbacks: readonly Callback[]): void;
  /** An untold callback is in safe keeping: it leaves, and the message's next one may go out. */
  dropped(callback: Callback, now: number): Callback[];
};

export function openOutbox(db: Database, { accountOf, retries, giveUpAfter, onUntold }: OutboxOptions): Outbox {
  const sql = {
    owe: db.statement('insert into outbox (message_id, due_at, first_at, body) values ($1, $2, $3, $4)'),
    before: db.statement('select 1 from outbox where message_id = $1 and id < $2 limit 1'),
    row: db.statement('select * from outbox where id = $1'),
    done: db.statement('delete from outbox where id = $1'),
    again: db.statement('update outbox set tries = tries + 1, published = 0, due_at = $1 where id = $2'),
    first: db.statement('select * from outbox where message_id = $1 order by id limit 1'),
    // The answer may be written before this: then the row counts another try, and waits for it unpublished.
    sent: db.statement('update outbox set published = 1 where id = $1 and tries = $2'),
    due: db.statement(`select * from outbox o where published = 0 and due_at <= $1
      and not exists (select 1 from outbox e where e.message_id = o.message_id and e.id < o.id) order by due_at limit $2`),
    state: db.statement('select state, reason from message where id = $1'),
    untold: db.statement('update message set untold = $1 where id = $2'),
  };
  // What was on its way when the ledger ended goes out again: the notifier knows what it has done already.
  db.statement('update outbox set published = 0 where published = 1').run();

  function next(messageId: unknown, now: number): Callback[] {
    const first = sql.first.get(messageId as string);
    return first && !first.published && Number(first.due_at) <= now ? [callbackOf(first)] : [];
  }

  return {
    owe(message, owed, now) {
      const mask = Number(message.dlr_mask);
      if (!message.known || !message.dlr_url || !isOwed(owed.type, mask)) return [];
      const { type, at, text, provider, providerId } = owed;
      const body = JSON.stringify({
        id: message.id,
        client: message.client,
        at,
        traceparent: message.traceparent,
        url: message.dlr_url,
        dlrType: type,
        values: {
          to: message.number,
          from: message.sender,
          given: message.given,
          provider,
          providerId,
          text,
          account: type === 8 || type === 16 ? '' : accountOf(provider),
          meta: metaOf(owed, mask),
          ...(String(message.dlr_url).startsWith(WEBHOOK_SCHEME) ? eventOf(type, sql.state.get(message.id!)!) : {}),
        },
      });
      const { id } = sql.owe.run(message.id!, now, now, body);
      return sql.before.get(message.id!, id) ? [] : [callbackOf({ id, tries: 0, body })];
    },

    told({ callback, tries, ok, reason, permanent, busy, at }, now) {
      const row = sql.row.get(callback);
      if (!row || (tries !== undefined && tries !== row.tries)) return [];
      if (ok) {
        sql.done.run(callback);
        return next(row.message_id, now);
      }
      const age = Math.max(0, at - Number(row.first_at));
      const wait = busy ? busyWait(retries, age) : waitAfter(retries, age);
      if (!permanent && age + wait <= giveUpAfter) {
        sql.again.run(at + wait, callback);
        return [];
      }
      sql.untold.run(reason, row.message_id!);
      onUntold(callbackOf(row), reason);
      return [];
    },

    due: (now, limit) => sql.due.all(now, limit).map(callbackOf),

    published(callbacks) {
      for (const { callback, tries } of callbacks) sql.sent.run(callback, tries);
    },

    dropped({ callback, id }, now) {
      sql.done.run(callback);
      return next(id, now);
    },
  };
}

/** What a signed event says beyond Kannel's type. The row may be further than the event by now. */
function eventOf(type: Owed['type'], { state, reason }: Row): { state: string; reason: string } {
  if (type === 8) return { state: state === 'sent' ? 'sent' : 'submitted', reason: '' };
  return type === 4 ? { state: 'buffered', reason: '' } : { state: String(state), reason: String(reason) };
}

function callbackOf(row: Row): Callback {
  const head = { v: VERSION.callback, type: 'callback', callback: row.id, tries: row.tries };
  return callbackSchema.parse({ ...JSON.parse(row.body as string), ...head });
}

/** The wait on the ladder after a try that failed `age` ms after the callback became due. */
export function waitAfter(retries: readonly number[], age: number): number {
  let end = 0;
  for (const wait of retries) {
    end += wait;
    if (age < end) return wait;
  }
  return retries.at(-1)!;
}

/** Not tried, since its host has enough to do: at a moment between the first wait and the ladder's, not all at once. */
function busyWait(retries: readonly number[], age: number): number {
  const least = retries[0]!;
  return Math.round(least + Math.random() * (waitAfter(retries, age) - least));
}
