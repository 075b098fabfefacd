// The bus as a service sees it: two connections, confirmed publishing in batches, the bus rule for consuming,
// look-ups, bind slots and news.
import type { Channel } from 'amqplib';
import type { Envelope } from '../messages/envelope.ts';
import type { Log } from '../telemetry/log.ts';
import type { Address, DeadKind, Topology } from '../topology.ts';
import { type Ask, type AskAll, openAsk, openServe, type Serve } from './ask.ts';
import { openClaims, type TryClaim } from './claim.ts';
import { type ConsumeOptions, type Consumer, type Handler, QueueReader } from './consume.ts';
import { type DeadLetter, openDeadLetters } from './dead.ts';
import { missingOn } from './declared.ts';
import { openEnding } from './ending.ts';
import { openWithFormer } from './former.ts';
import { type Announce, type Listen, openAnnounce, openListen } from './health.ts';
import { openLine } from './line.ts';
import { Publisher, type PublishOptions } from './publish.ts';

export type Bus = {
  publish(to: Address, envelopes: readonly Envelope[], options?: PublishOptions): Promise<void>;
  /** A consumer that does not read yet: `start()` it. */
  consume(queue: string, options: Omit<ConsumeOptions, 'service' | 'queue'>, handler: Handler): Promise<Consumer>;
  /** Keeps what a service cannot finish, with the reason, for a person to decide. Resolves when it is confirmed. */
  putAside(kind: DeadKind, letter: DeadLetter): Promise<void>;
  ask: Ask;
  askAll: AskAll;
  serve: Serve;
  tryClaim: TryClaim;
  announce: Announce;
  listen: Listen;
  /** A plain channel for what has no word of its own here, such as looking at queues. The caller closes it. */
  channel(): Promise<Channel>;
  /** Doors: whether the broker would take a message now. */
  isOpen(): boolean;
  /** Why this service is not ready, or undefined. */
  notReady(): string | undefined;
  /**
   * Monotonic ms since the last confirm from a queue: the age of a bind's lease. 0 while an alarm of the broker blocks
   * publishers: then no confirm can come, and its word that it blocks is as good.
   */
  confirmAge(): number;
  /** The name of the first exchange or queue of a topology that the broker does not have, or undefined. */
  missing(topology: Topology): Promise<string | undefined>;
  /** The service ends from now on; `notReady` says why it cannot work. Resolves if that lasts: see ending.ts. */
  end(notReady?: () => string | undefined): Promise<void>;
  /** Waits for outstanding confirms, then closes both connections; as `end` if they do not come. */
  close(): Promise<void>;
};

/** `patienceMs`: how long to wait for a broker that is not there yet; some seconds unless given. */
export async function openBus(url: string, service: string, log: Log, patienceMs?: number): Promise<Bus> {
  const line = (name: 'publish' | 'consume') => openLine(url, service, name, log, patienceMs);
  const [out, into] = await Promise.all([line('publish'), line('consume')]);
  const publisher = await Publisher.open(out, service, log);
  const deadLetters = await openDeadLetters(out, log);
  const readers = new Set<QueueReader>();
  const ending = openEnding({ out, into }, publisher, readers, log);
  return {
    publish: (to, envelopes, options) => publisher.publish(to, envelopes, options),
    consume: (queue, options, handler) =>
      openWithFormer(into, queue, options.hold, async (name, hold) => {
        const mine = { ...options, service, hold, queue: name };
        const reader = await QueueReader.open(into, publisher, deadLetters, log, mine, handler);
        readers.add(reader);
        return reader;
      }),
    putAside: deadLetters.add,
    // A memory alarm stops whatever line publishes: questions and answers must not take the reading with them.
    ...(await openAsk(out)),
    serve: await openServe(into, out, log),
    tryClaim: await openClaims(into),
    announce: await openAnnounce(out),
    listen: openListen(into),
    channel: () => into.channel(),
    isOpen: () => publisher.isOpen(),
    notReady: () => {
      if (!out.isUp() || !into.isUp()) return 'no connection to the broker';
      return out.isBlocked() ? 'the broker blocks publishers: memory or disk alarm' : undefined;
    },
    confirmAge: () => (out.isBlocked() ? 0 : performance.now() - publisher.lastConfirm),
    missing: (topology) => missingOn(() => into.channel(), topology),
    end: (notReady) => ending.begin(notReady),
    async close() {
      const givenUp = ending.begin();
      await Promise.race([publisher.drained(), givenUp]);
      publisher.close();
      await Promise.race([Promise.all([out.close(), into.close()]), givenUp]);
      ending.over();
    },
  };
}
