// The fault matrix on a cluster of three nodes: the node that leads the queues dies, and nodes are cut off in each
// shape that a partition can have.
import { routerQueue } from '#shared/topology.ts';
import { type FaultCase, pause } from './cases.ts';
import { type Cluster, SMALL_DISK } from './cluster.ts';

const ADVICE_MS = 10_000;
/** What is no death of a process of ours repeats nothing, and the doors are open again in less than 10 s. */
const PROMISED = { repeats: 0, doorsClosedMs: ADVICE_MS };

type Roles = { cluster: Cluster; leader: number; others: [number, number] };
const withRoles =
  (fault: (roles: Roles) => Promise<void>): FaultCase['fault'] =>
  async ({ cluster }) => {
    await cluster!.isWhole();
    const leader = await cluster!.leaderOf(routerQueue('urgent'));
    const others = [1, 2, 3].filter((node) => node !== leader) as Roles['others'];
    await fault({ cluster: cluster!, leader, others });
  };

/** Which nodes hear nothing of which. `pairs` are from and to. */
type Shape = { name: string; pairs(roles: Roles): [from: number, to: number][]; promised: Partial<FaultCase> };
/**
 * Two nodes that hear nothing of each other, while the third hears both: the first to notice pauses (pause_minority). When
 * they notice at once both do, and the third, alone then, too: how long the doors are closed is RabbitMQ's affair, so no
 * time is promised.
 */
const PARTLY = { repeats: 0 };

const SHAPES: readonly Shape[] = [
  {
    name: 'the leader and one of the others hear nothing of each other',
    pairs: ({ leader, others: [one] }) => [
      [leader, one],
      [one, leader],
    ],
    promised: PARTLY,
  },
  {
    name: 'nobody hears the leader, which hears all',
    pairs: ({ leader, others }) => others.map((other) => [leader, other]),
    promised: PROMISED,
  },
  {
    name: 'the two that follow hear nothing of each other',
    pairs: ({ others: [one, other] }) => [
      [one, other],
      [other, one],
    ],
    promised: PARTLY,
  },
];

const partitions = [10, 30].flatMap((seconds): FaultCase[] => {
  const cutOff = (whom: (roles: Roles) => number) =>
    withRoles(async (roles) => {
      const node = whom(roles);
      await roles.cluster.unplug(node);
      await pause(seconds * 1_000);
      await roles.cluster.plug(node);
    });
  return [
    { name: `the leader is cut off for ${seconds} s`, fault: cutOff(({ leader }) => leader), ...PROMISED },
    { name: `a follower is cut off for ${seconds} s`, fault: cutOff(({ others }) => others[0]), ...PROMISED },
    ...SHAPES.map(({ name, pairs, promised }) => ({
      name: `${name}, for ${seconds} s`,
      fault: withRoles(async (roles) => {
        const cut = pairs(roles);
        for (const [from, to] of cut) await roles.cluster.sever(from, to);
        await pause(seconds * 1_000);
        for (const [from, to] of cut) await roles.cluster.join(from, to);
      }),
      ...promised,
    })),
  ];
});

export const CLUSTER_CASES: readonly FaultCase[] = [
  {
    name: 'the leader is killed, and comes back after 10 s',
    fault: withRoles(async ({ cluster, leader }) => {
      await cluster.kill(leader);
      await pause(10_000);
      await cluster.startAgain(leader);
    }),
    ...PROMISED,
  },
  ...partitions,
  // Last, since the node may not come back by itself.
  {
    name: 'the disk of a node is full for 10 s, then the node is started again',
    fault: withRoles(async ({ cluster }) => {
      await cluster.fillDisk();
      await pause(10_000);
      await cluster.freeDisk();
      await cluster.kill(SMALL_DISK);
      await cluster.startAgain(SMALL_DISK);
    }),
    repeats: 0,
  },
];
