// One case of the matrix, run: load, the fault in the midst of it, and what became of every message.
import type { Fates } from './recipients.ts';
import { BINDS } from './stand.ts';
import type { Ground } from './tally.ts';

export type Length = 'short' | 'full';
export type FaultCase<G extends Ground> = {
  name: string;
  /** Begins when a quarter of the load is offered. `length` is `short` in `npm test`. */
  fault(ground: G, length: Length): Promise<void>;
  /** Most extra arrivals at the SMSC; undefined: none is promised. */
  repeats?: number;
  /** Most milliseconds in which a door takes nothing. */
  doorsClosedMs?: number;
  /** Most binds at a time, where a frozen worker's socket may count beside the one that took its place. */
  binds?: number;
  /** Most seconds until everything has its end, with the short load. */
  seconds?: number;
  /** Part of `npm test`. */
  short?: true;
};

/** Counts are of this case alone. */
export type Row = Fates & {
  name: string;
  offered: number;
  repeated: number;
  repeatsAllowed: number | undefined;
  binds: number;
  /** The longest time in which one of the doors accepted nothing, in ms. */
  doorsClosedMs: number;
  doorsClosedAllowedMs: number | undefined;
  seconds: number;
  /** What is not as promised. */
  wrong: string[];
};

export type Load = { messages: number; perSecond: number; length: Length };

const SETTLES_WITHIN_MS = 120_000;
/** On a busy machine, where times say little. */
const SHORT_DOORS_CLOSED_MS = 10_000;

export async function runCase<G extends Ground>(ground: G, one: FaultCase<G>, load: Load): Promise<Row> {
  const { client, recipients } = ground;
  const { messages, perSecond, length } = load;
  const [from, repeatedBefore, since] = [recipients.count, recipients.repeated, Date.now()];
  const startedAt = performance.now();
  client.watch();
  let fault: Promise<void> | undefined;
  let isOver = false;
  const begin = () => {
    if (fault) return;
    fault = one.fault(ground, length).finally(() => {
      isOver = true;
    });
    fault.catch(() => {}); // Awaited below.
  };
  await client.offer(messages, perSecond, (sent) => {
    if (sent >= messages / 4) begin();
  });
  begin();
  while (!isOver) await client.offer(Math.ceil(perSecond / 2), perSecond);
  const failed = await fault!.then(
    () => undefined,
    (error: Error) => error.message,
  );
  await client.offer(Math.ceil(messages / 10), perSecond);
  const doorsClosedMs = Math.round(client.longestGap());
  const fates = await ground.settle(from, since, SETTLES_WITHIN_MS);
  const row: Row = {
    ...fates,
    name: one.name,
    offered: recipients.count - from,
    repeated: recipients.repeated - repeatedBefore,
    repeatsAllowed: one.repeats,
    binds: ground.binds(),
    doorsClosedMs,
    doorsClosedAllowedMs: one.doorsClosedMs,
    seconds: Math.round((performance.now() - startedAt) / 1_000),
    wrong: [],
  };
  row.wrong = faultsOf(row, one, length);
  if (failed !== undefined) row.wrong.push(`the fault itself failed: ${failed}`);
  return row;
}

/** What is not as promised; empty when all is well. */
function faultsOf(row: Row, one: FaultCase<never>, length: Length): string[] {
  const wrong: string[] = [];
  const doorsClosedMs = length === 'short' && one.doorsClosedMs ? SHORT_DOORS_CLOSED_MS : one.doorsClosedMs;
  const binds = one.binds ?? BINDS;
  if (row.accepted === 0) wrong.push('nothing was accepted');
  if (row.lost > 0) wrong.push(`${row.lost} lost`);
  if (row.open > 0) wrong.push(`${row.open} without a final state`);
  if (row.untold > 0) wrong.push(`${row.untold} not told their end`);
  if (row.repeated > (one.repeats ?? 0)) wrong.push(`${row.repeated} repeated, ${one.repeats ?? 0} are allowed`);
  if (row.binds > binds) wrong.push(`${row.binds} binds at a time, ${binds} allowed`);
  if (doorsClosedMs !== undefined && row.doorsClosedMs > doorsClosedMs)
    wrong.push(`doors closed for ${row.doorsClosedMs} ms, ${doorsClosedMs} ms are allowed`);
  if (length === 'short' && one.seconds !== undefined && row.seconds > one.seconds)
    wrong.push(`took ${row.seconds} s, ${one.seconds} s are allowed`);
  return wrong;
}
