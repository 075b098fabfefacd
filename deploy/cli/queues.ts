// `hermod queues prune`: takes away the queues of providers that are no longer configured, once nothing is in them.
import { setTimeout as pass } from 'node:timers/promises';
import type { Channel } from 'amqplib';
import type { Command } from 'commander';
import { reasonOf } from '#shared/telemetry/log.ts';
import { egressQueue, LANES, routerQueue } from '#shared/topology.ts';
import {
  askLedger,
  audited,
  configFile,
  type Options,
  openPlainLine,
  optionsOf,
  providersIn,
  withBus,
} from './gateway.ts';
import { count, say, sayJson } from './output.ts';

type Found = { queue: string; messages: number; consumers: number };
type Pruned = Found & { deleted: boolean };

/**
 * AMQP tells what is ready, and not what is on its way to the router from an expired message: that takes far less time
 * than this, unless the router's queue is missing.
 */
const STAYS_EMPTY_MS = 3_000;

export function addQueues(program: Command): void {
  const queues = program.command('queues').description("look after the broker's queues");
  queues
    .command('prune')
    .description('delete the queues of providers that are no longer configured, where they are empty')
    .addHelpText('after', '\nWhat is left in such a queue goes back to the router by itself, within 10 min.')
    .action((_options, command: Command) => prune(optionsOf(command)));
}

async function prune(options: Options): Promise<void> {
  const configured = new Set(providersIn(configFile(options)));
  const pruned = await withBus(options, async (bus) => {
    const known = await askLedger<string[]>(bus, { ask: 'providers' });
    const names = known.filter((provider) => !configured.has(provider));
    const deed = { action: 'prune', object: 'queues', detail: names.join(', ') };
    return names.length === 0 ? [] : audited(bus, deed, () => pruneQueues(names, options));
  });
  if (options.json) return sayJson(pruned);
  if (pruned.length === 0) return say('no provider that was removed has a queue');
  for (const each of pruned) say(`${each.queue}  ${each.deleted ? 'deleted' : why(each)}`);
}

async function pruneQueues(names: readonly string[], options: Options): Promise<Pruned[]> {
  const line = await openPlainLine(options);
  const pruned: Pruned[] = [];
  try {
    await line.onUp(async (model) => {
      const found = async (queue: string): Promise<Found | undefined> => {
        const channel = await model.createChannel();
        channel.on('error', () => {}); // 404 closes the channel.
        return look(channel, queue);
      };
      for (const lane of LANES)
        if (!(await found(routerQueue(lane))))
          throw new Error(`there is no ${routerQueue(lane)}: run \`hermod setup\``);
      const queues = names.flatMap((provider) => LANES.map((lane) => egressQueue(provider, lane)));
      const before = await Promise.all(queues.map(found));
      const empty = before.some((each) => each && isEmpty(each));
      if (empty) await pass(STAYS_EMPTY_MS);
      for (const first of before) {
        if (!first) continue;
        const now = isEmpty(first) ? await found(first.queue) : first;
        if (!now) continue;
        if (isEmpty(now)) await (await model.createChannel()).deleteQueue(now.queue);
        pruned.push({ ...now, deleted: isEmpty(now) });
      }
    });
  } finally {
    await line.close();
  }
  return pruned;
}

const isEmpty = ({ messages, consumers }: Found) => messages === 0 && consumers === 0;

const why = ({ messages, consumers }: Found) =>
  consumers > 0
    ? `kept: ${count(consumers, 'worker')} still reads it`
    : `kept: ${count(messages, 'batch')} of messages in it go back to the router`;

async function look(channel: Channel, queue: string): Promise<Found | undefined> {
  try {
    const { messageCount, consumerCount } = await channel.checkQueue(queue);
    await channel.close();
    return { queue, messages: messageCount, consumers: consumerCount };
  } catch (error) {
    if (/404/.test(reasonOf(error))) return undefined;
    throw error;
  }
}
