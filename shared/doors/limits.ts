// Where clients and numbers stand with their limits, for an administrator: how much of a cap is used, and letting a client
// or a number begin again. Asked of all doors, since each counts for itself where no Valkey or Redis is shared.
import { randomUUID } from 'node:crypto';
import type { Bus } from '../bus/bus.ts';
import type { Config } from '../config/schema.ts';
import { counters } from '../counters.ts';
import { capKey, capOf, quotaKey, quotaWindow, rateKey } from './admission.ts';

/** `used` of `most`, until `forMs` from now. */
export type Used = { client: string; limit: 'quota' | 'number'; most: number; used: number; forMs: number };
export type LimitsAnswer = { counts: string; used: Used[] };

/** One for all doors of this process: what they count together is not added up. */
const OWN = randomUUID();
const MOST_CLIENTS = 500;

/** Answers for this process; `number` in E.164 digits asks for the caps of that number. */
export const serveLimits = (bus: Bus, { clients }: Pick<Config, 'clients'>): Promise<void> =>
  bus.listen((item, reply) => {
    if (item.kind !== 'ask') return;
    const { client, number } = item as { client?: string; number?: string };
    const names = Object.keys(clients).filter((name) => client === undefined || name === client);
    if (item.what === 'limits') void usedBy(clients, names, number).then(reply);
    else if (item.what === 'begin-again') void beginAgain(names, number).then(reply);
  });

async function usedBy(clients: Config['clients'], names: string[], number?: string): Promise<LimitsAnswer> {
  const counts = await counters();
  const used: Used[] = [];
  const now = Date.now();
  for (const client of names.slice(0, MOST_CLIENTS)) {
    const { dailyQuota } = clients[client]!;
    const cap = capOf(clients[client]!);
    if (number === undefined && dailyQuota !== undefined) {
      const { n } = await counts.used(quotaKey(client, now));
      used.push({
        client,
        limit: 'quota',
        most: dailyQuota,
        used: n,
        forMs: quotaWindow(dailyQuota, now).seconds * 1_000,
      });
    }
    if (number === undefined || !cap) continue;
    const { n, forMs } = await counts.used(capKey(counts, client, number));
    if (n > 0) used.push({ client, limit: 'number', most: cap.most, used: n, forMs });
  }
  return { counts: counts.shared ? 'shared' : OWN, used };
}

/** A client's rate and quota of today, or what a number had from each of the clients. */
async function beginAgain(names: string[], number?: string): Promise<true> {
  const counts = await counters();
  for (const client of names) {
    const keys =
      number === undefined ? [rateKey(client), quotaKey(client, Date.now())] : [capKey(counts, client, number)];
    for (const key of keys) await counts.forget(key);
  }
  return true;
}

/** Asks all doors; one row for each client, of all that count for themselves. */
export async function askLimits(bus: Bus, number?: string, forMs = 1_000): Promise<Used[]> {
  const question = { kind: 'ask', what: 'limits', ...(number === undefined ? {} : { number }) } as const;
  const answers = (await bus.askAll(question, forMs)) as LimitsAnswer[];
  const rows = new Map<string, Used>();
  for (const { used } of new Map(answers.map((answer) => [answer.counts, answer])).values())
    for (const row of used) {
      const before = rows.get(row.client);
      rows.set(row.client, before ? { ...row, used: before.used + row.used } : row);
    }
  return [...rows.values()];
}

/** How many doors did it. */
export async function letBeginAgain(
  bus: Bus,
  about: { client?: string; number?: string },
  forMs = 1_000,
): Promise<number> {
  return (await bus.askAll({ kind: 'ask', what: 'begin-again', ...about }, forMs)).length;
}
