// The topology at the broker: set-up declares it, services only check that it is there.
import { reasonOf } from '../telemetry/log.ts';
import { formerQueue, type Topology } from '../topology.ts';
import { brokerName, dial } from './dial.ts';

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
export async function missingFrom(url: string, { exchanges, queues }: Topology): Promise<string | undefined> {
  const model = await dial(url);
  model.on('error', () => {});
  let checking = '';
  try {
    const channel = await model.createChannel();
    channel.on('error', () => {});
    for (const { name } of exchanges) {
      checking = name;
      await channel.checkExchange(name);
    }
    for (const { name } of queues) {
      checking = name;
      await channel.checkQueue(name);
    }
    return undefined;
  } catch (error) {
    if (/404/.test(reasonOf(error))) return checking;
    throw error;
  } finally {
    await model.close().catch(() => {});
  }
}
