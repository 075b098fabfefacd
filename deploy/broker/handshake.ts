// AMQP handshakes: the proof that a broker answers at an address and takes our credentials.
import { setTimeout as delay } from 'node:timers/promises';
import { dial, lastingFault } from '#shared/bus/dial.ts';

const ASK_EVERY_MS = 100;
const PROGRESS_EVERY_MS = 5_000;

export type Waiting = {
  withinMs: number;
  /** Gives up at once when this says true: the broker that was started has ended. */
  ended?: () => boolean;
  /** Called every 5 s with the seconds that have passed. */
  progress?: (seconds: number) => void;
};

/**
 * Resolves when the broker at `url` has accepted a connection. Rejects with one line, without credentials, when the time
 * is over, and at once when the broker refuses user, password or virtual host, or shows a certificate that is not
 * trusted: asking again would not change that.
 */
export async function untilAnswers(url: string, { withinMs, ended, progress }: Waiting): Promise<void> {
  const began = performance.now();
  let nextProgress = PROGRESS_EVERY_MS;
  for (;;) {
    const refused = await ask(url);
    if (!refused) return;
    const { reason, lasting } = refused;
    const passed = performance.now() - began;
    if (passed > withinMs || ended?.() || lasting) throw new Error(reason);
    if (passed > nextProgress) {
      progress?.(Math.round(passed / 1_000));
      nextProgress += PROGRESS_EVERY_MS;
    }
    await delay(ASK_EVERY_MS);
  }
}

/** What kept the handshake from succeeding, undefined when nothing did. */
async function ask(url: string): Promise<{ reason: string; lasting: boolean } | undefined> {
  try {
    const connection = await dial(url);
    connection.on('error', () => {});
    await connection.close();
    return undefined;
  } catch (error) {
    // Several addresses for one name give an AggregateError, whose message is empty.
    const { message, code } = error as NodeJS.ErrnoException;
    const reason = (message || code || 'no answer').replaceAll(/\s+/g, ' ');
    return { reason, lasting: /ACCESS.REFUSED|NOT.ALLOWED/.test(reason) || lastingFault(url, error) !== undefined };
  }
}
