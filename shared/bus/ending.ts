// The end of a service whose broker is of no use: away, silent, or refusing what is published. It is waited for, but not
// for ever; what is unconfirmed then stays unacknowledged, and the broker delivers it again.
import type { Log } from '../telemetry/log.ts';
import type { QueueReader } from './consume.ts';
import type { Line } from './line.ts';
import type { Publisher } from './publish.ts';

/** A service that ends waits so long for a sign of life of the broker: an answer, and a confirm while any is due. */
const WAIT_FOR_BROKER_MS = 5_000;
const LOOK_EVERY_MS = 250;

export type Ending = {
  /** The service ends from now on. Resolves if the broker is given up. */
  begin(): Promise<void>;
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

  function giveUp(): void {
    const { unconfirmed } = publisher;
    let held = 0;
    for (const reader of readers) held += reader.giveUp();
    log.warn(
      { held, unconfirmed },
      `ended without the broker, which was of no use for ${WAIT_FOR_BROKER_MS / 1_000} s: what was not confirmed is delivered again`,
    );
    for (const line of Object.values(lines)) line.giveUp();
  }

  return {
    begin() {
      givenUp ??= new Promise((resolve) => {
        let since = performance.now();
        timer = setInterval(() => {
          const confirms = publisher.unconfirmed === 0 || publisher.lastConfirm > since;
          if (confirms && answeredAt > since) since = performance.now();
          else if (performance.now() - since > WAIT_FOR_BROKER_MS) {
            clearInterval(timer);
            giveUp();
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
