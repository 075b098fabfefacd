// `hermod setup --back`: undoes at the broker what this version's set-up changed for queues that took the place of others,
// so that the version before finds everything where it looks.
import { setTimeout as pass } from 'node:timers/promises';
import type { ConfirmChannel } from 'amqplib';
import { reasonOf } from '#shared/telemetry/log.ts';
import { formerQueue, type Topology } from '#shared/topology.ts';
import { Fault } from './fault.ts';

const MOST_UNDER_WAY = 100;
/** Empty twice in a row is empty: a delivery takes far less time. */
const LOOK_EVERY_MS = 500;

/** Batches that came back into the queue of the version before. */
export type Back = { queue: string; former: string; batches: number };

/** Binds the former queues again, moves what waits in the new ones into them, and deletes the new ones. */
export async function goBack(channel: ConfirmChannel, { queues, bindings }: Topology): Promise<Back[]> {
  const changed = queues.flatMap(({ name }) => {
    const former = formerQueue(name);
    return former ? [{ queue: name, former }] : [];
  });
  for (const { queue, former } of changed) {
    const { consumerCount } = await look(channel, queue, 'this version never ran at this broker');
    await look(channel, former, 'run `hermod setup` of the version before first');
    if (consumerCount > 0) throw new Fault(`${queue} is still read: stop the services of this version first`);
  }
  for (const { queue, exchange, key } of bindings) {
    const former = formerQueue(queue);
    if (!former) continue;
    await channel.bindQueue(former, exchange, key);
    await channel.unbindQueue(queue, exchange, key);
  }
  const back: Back[] = [];
  for (const { queue, former } of changed) {
    back.push({ queue, former, batches: await move(channel, queue, former) });
    await channel.deleteQueue(queue);
  }
  return back;
}

async function look(channel: ConfirmChannel, queue: string, advice: string) {
  try {
    return await channel.checkQueue(queue);
  } catch (error) {
    if (/404/.test(reasonOf(error))) throw new Fault(`there is no ${queue}: ${advice}`);
    throw error;
  }
}

/** Confirmed there, then acknowledged here: a repeat is possible, a loss is not. Headers of the broker's own stay behind. */
async function move(channel: ConfirmChannel, from: string, to: string): Promise<number> {
  let taken = 0;
  let moved = 0;
  let refused: Error | null = null;
  await channel.prefetch(MOST_UNDER_WAY);
  const { consumerTag } = await channel.consume(from, (message) => {
    if (!message) return;
    taken++;
    const { type, messageId, timestamp, expiration, headers } = message.properties;
    const properties = { persistent: true, type, messageId, timestamp, ...(expiration ? { expiration } : {}) };
    channel.sendToQueue(to, message.content, { ...properties, headers: { v: headers?.v, n: headers?.n } }, (error) => {
      refused ??= error; // Not acknowledged: it stays where it was.
      if (error) return;
      channel.ack(message);
      moved++;
    });
  });
  for (let before = -1; ; before = taken) {
    const { messageCount } = await channel.checkQueue(from);
    if (refused) throw new Fault(`${to} takes no messages: ${reasonOf(refused)}`);
    if (messageCount === 0 && taken === moved && taken === before) break;
    await pass(LOOK_EVERY_MS);
  }
  await channel.cancel(consumerTag);
  return moved;
}
