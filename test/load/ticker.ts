// The load generator's clock, a thread of its own: it sleeps on a futex and says each time when a message is due.
import { parentPort, workerData } from 'node:worker_threads';
import { now } from './rig.ts';

/** It does not wake more often than this; what is due by then leaves together. */
const LEAST_TICK_MS = 0.2;

const { rate, startedAt } = workerData as { rate: number; startedAt: number };
const sleeper = new Int32Array(new SharedArrayBuffer(4));
const every = Math.max(LEAST_TICK_MS, 1_000 / rate);
for (;;) {
  const ticks = Math.floor((now() - startedAt) / every) + 1;
  Atomics.wait(sleeper, 0, 0, Math.max(0, startedAt + ticks * every - now()));
  parentPort!.postMessage(0);
}
