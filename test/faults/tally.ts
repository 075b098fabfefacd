// What a gateway did with the messages of one case, whichever gateway it is: counted when nothing moves any more.
import { setTimeout as pass } from 'node:timers/promises';
import type { Client } from './client.ts';
import type { ReadEnds } from './ends.ts';
import type { Fates, Recipients } from './recipients.ts';

const LOOK_EVERY_MS = 250;

/** Where cases run: a gateway under load, and the counts at its far end. */
export type Ground = {
  client: Client;
  recipients: Recipients;
  /** The most binds at a time that the SMSC ever had. */
  binds(): number;
  /** Waits, `ms` at most, until all messages from recipient `from` on, offered since `since`, have come to their end. */
  settle(from: number, since: number, ms: number): Promise<Fates>;
};

/** Without `readEnds` the gateway keeps no final states: then arrivals and callbacks are all there is to wait for. */
export async function settle(
  recipients: Recipients,
  readEnds: ReadEnds | undefined,
  { from, since, ms }: { from: number; since: number; ms: number },
): Promise<Fates> {
  for (const giveUp = performance.now() + ms; ; ) {
    let fates = recipients.fates(from);
    const late = performance.now() >= giveUp;
    // Reading the ledger costs it something: last, unless the time is over.
    if (readEnds && (late || fates.untold === 0)) {
      // A ledger that is away cannot be read: the count before stands.
      for (const { number, state } of await readEnds(since).catch(() => [])) recipients.end(number, state);
      fates = recipients.fates(from);
    }
    const done = fates.lost + fates.untold === 0 && (fates.open === 0 || !readEnds);
    if (done || late) return fates;
    await pass(LOOK_EVERY_MS);
  }
}
