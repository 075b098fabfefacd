// The topology at the broker: set-up declares it, services only check that it is there.
import type { Channel } from 'amqplib';
import { reasonOf } from '../telemetry/log.ts';
import { formerQueue, type Topology } from '../topology.ts';
import { brokerName, dial } from './dial.ts';

const CHECKS_AT_ONCE = 8;

/**
 * Declares everything, `health` last, so that its presence tells a service that set-up came to its end. Returns whether
 * a queue is new: a young quorum queue is not safe until the broker has written its directory (Broker.flushDeclarations).
 */
export async function declareTopology(
  url: string,
  { exchanges, queues, bindings }: Topology,
): Promise<{ fresh: boolean }> {
  const fresh = (await missingFrom(url, { exchanges, queues, bindings })) !== undefined;
  const model = await dial(url);
  try {
    const channel = await model.createChannel();
    channel.on('error', () => {});
    for (const queue of queues) {
      try {
        await channel.assertQueue(queue.name, { durable: true, arguments: queue.arguments });
      } catch (error) {
        if (!/406/.test(reasonOf(error))) throw error;
        throw new Error(
          `RabbitMQ at ${brokerName(url)} has a queue ${queue.name} with other arguments: it is not Hermod's, or from another version. Use another vhost, or delete it when it is empty`,
        );
      }
    }
    const news = exchanges.filter(({ type }) => type === 'fanout');
    for (const exchange of exchanges.filter(({ type }) => type !== 'fanout')) {
      await channel.assertExchange(exchange.name, exchange.type, { durable: true });
    }
    for (const binding of bindings) await channel.bindQueue(binding.queue, binding.exchange, binding.key);
    // Not before: for a moment both queues get a message, and its hand-over key takes the repeat away.
    for (const { queue, exchange, key } of bindings) {
      const former = formerQueue(queue);
      if (former) await channel.unbindQueue(former, exchange, key);
    }
    for (const exchange of news) await channel.assertExchange(exchange.name, exchange.type, { durable: true });
  } finally {
    await model.close().catch(() => {});
  }
  return { fresh };
}

/** The name of the first exchange or queue that is not there, or undefined. Declares nothing. */
async function missingFrom(url: string, topology: Topology): Promise<string | undefined> {
  const model = await dial(url);
  model.on('error', () => {});
  try {
    return await missingOn(async () => {
      const channel = await model.createChannel();
      channel.on('error', () => {});
      return channel;
    }, topology);
  } finally {
    await model.close().catch(() => {});
  }
}

/** The same on channels of a connection that is there: several, since each asks one thing after another. */
export async function missingOn(
  openChannel: () => Promise<Channel>,
  { exchanges, queues }: Topology,
): Promise<string | undefined> {
  const checks = [
    ...exchanges.map(({ name }) => ({ name, check: (channel: Channel) => channel.checkExchange(name) })),
    ...queues.map(({ name }) => ({ name, check: (channel: Channel) => channel.checkQueue(name) })),
  ];
  const missing: number[] = [];
  const checkFrom = async (first: number) => {
    const channel = await openChannel();
    for (let i = first; i < checks.length; i += CHECKS_AT_ONCE) {
      try {
        await checks[i]!.check(channel);
      } catch (error) {
        if (!/404/.test(reasonOf(error))) throw error;
        return void missing.push(i); // The broker closed the channel.
      }
    }
    await channel.close();
  };
  await Promise.all(Array.from({ length: Math.min(CHECKS_AT_ONCE, checks.length) }, (_, i) => checkFrom(i)));
  return missing.length > 0 ? checks[Math.min(...missing)]!.name : undefined;
}
