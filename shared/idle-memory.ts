// Gives memory back at rest. What loading the code or a rush of messages left behind is a third of what an idle process
// holds, and V8 lets it lie for as long as nothing new is asked of it.
import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const LOOK_EVERY_MS = 10_000;
/** Of the time between two looks: how much of it the event loop worked. */
const REST = 0.05;
const WORK = 0.2;

/**
 * Collects garbage once after each time of work, the start being the first, as soon as the event loop has rested from one
 * look to the next; it stands still for 0.1 to 0.3 s meanwhile. A smaller young generation (--max-semi-space-size) saves
 * about as much, and pauses for longer in all under load.
 */
export function collectAtRest(everyMs = LOOK_EVERY_MS): void {
  let hasWorked = true;
  let before = performance.eventLoopUtilization();
  setInterval(() => {
    const { utilization } = performance.eventLoopUtilization(before);
    if (utilization > WORK) hasWorked = true;
    else if (utilization < REST && hasWorked) {
      hasWorked = false;
      collect();
    }
    before = performance.eventLoopUtilization();
  }, everyMs).unref();
}

/** As V8 does it when memory runs out: only then it gives back its young generation. What is compiled stays. */
function collect(): void {
  setFlagsFromString('--expose-gc');
  setFlagsFromString('--no-flush-bytecode');
  const gc: (options: object) => void = runInNewContext('gc');
  gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  setFlagsFromString('--flush-bytecode');
  setFlagsFromString('--no-expose-gc');
}
