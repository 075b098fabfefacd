// The state of a modem while it is in use: SIM, network, signal and storage, asked for now and then and shown as metrics.
// A modem that lost its SIM or its network is given up, so that messages take another way; what it has stored is read.
import { metrics } from '#shared/telemetry/metrics.ts';
import { type At, AtFault } from './at.ts';
import { isRegistered, registrationOf, signalOf, simOf, storageOf } from './identity.ts';
import type { Inbox } from './inbox.ts';

/** Checks in a row without a network after which it is gone: one may fall into a change of cells. */
const WITHOUT_NETWORK = 2;

export type WatchOptions = { name: string; every: number; warn(reason: string): void };

/** Begins at once. Returns what ends it. */
export function watch(at: At, inbox: Pick<Inbox, 'sweep'>, { name, every, warn }: WatchOptions): () => void {
  let missing = 0;
  /** What stays in the storage because it is not ours. */
  let left = 0;
  let busy = false;

  async function check(): Promise<void> {
    const sim = await simOf(at);
    if (sim !== 'READY' && sim !== 'busy') return at.end(`the SIM is not ready any more: ${sim}`);
    const registration = await registrationOf(at);
    metrics.modemRegistered.labels(name).set(isRegistered(registration) ? 1 : 0);
    missing = isRegistered(registration) ? 0 : missing + 1;
    if (missing >= WITHOUT_NETWORK) return at.end(`the network is lost: ${registration}`);
    const dbm = await signalOf(at);
    if (dbm === undefined) metrics.modemSignal.remove(name);
    else metrics.modemSignal.labels(name).set(dbm);
    const storage = await storageOf(at);
    if (!storage) return;
    metrics.modemStored.labels(name).set(storage.used);
    metrics.modemRoom.labels(name).set(storage.room);
    if (storage.used > left) left = await inbox.sweep();
  }

  const run = async () => {
    if (busy) return;
    busy = true;
    await check().catch((error: unknown) => {
      if (!(error instanceof AtFault)) warn(String(error));
    });
    busy = false;
  };
  void run();
  const timer = setInterval(run, every);
  return () => {
    clearInterval(timer);
    metrics.modemRegistered.labels(name).set(0);
    metrics.modemSignal.remove(name);
  };
}
