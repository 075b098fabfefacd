// How much waits in each queue of the topology, by passive declaration.
import type { Bus } from '#shared/bus/bus.ts';
import { RETRY_STEPS_MS } from '#shared/outcome.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import {
  DEAD_KINDS,
  type DeadKind,
  deadQueue,
  egressQueue,
  LANES,
  type Lane,
  retryQueue,
  routerQueue,
  type Topology,
} from '#shared/topology.ts';

/** `waiting` counts AMQP messages that nobody holds: one can carry several of our messages. `-1`: there is no such queue. */
export type Depth = { queue: string; waiting: number; readers: number };
export type LaneDepth = { lane: Lane; router: number; providers: number; retry: number };

export async function readDepths(bus: Bus, { queues }: Topology): Promise<Depth[]> {
  let channel = await bus.channel();
  const depths: Depth[] = [];
  try {
    for (const { name } of queues) {
      try {
        const { messageCount, consumerCount } = await channel.checkQueue(name);
        depths.push({ queue: name, waiting: messageCount, readers: consumerCount });
      } catch (error) {
        if (!/404/.test(reasonOf(error))) throw error;
        depths.push({ queue: name, waiting: -1, readers: 0 });
        channel = await bus.channel(); // The broker closed the one that asked.
      }
    }
  } finally {
    await channel.close().catch(() => {});
  }
  return depths;
}

/** What waits on each lane: to be judged, at providers, for a retry. */
export function laneDepths(depths: readonly Depth[], providers: readonly string[]): LaneDepth[] {
  const waiting = new Map(depths.map((depth) => [depth.queue, Math.max(0, depth.waiting)]));
  const sum = (names: readonly string[]) => names.reduce((total, name) => total + (waiting.get(name) ?? 0), 0);
  return LANES.map((lane) => ({
    lane,
    router: sum([routerQueue(lane)]),
    providers: sum(providers.map((provider) => egressQueue(provider, lane))),
    retry: sum(RETRY_STEPS_MS.map((_ms, step) => retryQueue(lane, step))),
  }));
}

export function deadCounts(depths: readonly Depth[]): Record<DeadKind, number> {
  const of = (kind: DeadKind) => Math.max(0, depths.find(({ queue }) => queue === deadQueue(kind))?.waiting ?? 0);
  return Object.fromEntries(DEAD_KINDS.map((kind) => [kind, of(kind)])) as Record<DeadKind, number>;
}
