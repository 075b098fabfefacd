// What a test leaves in the broker that the test files of a run share. A message in the queue of a provider that the
// next rig does not have would go to the router when its time there is over, and then to the next rig's SMSC.
import { dial } from '#shared/bus/dial.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import type { Topology } from '#shared/topology.ts';

/** Takes everything out of those of the queues that are there. */
export async function emptyQueues(amqpUrl: string, { queues }: Pick<Topology, 'queues'>): Promise<void> {
  const model = await dial(amqpUrl);
  const open = async () => {
    const channel = await model.createChannel();
    channel.on('error', () => {});
    return channel;
  };
  try {
    let channel = await open();
    for (const { name } of queues) {
      try {
        await channel.purgeQueue(name);
      } catch (error) {
        if (!/404/.test(reasonOf(error))) throw error;
        channel = await open(); // No such queue: the broker closed the channel.
      }
    }
  } finally {
    await model.close();
  }
}
