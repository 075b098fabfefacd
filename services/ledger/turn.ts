// Whose turn it is: of several ledgers one works, which holds an exclusive queue as a lock; the others ask for it every
// second. The lock goes with the connection that holds it.
import type { Bus } from '#shared/bus/bus.ts';
import type { Claim } from '#shared/bus/claim.ts';
import { type Log, reasonOf } from '#shared/telemetry/log.ts';
import { LEDGER_TURN } from '#shared/topology.ts';

const ASK_EVERY_MS = 1_000;

export type Duty = { begin(): Promise<void>; end(): Promise<void> };

/** `firstTry` resolves when the lock is ours and the work has begun, or when it is another's. */
export function holdTurn(bus: Bus, log: Log, duty: Duty): { firstTry: Promise<void>; stop(): Promise<void> } {
  let claim: Claim | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let waited = false;
  /** Beginning and ending wait for each other. */
  let step = Promise.resolve();
  const inOrder = (work: () => Promise<void>) => {
    step = step.then(work).catch((error) => log.error({ reason: reasonOf(error) }, 'cannot change turns'));
    return step;
  };

  const ask = () =>
    inOrder(async () => {
      if (stopped || claim) return;
      claim = await bus.tryClaim(LEDGER_TURN, lost);
      if (claim) {
        if (waited) log.info('this ledger works now');
        return duty.begin();
      }
      if (!waited) log.info('another ledger works, this one stands by');
      waited = true;
      again();
    });
  function again(): void {
    clearTimeout(timer);
    if (!stopped) timer = setTimeout(() => void ask(), ASK_EVERY_MS);
  }
  function lost(): void {
    claim = undefined;
    waited = true;
    void inOrder(() => duty.end());
    again();
  }

  return {
    firstTry: ask(),
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await inOrder(() => duty.end());
      await claim?.release();
    },
  };
}
