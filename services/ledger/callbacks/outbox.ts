// The outbox: callbacks that are owed, a row each, from the event until the client was told. Those of one message go out
// one after another; one that fails is tried again on a ladder of waits, until it is too old. Can be repeated without
// effect, as record.ts.
import {
  type Callback,
  callback as callbackSchema,
  type IncomingMessage,
  MAIL_SCHEME,
  WEBHOOK_SCHEME,
} from '#shared/messages/callback.ts';
import { VERSION } from '#shared/messages/envelope.ts';
import type { ReportOf } from '#shared/messages/report.ts';
import { runIn, type Sql } from '../database/database.ts';
import { withoutText } from '../record/receipts.ts';
import type { MessageRow, OutboxRow } from '../record/rows.ts';
import type { Sheet } from '../record/sheet.ts';
import type { Seal } from '../seal.ts';
import { isOwed, metaOf, type Owed } from './owed.ts';

export type OutboxOptions = {
  /** What a person wrote is encrypted while it waits. */
  seal: Seal;
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
  /** Writes what is owed, if it is, and returns it, as going out, if nothing of its message is before it. */
  owe(sheet: Sheet, message: MessageRow, owed: Owed, now: number): Callback[];
  /** A message from a handset, on its way to a client: written like what is owed, and returned, as going out. */
  handOn(sheet: Sheet, head: Head, message: IncomingMessage, now: number): Callback[];
  /** The notifier tried: returns the message's next callback when this one is done. */
  told(sheet: Sheet, report: ReportOf<'told'>, now: number): Callback[];
  /** An untold callback is in safe keeping: it leaves, and the message's next one may go out. */
  dropped(sheet: Sheet, callback: Callback, now: number): Callback[];
};

type Head = Pick<Callback, 'id' | 'client' | 'at' | 'url' | 'dlrType' | 'values'>;

export function openOutbox({ seal, accountOf, retries, giveUpAfter, onUntold }: OutboxOptions): Outbox {
  /** No id is ever given twice, by no ledger: the notifier remembers what it did by them. */
  let lastId = 0;
  const newId = (now: number) => {
    lastId = Math.max(lastId + 1, now * 1_000);
    return lastId;
  };

  function next(sheet: Sheet, messageId: string, now: number): Callback[] {
    const [first] = sheet.outbox(messageId);
    if (!first || first.published || first.due_at > now) return [];
    first.published = 1;
    sheet.changeOwed(first);
    return [callbackOf(first, seal)];
  }

  return {
    owe(sheet, message, owed, now) {
      const { id, dlr_mask: mask, dlr_url: url } = message;
      if (!message.known || !url || !isOwed(owed.type, mask)) return [];
      const { type, at, text, provider, providerId } = owed;
      const { client, traceparent } = message;
      const about = { id, client, at, traceparent, url, dlrType: type };
      const values = {
        to: message.number,
        from: message.sender,
        given: message.given,
        provider,
        providerId,
        text,
        account: type === 8 || type === 16 ? '' : accountOf(provider),
        meta: metaOf(owed, mask),
        ...(tellsState(url) ? stateOf(type, message) : {}),
      };
      // An SMSC repeats the beginning of the SMS in its receipts.
      const plain = withoutText(text);
      const sealed = plain === text ? {} : { sealedText: seal.close(text, id) };
      const body = JSON.stringify({ ...about, values: { ...values, text: plain }, ...sealed });
      const first = sheet.outbox(id).length === 0;
      const row = {
        id: newId(now),
        message_id: id,
        due_at: now,
        first_at: now,
        tries: 0,
        published: first ? 1 : 0,
        body,
      };
      sheet.owe(row);
      return first ? [{ ...headOf(row), ...about, values }] : [];
    },

    handOn(sheet, head, message, now) {
      const values = { ...head.values, account: accountOf(head.values.provider) };
      const sealed = seal.close(JSON.stringify(message), head.id);
      const body = JSON.stringify({ ...head, values, sealed });
      const row = { id: newId(now), message_id: head.id, due_at: now, first_at: now, tries: 0, published: 1, body };
      sheet.owe(row);
      return [callbackOf(row, seal)];
    },

    told(sheet, { callback, tries, ok, reason, permanent, busy, at }, now) {
      const row = sheet.owed(callback);
      if (!row || (tries !== undefined && tries !== row.tries)) return [];
      if (ok) {
        sheet.done(row);
        return next(sheet, row.message_id, now);
      }
      const age = Math.max(0, at - row.first_at);
      const wait = busy ? busyWait(retries, age) : waitAfter(retries, age);
      if (!permanent && age + wait <= giveUpAfter) {
        sheet.changeOwed(Object.assign(row, { tries: row.tries + 1, published: 0, due_at: at + wait }));
        return [];
      }
      const message = sheet.message(row.message_id);
      if (message) sheet.change(Object.assign(message, { untold: reason }));
      const untold = callbackOf(row, seal);
      sheet.after.push(() => onUntold(untold, reason));
      return [];
    },

    dropped(sheet, { callback, id }, now) {
      const row = sheet.owed(callback);
      if (row) sheet.done(row);
      return next(sheet, id, now);
    },
  };
}

