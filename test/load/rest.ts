// After the load: waits until what was accepted has arrived, and until nothing works on it any more.
import { setTimeout as pause } from 'node:timers/promises';
import { CALLBACKS_EACH, type Case, type Rigs } from './case.ts';
import { useOf } from './measure.ts';
import { now } from './rig.ts';

const POLL_MS = 50;
const NO_PROGRESS_MS = 15_000;
const QUIET = { ms: 200, share: 0.1, within: 60_000 };

/**
 * Waits until what was accepted is at the SMSC, and told where that is asked; or until nothing more comes, or `within` ms
 * are over. Resolves with the number of messages, receipts and callbacks that are still missing.
 */
export async function arrived(what: Case, accepted: number, { smsc, sink }: Rigs, onPoll = () => {}): Promise<number> {
  const { receipts, callbacks, within = Number.POSITIVE_INFINITY } = what;
  const startedAt = now();
  let before = -1;
  for (let progressAt = startedAt; ; await pause(POLL_MS)) {
    onPoll();
    const [at, told] = await Promise.all([smsc.ask('progress', undefined), sink.ask('progress', undefined)]);
    const rest =
      Math.max(0, accepted - at.arrived) +
      (receipts ? Math.max(0, accepted - at.receipts) : 0) +
      (callbacks ? Math.max(0, accepted * CALLBACKS_EACH - told.calls) : 0);
    if (rest !== before) progressAt = now();
    before = rest;
    if (rest === 0 || now() - progressAt >= NO_PROGRESS_MS || now() - startedAt >= within) return rest;
  }
}

/** What each process uses while nothing is to be done, in cores, over `ms`. */
export async function useAtRest(pids: ReadonlyMap<string, number>, ms: number): Promise<Map<string, number>> {
  const used = () => new Map([...pids].map(([name, pid]) => [name, useOf(pid).cpuMs]));
  const [startedAt, before] = [now(), used()];
  await pause(ms);
  const passed = now() - startedAt;
  return new Map([...used()].map(([name, cpuMs]) => [name, (cpuMs - before.get(name)!) / passed]));
}

/**
 * When the processes came to rest: what the ledger still writes belongs to the run. `share` of a core is what they may use
 * at rest, all together.
 */
export async function quiet(pids: readonly number[], share = QUIET.share): Promise<number | undefined> {
  const used = () => pids.reduce((sum, pid) => sum + useOf(pid).cpuMs, 0);
  const startedAt = now();
  let restSince = startedAt;
  for (let before = used(), checkedAt = now(); checkedAt - startedAt < QUIET.within; ) {
    await pause(QUIET.ms);
    const after = used();
    const isQuiet = after - before < share * (now() - checkedAt);
    before = after;
    checkedAt = now();
    if (!isQuiet) restSince = checkedAt;
    else if (checkedAt - restSince >= 2 * QUIET.ms) return restSince;
  }
  return undefined;
}
