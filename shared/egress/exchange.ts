// A link for bearers whose hand-overs stand each for itself – a request, a mail, a run of a program –, so that there is
// no session to lose: what is under way is counted, waited for, and cut when the time is over.
import type { Outcome } from '../outcome.ts';
import type { Link } from './bearer.ts';
import type { Show } from './dialogue.ts';

/**
 * `handOver` never rejects; after `signal` is aborted it ends soon, as `unknown` when the provider may have the message.
 * An outcome `unavailable` ends the link: the worker then gives back what waits, and opens again with back-off.
 * `closed` runs when it is over, before `ended`.
 */
export function exchangeLink<P>(
  handOver: (prepared: P, signal: AbortSignal, show?: Show) => Promise<Outcome>,
  ended: (reason: string) => void,
  closed: () => void = () => {},
): Link<P> {
  const abort = new AbortController();
  let inFlight = 0;
  let over = false;
  let emptied: () => void = () => {};

  function end(reason: string): void {
    if (over) return;
    over = true;
    closed();
    ended(reason);
  }

  const empty = () =>
    new Promise<void>((resolve) => {
      emptied = resolve;
      if (inFlight === 0) resolve();
    });

  return {
    inFlight: () => inFlight,
    submit(prepared, done, show) {
      inFlight++;
      void handOver(prepared, abort.signal, show).then((outcome) => {
        inFlight--;
        done(outcome);
        if (outcome.kind === 'unavailable') end(outcome.reason);
        if (inFlight === 0) emptied();
      });
    },
    async close(drainMs) {
      const timer = setTimeout(() => abort.abort(), drainMs);
      await empty();
      clearTimeout(timer);
      end('closed');
    },
    cut(reason) {
      // When one answer ended the link, the others under way may still come, each in its own time.
      if (over) return;
      abort.abort();
      end(reason);
    },
  };
}
