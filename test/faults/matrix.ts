// One case of the matrix, run: load, the fault in the midst of it, and what became of every message.
import type { FaultCase } from './cases.ts';
import { BINDS, type Stand, type Tally } from './stand.ts';

/** Counts are of this case alone. */
export type Row = {
  name: string;
  offered: number;
  accepted: number;
  lost: number;
  open: number;
  untold: number;
  repeated: number;
  repeatsAllowed: number;
  binds: number;
  /** The longest time in which nothing was accepted, in ms. */
  doorsClosedMs: number;
  seconds: number;
};

export type Load = { messages: number; perSecond: number; length: 'short' | 'full' };

export async function runCase(stand: Stand, one: FaultCase, { messages, perSecond, length }: Load): Promise<Row> {
  const before = await stand.tally(0);
  const startedAt = performance.now();
  let fault: Promise<void> | undefined;
  let isOver = false;
  const begin = () => {
    fault ??= one.fault(stand, length).finally(() => {
      isOver = true;
    });
  };
  await stand.client.offer(messages, perSecond, (sent) => {
    if (sent >= messages / 4) begin();
  });
  begin();
  while (!isOver) await stand.client.offer(perSecond, perSecond);
  await fault;
  const doorsClosedMs = stand.client.longestGap(startedAt);
  await stand.client.offer(Math.ceil(messages / 10), perSecond);
  const after = await stand.tally();
  const since = (key: keyof Tally) => after[key] - before[key];
  return {
    name: one.name,
    offered: since('offered'),
    accepted: since('accepted'),
    lost: since('lost'),
    open: since('open'),
    untold: since('untold'),
    repeated: since('repeated'),
    repeatsAllowed: one.repeats,
    binds: after.binds,
    doorsClosedMs: Math.round(doorsClosedMs),
    seconds: Math.round((performance.now() - startedAt) / 1_000),
  };
}

/** What is not as promised; empty when all is well. */
export function faultsOf(row: Row, { doorsClosedMs, seconds }: FaultCase, { length }: Load): string[] {
  const wrong: string[] = [];
  if (row.accepted === 0) wrong.push('nothing was accepted');
  if (row.lost > 0) wrong.push(`${row.lost} lost`);
  if (row.open > 0) wrong.push(`${row.open} without a final state`);
  if (row.untold > 0) wrong.push(`${row.untold} not told their end`);
  if (row.repeated > row.repeatsAllowed) wrong.push(`${row.repeated} repeated, ${row.repeatsAllowed} are allowed`);
  if (row.binds > BINDS) wrong.push(`${row.binds} binds at a time, ${BINDS} allowed`);
  if (doorsClosedMs !== undefined && row.doorsClosedMs > doorsClosedMs)
    wrong.push(`doors closed for ${row.doorsClosedMs} ms, ${doorsClosedMs} ms are allowed`);
  if (length === 'short' && seconds !== undefined && row.seconds > seconds)
    wrong.push(`took ${row.seconds} s, ${seconds} s are allowed`);
  return wrong;
}
