// News for everyone: the `health` fanout exchange. Not stored, not confirmed; who is away misses it.
import { randomUUID } from 'node:crypto';
import type { Channel } from 'amqplib';
import { z } from 'zod';
import { toHealth } from '../topology.ts';
import { jsonIn } from './content.ts';
import type { Line } from './line.ts';

export const news = z.discriminatedUnion('kind', [
  /** A worker about a provider, every second. Rates are those of the last second. */
  z.looseObject({
    kind: z.literal('provider'),
    provider: z.string(),
    worker: z.string(),
    at: z.int(),
    bound: z.int(),
    allowed: z.int(),
    waiting: z.int(),
    inFlight: z.int(),
    sentPerSecond: z.number(),
    errorsPerSecond: z.number(),
    /** Of the errors, those that speak against the provider and not against a message; absent in older news. */
    failuresPerSecond: z.number().optional(),
    paused: z.boolean(),
    lastError: z.string().optional(),
    /** Hand-overs of the last second by how they ended, and the longest way of an urgent one from its door to the answer. */
    endings: z.record(z.string(), z.int()).optional(),
    urgentMs: z.number().optional(),
    /** What is left of the account's credit, where the provider tells it. */
    balance: z.looseObject({ amount: z.number(), currency: z.string().optional() }).optional(),
  }),
  /** The ledger about a provider's receipts: which part (0 to 1) of the latest took more than 15 minutes, and their median. */
  z.looseObject({
    kind: z.literal('receipts'),
    provider: z.string(),
    lateShare: z.number().min(0).max(1),
    medianMs: z.number().optional(),
  }),
  /** The ledger about what an administrator decided: every few seconds and at every change. */
  z.looseObject({
    kind: z.literal('paused'),
    providers: z.array(z.string()),
    draining: z.array(z.string()).optional(),
  }),
  /** A door or the ledger: messages accepted, requests refused, messages ended, all since then (epoch ms). */
  z.looseObject({
    kind: z.literal('counts'),
    of: z.enum(['accepted', 'refused', 'final']),
    since: z.int(),
    counts: z.array(z.looseObject({ n: z.number() })),
  }),
  /** The ledger about the suppression lists: every few seconds and at every change. */
  z.looseObject({ kind: z.literal('suppressions'), list: z.string(), version: z.int() }),
  /** Every service about itself: see running.ts. */
  z.looseObject({
    kind: z.literal('service'),
    service: z.string(),
    instance: z.string(),
    host: z.string(),
    startedAt: z.int(),
    version: z.string(),
    mark: z.string(),
  }),
  /** A question to every service that knows: see `askAll`. */
  z.looseObject({
    kind: z.literal('ask'),
    what: z.enum(['refusals', 'reload-lists', 'route', 'limits', 'begin-again']),
  }),
]);

export type News = z.infer<typeof news>;
export type NewsOf<K extends News['kind']> = Extract<News, { kind: K }>;

export type Announce = (item: News) => void;
/** `reply` answers an `ask`, which travels alone; it does nothing for other news. */
export type Listen = (hear: (item: News, reply: (answer: unknown) => void) => void) => Promise<void>;

/**
 * What workers say about providers in so many milliseconds travels together: there may be a hundred in a process, and each
 * says something every second. All other news leaves at once.
 */
const GATHER_MS = 100;

export async function openAnnounce(line: Line): Promise<Announce> {
  let channel: Channel | undefined;
  const waiting: News[] = [];
  line.onDown(() => {
    channel = undefined;
  });
  await line.onUp(async (model) => {
    const fresh = await model.createChannel();
    fresh.on('error', () => {});
    channel = fresh;
  });
  const say = (said: News | News[]) => {
    try {
      channel?.publish(toHealth.exchange, toHealth.key, Buffer.from(JSON.stringify(said)), { type: 'health' });
    } catch {
      // News is best effort; the next comes within seconds.
    }
  };
  return (item) => {
    if (item.kind !== 'provider') say(item);
    else if (waiting.push(item) === 1) setTimeout(() => say(waiting.splice(0)), GATHER_MS);
  };
}

export function openListen(line: Line): Listen {
  return (hear) =>
    line.onUp(async (model) => {
      const channel = await model.createChannel();
      channel.on('error', () => {});
      const queue = `health.${randomUUID()}`;
      await channel.assertQueue(queue, {
        exclusive: true,
        autoDelete: true,
        durable: false,
        messageTtl: 10_000,
        maxLength: 1_000,
      });
      await channel.bindQueue(queue, toHealth.exchange, toHealth.key);
      await channel.consume(
        queue,
        (message) => {
          if (!message) return;
          const { replyTo, correlationId } = message.properties;
          const reply = (value: unknown) => {
            if (replyTo) channel.sendToQueue(replyTo, Buffer.from(JSON.stringify({ value })), { correlationId });
          };
          for (const item of [jsonIn(message.content)].flat()) {
            const parsed = news.safeParse(item);
            if (parsed.success) hear(parsed.data, reply);
          }
        },
        { noAck: true },
      );
    });
}