/** What was on its way when a ledger ended goes out again: the notifier knows what it has done already. */
export const unpublish = (sql: Sql) => sql.run('update outbox set published = 0 where published = 1');

const DUE = `from outbox o where published = 0 and due_at <= $1
  and not exists (select 1 from outbox e where e.message_id = o.message_id and e.id < o.id)`;

/** Whether a callback is due again: for a second or later try, or left over from before a restart. */
export const isDue = async (sql: Sql, now: number): Promise<boolean> =>
  (await sql.rows(`select 1 as n ${DUE} limit 1`, now)).length > 0;

/** Takes those out of the outbox, as going out. */
export async function takeDue(sql: Sql, seal: Seal, now: number, limit: number): Promise<Callback[]> {
  const rows = await sql.rows<OutboxRow>(`select * ${DUE} order by due_at limit $2`, now, limit);
  const ids = rows.map(({ id }) => id);
  await runIn(sql, 'update outbox set published = 1 where id in', ids);
  return rows.map((row) => callbackOf(row, seal));
}

/** Kannel's callback has no place for the state; a signed event and a mail have. */
const tellsState = (url: string) => url.startsWith(WEBHOOK_SCHEME) || url.startsWith(MAIL_SCHEME);

/** What these say beyond Kannel's type. The message may be further than the event by now. */
function stateOf(type: Owed['type'], { state, reason }: MessageRow): { state: string; reason: string } {
  if (type === 8) return { state: state === 'sent' ? 'sent' : 'submitted', reason: '' };
  return type === 4 ? { state: 'buffered', reason: '' } : { state, reason };
}

/** What a row's body holds beside the callback, encrypted: a message from a handset, or a receipt with its `text:`. */
type Stored = { values: { text: string }; sealed?: string; sealedText?: string };

const headOf = ({ id, tries }: OutboxRow) => ({ v: VERSION.callback, type: 'callback', callback: id, tries }) as const;

function callbackOf(row: OutboxRow, seal: Seal): Callback {
  const { sealed, sealedText, ...body } = JSON.parse(row.body) as Stored;
  if (sealedText !== undefined) body.values.text = seal.open(sealedText, row.message_id);
  const incoming = sealed === undefined ? {} : { incoming: JSON.parse(seal.open(sealed, row.message_id)) };
  return callbackSchema.parse({ ...body, ...incoming, ...headOf(row) });
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

/** Callbacks of which the client was not told yet. */
export async function waiting(sql: Sql): Promise<number> {
  const [row] = await sql.rows('select count(*) as n from outbox');
  return Number(row!.n);
}
