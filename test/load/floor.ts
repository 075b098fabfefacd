// What the broker alone takes here: a message is published to a quorum queue, confirmed, read, published to the next one,
// confirmed and read, by a bare client in one process and with nothing else on the machine. Every message of the gateway
// makes these two hops, between several processes.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type ConfirmChannel, type ConsumeMessage, connect } from 'amqplib';
import { startPrivateNode } from '../../deploy/broker/node.ts';
import type { Hold } from './comparison.ts';
import { spreadOf, useOf } from './measure.ts';
import { now } from './rig.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const SECONDS = { warmUp: 2, measured: 3 };
const ENDS_WITHIN_MS = 10_000;
/** Octets of a message, about those of one of ours. */
const SIZE = 600;
const PREFETCH = 100;

/** Milliseconds from when a message was due until the second reader has it; µs of CPU of client and broker for each. */
export type Floor = { rate: number; p50: number; p99: number; cpuUs: number };

export async function floorsOf(rates: readonly number[], hold: Hold): Promise<Floor[]> {
  mkdirSync(join(ROOT, 'var'), { recursive: true });
  const dir = mkdtempSync(join(ROOT, 'var/bench-'));
  const node = await startPrivateNode({ dir, say: () => {} });
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= node.stop().then(() => {
      for (const folder of [node.home, dir]) rmSync(folder, { recursive: true, force: true });
    });
    return stopped;
  };
  hold({ stop });
  const lines = await Promise.all([0, 1].map(() => connect(node.url, { noDelay: true })));
  try {
    const [out, into] = (await Promise.all(lines.map((line) => line.createConfirmChannel()))) as [
      ConfirmChannel,
      ConfirmChannel,
    ];
    const hops = await openHops(out, into);
    await hops.run(rates[0]!, SECONDS.warmUp);
    const floors: Floor[] = [];
    const used = () => useOf(process.pid).cpuMs + useOf(node.pid).cpuMs;
    for (const rate of rates) {
      const before = used();
      const times = await hops.run(rate, SECONDS.measured);
      const cpuUs = ((used() - before) * 1_000) / times.length;
      const { p50, p99 } = spreadOf(times);
      floors.push({ rate, p50, p99, cpuUs });
    }
    return floors;
  } finally {
    await Promise.all(lines.map((line) => line.close().catch(() => {})));
    await stop();
  }
}

async function openHops(out: ConfirmChannel, into: ConfirmChannel) {
  const queues = ['floor.first', 'floor.second'] as const;
  for (const queue of queues) await out.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  const content = Buffer.alloc(SIZE);
  const publish = (queue: string, messageId: string, confirmed = () => {}) =>
    out.publish('', queue, content, { persistent: true, messageId }, confirmed);
  let arrive = (_message: ConsumeMessage) => {};
  await into.prefetch(PREFETCH);
  await into.consume(queues[0], (message) => {
    if (message) publish(queues[1], message.properties.messageId, () => into.ack(message));
  });
  await into.consume(queues[1], (message) => {
    if (!message) return;
    arrive(message);
    into.ack(message);
  });

  /** At an even rate; the time that each took, from when it was due. */
  async function run(rate: number, seconds: number): Promise<Float64Array> {
    const count = rate * seconds;
    const times = new Float64Array(count);
    let arrived = 0;
    const startedAt = now();
    const dueAt = (n: number) => startedAt + (n * 1_000) / rate;
    arrive = ({ properties }) => {
      const n = Number(properties.messageId);
      times[n] = now() - dueAt(n);
      arrived++;
    };
    for (let sent = 0; sent < count; await pause(1))
      while (sent < count && dueAt(sent) <= now()) publish(queues[0], String(sent++));
    for (const until = now() + ENDS_WITHIN_MS; arrived < count; await pause(1)) {
      if (now() > until) throw new Error(`the bare broker still has ${count - arrived} of ${count} messages`);
    }
    return times;
  }
  return { run };
}
