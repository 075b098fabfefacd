// Poisoned messages, one of each kind in every queue that someone reads: each is put aside, and nothing else notices.
import { type ConfirmChannel, connect } from 'amqplib';
import { RETRY_STEPS_MS } from '#shared/outcome.ts';
import { DEAD_KINDS, deadQueue, LANES, LEDGER_RPC, retryQueue, toHealth, topology } from '#shared/topology.ts';
import { until } from '../rig/until.ts';
import { ACCOUNT } from './client.ts';
import { PROVIDER } from './stand.ts';

const MARK = { v: 1, type: 'report', kind: 'mark', at: 1 };
const KINDS = [
  'not JSON at all',
  '{}',
  '[{"v":1,"type":"no such"}]',
  JSON.stringify([{ ...MARK, v: 99 }]),
  '[[[[[[[[[[null]]]]]]]]]]',
];
/** A report where a message or a callback belongs. */
const OF_ANOTHER_TYPE = JSON.stringify([MARK]);
/** Poison in a retry step is noticed by the router, after the step. */
const LONGEST_STEP_MS = 5_000;

export async function poison({ amqpUrl }: { amqpUrl: string }): Promise<void> {
  const model = await connect(amqpUrl);
  try {
    const channel = await model.createConfirmChannel();
    const before = await aside(channel);
    const skipped = new Set([
      LEDGER_RPC,
      ...DEAD_KINDS.map(deadQueue),
      ...LANES.flatMap((lane) =>
        RETRY_STEPS_MS.flatMap((ms, step) => (ms > LONGEST_STEP_MS ? [retryQueue(lane, step)] : [])),
      ),
    ]);
    const queues = topology([PROVIDER], [ACCOUNT.systemId]).queues.filter(({ name }) => !skipped.has(name));
    let count = 0;
    for (const { name } of queues)
      for (const body of name === 'ledger' ? KINDS : [...KINDS, OF_ANOTHER_TYPE]) {
        channel.sendToQueue(name, Buffer.from(body), { persistent: true });
        count++;
      }
    // Questions and news are not kept: nobody may fall over them.
    for (const body of KINDS) {
      channel.sendToQueue(LEDGER_RPC, Buffer.from(body), {});
      channel.publish(toHealth.exchange, toHealth.key, Buffer.from(body), {});
    }
    await channel.waitForConfirms();
    const all = before + count;
    await until('every poisoned message is put aside', async () => (await aside(channel)) >= all, 60_000);
    for (const kind of DEAD_KINDS) await channel.purgeQueue(deadQueue(kind));
  } finally {
    await model.close();
  }
}

async function aside(channel: ConfirmChannel): Promise<number> {
  let count = 0;
  for (const kind of DEAD_KINDS) count += (await channel.checkQueue(deadQueue(kind))).messageCount;
  return count;
}
