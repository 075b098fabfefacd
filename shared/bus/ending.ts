// The end of a service that cannot finish what it holds: its broker is away, silent or refuses what is published, or the
// service says itself that it cannot work. That is waited for, but not for ever; what it holds then stays unacknowledged,
// and the broker delivers it again.
import type { Log } from '../telemetry/log.ts';
import type { QueueReader } from './consume.ts';
import type { Line } from './line.ts';
import type { Publisher } from './publish.ts';

/** A service that ends waits so long for the broker's answer, for a confirm while any is due, and to be able to work. */
const WAIT_MS = 5_000;
const LOOK_EVERY_MS = 250;

export type Ending = {
  /** The service ends from now on; `notReady` says why it cannot work. Resolves if what it holds is given up. */
  begin(notReady?: () => string | undefined): Promise<void>;
  /** It has ended. */
  over(): void;
};

export function openEnding(
  lines: { out: Line; into: Line },
  publisher: Publisher,
  readers: ReadonlySet<QueueReader>,
  log: Log,
): Ending {
  let timer: NodeJS.Timeout | undefined;
  let givenUp: Promise<void> | undefined;
  let answeredAt = 0;
  let asking = false;

  /** A channel opened and closed: the broker's word that it is there. */
  async function ask(): Promise<void> {
    if (asking) return;
    asking = true;
    try {
      const channel = await lines.into.channel();
      answeredAt = performance.now();
      await channel.close();
    } catch {
      // No answer.
    } finally {
      asking = false;
    }
  }

  function giveUp(reason: string): void {
    const { unconfirmed } = publisher;
    let held = 0;
    for (const reader of readers) held += reader.giveUp();
    log.warn({ held, unconfirmed, reason }, 'ended with messages in hand: the broker delivers them again');
    for (const line of Object.values(lines)) line.giveUp();
  }

  return {
    begin(notReady) {
      givenUp ??= new Promise((resolve) => {
        let since = performance.now();
        const wrong = () => {
          if (answeredAt <= since) return 'no answer from the broker';
          if (publisher.unconfirmed > 0 && publisher.lastConfirm <= since) return 'the broker confirms nothing';
          return notReady?.();
        };
        timer = setInterval(() => {
          const reason = wrong();
          if (!reason) since = performance.now();
          else if (performance.now() - since > WAIT_MS) {
            clearInterval(timer);
            giveUp(`${reason} for ${WAIT_MS / 1_000} s`);
            return resolve();
          }
          void ask();
        }, LOOK_EVERY_MS);
      });
      return givenUp;
    },
    over: () => clearInterval(timer),
  };
}
