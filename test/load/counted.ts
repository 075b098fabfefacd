// What a run's notes of generator, SMSC and sink add up to.
import { ACCEPTED } from './callers.ts';
import { CALLBACKS_EACH } from './case.ts';
import type { Sent } from './generator.ts';
import { spreadOf } from './measure.ts';
import type { Result } from './run.ts';
import type { Calls } from './sink.ts';
import type { Arrivals } from './smsc.ts';

export function counted(sent: Sent, arrivals: Arrivals) {
  const refused: Record<string, number> = {};
  const toSmsc: number[] = [];
  const answer: number[] = [];
  let [accepted, lost, duplicated, uncertain] = [0, 0, 0, 0];
  for (const [i, status] of sent.status.entries()) {
    const times = arrivals.times[i]!;
    if (times > 1) duplicated += times - 1;
    if (times > 0) toSmsc.push(arrivals.at[i]! - sent.due[i]!);
    if (status === ACCEPTED) {
      accepted++;
      answer.push(sent.answered[i]! - sent.due[i]!);
      if (times === 0) lost++;
    } else {
      refused[status] = (refused[status] ?? 0) + 1;
      if (times > 0) uncertain++;
    }
  }
  return {
    sent: sent.status.length,
    accepted,
    refused,
    delivered: toSmsc.length,
    lost,
    duplicated,
    uncertain,
    acceptedPerSecond: perSecond(accepted, sent, latest(sent.answered)),
    toSmscPerSecond: perSecond(toSmsc.length, sent, latest(arrivals.at)),
    ...speedOf(sent, arrivals),
    toSmsc: spreadOf(Float64Array.from(toSmsc)),
    answer: spreadOf(Float64Array.from(answer)),
    late: spreadOf(sent.left.map((left, i) => left - sent.due[i]!)),
    brokenConnections: sent.broken.connections,
  };
}

/** From the first request until `until`. */
const perSecond = (count: number, { left }: Sent, until: number) =>
  count === 0 ? 0 : (count * 1_000) / (until - left[0]!);

/** In the second half of the load (the first has what a system does at its start), and from the first arrival to the last. */
function speedOf({ left }: Sent, { at }: Arrivals) {
  const there = at.filter((time) => time > 0).sort();
  const [first = 0, last = 0] = [there[0], there.at(-1)];
  const [begin = 0, end = 0] = [left[0], left.at(-1)];
  const half = (begin + end) / 2;
  const steady = there.filter((time) => time > half && time <= end).length;
  return {
    steadyPerSecond: end > half ? (steady * 1_000) / (end - half) : 0,
    drainPerSecond: last > first ? ((there.length - 1) * 1_000) / (last - first) : 0,
  };
}

export const latest = (times: Float64Array) => times.reduce((most, time) => Math.max(most, time), 0);

export function calledBack(sent: Sent, { times, lastAt }: Calls): NonNullable<Result['callbacks']> {
  let [made, lost, duplicated] = [0, 0, 0];
  for (const [i, status] of sent.status.entries()) {
    made += times[i]!;
    if (status === ACCEPTED) lost += Math.max(0, CALLBACKS_EACH - times[i]!);
    duplicated += Math.max(0, times[i]! - CALLBACKS_EACH);
  }
  return { made, perSecond: perSecond(made, sent, lastAt), lost, duplicated };
}
