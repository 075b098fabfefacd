// Dead letters: what no one could parse or finish. Kept in `dead.<kind>` until a person looks; never dropped.
import { inspect } from 'node:util';
import type { ConfirmChannel } from 'amqplib';
import { type Log, reasonOf } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { type DeadKind, deadQueue } from '../topology.ts';
import type { Line } from './line.ts';

/** `body` is the envelope as it was, or the raw content in base64 when it was not even JSON. */
export type DeadLetter = { queue: string; reason: string; body: unknown };

export type DeadLetters = { add(kind: DeadKind, letter: DeadLetter): Promise<void> };

const AGAIN_MS = 500;

export async function openDeadLetters(line: Line, log: Log): Promise<DeadLetters> {
  let channel: ConfirmChannel | undefined;
  line.onDown(() => {
    channel = undefined;
  });
  await line.onUp(async (model) => {
    const fresh = await model.createConfirmChannel();
    fresh.on('error', (error) => log.error({ reason: reasonOf(error) }, 'dead letter channel closed by the broker'));
    channel = fresh;
  });
  function put(kind: DeadKind, content: Buffer): Promise<void> {
    return new Promise((resolve) => {
      const again = () => setTimeout(() => put(kind, content).then(resolve), AGAIN_MS);
      if (!channel) return void again();
      try {
        channel.sendToQueue(deadQueue(kind), content, { persistent: true, type: 'dead' }, (error) =>
          error ? again() : resolve(),
        );
      } catch {
        again();
      }
    });
  }
  return {
    add(kind, letter) {
      metrics.dead.inc({ kind, reason: letter.reason.slice(0, 60) });
      log.error({ queue: letter.queue, kind, reason: letter.reason }, 'put aside as a dead letter: see `hermod dead`');
      return put(kind, contentOf(letter));
    },
  };
}

/** What is nested deeper than JSON can be written was never ours: an outline of it is kept, and its reader goes on. */
function contentOf(letter: DeadLetter): Buffer {
  const whole = { v: 1, at: Date.now(), ...letter };
  try {
    return Buffer.from(JSON.stringify(whole));
  } catch {
    return Buffer.from(JSON.stringify({ ...whole, body: inspect(letter.body, { depth: 3 }) }));
  }
}
