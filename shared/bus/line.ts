// One connection to RabbitMQ that comes back by itself. A service has two: one to publish and one to consume, so that
// a memory alarm, which stops publishers, lets the inside drain.
import type { Writable } from 'node:stream';
import type { Channel, ChannelModel } from 'amqplib';
import { type Log, reasonOf } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { brokerName, dial, lastingFault } from './dial.ts';

const HEARTBEAT_S = 10;
const FIRST_PATIENCE_MS = 15_000;
/** Each wait is up to half longer, and still shorter than a service that ends waits for the broker's word (ending.ts). */
const DELAY_MS = { first: 100, most: 2_000 };

export type Line = {
  /** Runs now if the line is up, and again after every reconnect. A failure drops the connection and tries again. */
  onUp(setUp: (model: ChannelModel) => Promise<void>): Promise<void>;
  onDown(notice: () => void): void;
  /** A channel that the caller closes; it is gone with the connection. Rejects with one line when there is none. */
  channel(): Promise<Channel>;
  isUp(): boolean;
  /** Gives up a connection whose other end is silent, without a word to it, and dials anew. */
  drop(): void;
  /** The broker asked publishers to stop: memory or disk alarm. */
  isBlocked(): boolean;
  close(): Promise<void>;
  /** Closes without a word to the other end, and whatever waits for one of its own fails. */
  giveUp(): void;
};

/** amqplib's own socket. */
const streamOf = ({ connection }: ChannelModel) => (connection as { stream?: Writable }).stream;

/**
 * amqplib writes a message of more than 2 KB in two pieces, which the broker wakes up for twice. Everything of one tick
 * leaves in one write instead. The socket is amqplib's own; without it nothing changes.
 */
function gatherWrites(model: ChannelModel): void {
  const stream = streamOf(model);
  if (!stream) return;
  const write = stream.write.bind(stream) as (chunk: unknown) => boolean;
  stream.write = (chunk: unknown) => {
    if (stream.writableCorked === 0) {
      stream.cork();
      process.nextTick(() => stream.uncork());
    }
    return write(chunk);
  };
}

/** Connects, or fails with one line that says what to do: after `patienceMs` when there is no broker yet. */
export async function openLine(
  url: string,
  service: string,
  name: 'publish' | 'consume',
  log: Log,
  patienceMs = FIRST_PATIENCE_MS,
): Promise<Line> {
  const setUps: ((model: ChannelModel) => Promise<void>)[] = [];
  const notices: (() => void)[] = [];
  let model: ChannelModel | undefined;
  let blocked = false;
  let closing = false;
  let retry: NodeJS.Timeout | undefined;
  const up = metrics.brokerUp.labels(service, name);

  async function open(): Promise<void> {
    const target = new URL(url);
    if (!target.searchParams.has('heartbeat')) target.searchParams.set('heartbeat', String(HEARTBEAT_S));
    const fresh = await dial(target.href, { connection_name: `${service} ${name}` });
    if (closing) return void fresh.close().catch(() => {});
    gatherWrites(fresh);
    fresh.on('error', (error) => log.debug({ reason: reasonOf(error) }, 'broker connection error'));
    fresh.on('blocked', (reason) => {
      blocked = true;
      log.warn({ line: name, reason }, 'the broker blocks publishers: memory or disk alarm');
    });
    fresh.on('unblocked', () => {
      blocked = false;
      log.info({ line: name }, 'the broker takes messages again');
    });
    fresh.on('close', () => lost(fresh));
    model = fresh;
    try {
      for (const setUp of setUps) await setUp(fresh);
      up.set(1);
    } catch (error) {
      await fresh.close().catch(() => {});
      throw error;
    }
  }

  function lost(gone: ChannelModel): void {
    if (model !== gone) return;
    model = undefined;
    blocked = false;
    up.set(0);
    for (const notice of notices) notice();
    if (closing) return;
    log.warn({ line: name, broker: brokerName(url) }, 'connection to the broker lost');
    redial(DELAY_MS.first);
  }

  function redial(delay: number): void {
    clearTimeout(retry);
    retry = setTimeout(
      async () => {
        try {
          await open();
          if (!closing) log.info({ line: name }, 'connected to the broker again');
        } catch (error) {
          log.debug({ line: name, reason: reasonOf(error) }, 'broker still away');
          if (!closing) redial(Math.min(delay * 2, DELAY_MS.most));
        }
      },
      delay * (0.5 + Math.random()),
    );
  }

  const giveUp = Date.now() + patienceMs;
  for (;;) {
    try {
      await open();
      break;
    } catch (error) {
      const fault = lastingFault(url, error);
      if (fault) throw fault;
      if (Date.now() >= giveUp) {
        const reason = reasonOf(error);
        throw new Error(`no RabbitMQ at ${brokerName(url)} (${reason}): start it, or set AMQP_URL to the one to use`);
      }
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }

  const drop = () => void (model && streamOf(model)?.destroy(new Error('given up: nothing was confirmed')));
  return {
    async onUp(setUp) {
      setUps.push(setUp);
      if (model) await setUp(model);
    },
    onDown: (notice) => notices.push(notice),
    async channel() {
      if (!model) throw new Error('no connection to the broker');
      const channel = await model.createChannel();
      channel.on('error', () => {}); // Whoever waits for an answer on it hears of it.
      return channel;
    },
    isUp: () => model !== undefined,
    drop,
    isBlocked: () => blocked,
    async close() {
      closing = true;
      clearTimeout(retry);
      await model?.close().catch(() => {});
    },
    giveUp() {
      closing = true;
      clearTimeout(retry);
      drop();
    },
  };
}
