// The broker of a run: the one in AMQP_URL where no other gateway works, else a private node.
import { rmSync } from 'node:fs';
import { connect } from 'amqplib';
import { declareTopology } from '#shared/bus/declared.ts';
import { brokerName } from '#shared/bus/dial.ts';
import type { Config } from '#shared/config/schema.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { deliverQueue, egressQueue, LANES, topologyOf } from '#shared/topology.ts';
import { startPrivateNode } from '../../deploy/broker/node.ts';
import { CLIENT, providersOf } from './configuration.ts';
import { listenerOf } from './measure.ts';
import type { SystemOptions } from './system.ts';

export async function startBroker(dir: string, { amqpUrl, brokerPid, providers, say }: SystemOptions) {
  if (amqpUrl) {
    await withChannel(amqpUrl, async () => {}).catch((error) => {
      throw new Error(`no RabbitMQ at ${brokerName(amqpUrl)} (${reasonOf(error)}): start it, or unset AMQP_URL`);
    });
    const pid = brokerPid ?? listenerOf(Number(new URL(amqpUrl).port || 5_672));
    return { url: amqpUrl, pid, stop: () => tidyBroker(amqpUrl, providers).catch(() => {}) };
  }
  const node = await startPrivateNode({ dir, say });
  const stop = async () => {
    await node.stop();
    rmSync(node.home, { recursive: true, force: true });
  };
  return { url: node.url, pid: node.pid, stop };
}

/** Declares the topology. Another gateway's broker is left alone: it would send the bench's messages, and we its. */
export async function prepareBroker(amqpUrl: string, config: Config): Promise<void> {
  const wanted = topologyOf(config);
  await declareTopology(amqpUrl, wanted);
  await withChannel(amqpUrl, async (channel) => {
    for (const { name } of wanted.queues) {
      const { messageCount, consumerCount } = await channel.checkQueue(name);
      if (messageCount === 0 && consumerCount === 0) continue;
      const why = consumerCount > 0 ? 'another gateway reads' : `${messageCount} messages wait in`;
      throw new Error(`${why} the queue ${name}: give the bench a broker or vhost of its own (AMQP_URL)`);
    }
  });
}

/** Takes away the queues of the bench's providers and client; all others belong to every installation. */
async function tidyBroker(amqpUrl: string, providers: number): Promise<void> {
  await withChannel(amqpUrl, async (channel) => {
    for (const provider of providersOf(providers)) {
      for (const lane of LANES) await channel.deleteQueue(egressQueue(provider, lane));
    }
    await channel.deleteQueue(deliverQueue(CLIENT.name));
  });
}

type Channel = Awaited<ReturnType<Awaited<ReturnType<typeof connect>>['createChannel']>>;

async function withChannel(amqpUrl: string, work: (channel: Channel) => Promise<void>): Promise<void> {
  const model = await connect(amqpUrl, { noDelay: true });
  try {
    await work(await model.createChannel());
  } finally {
    await model.close().catch(() => {});
  }
}
