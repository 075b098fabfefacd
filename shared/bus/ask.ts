// Request and reply over the broker, for look-ups: direct reply-to, nothing stored.
import { randomUUID } from 'node:crypto';
import type { Channel } from 'amqplib';
import { type Log, reasonOf } from '../telemetry/log.ts';
import { toHealth } from '../topology.ts';
import { jsonIn } from './content.ts';
import type { NewsOf } from './health.ts';
import type { Line } from './line.ts';

export type Ask = (queue: string, question: unknown, timeoutMs?: number) => Promise<unknown>;
/** Asks every service that listens to news, and gives the answers that came within `forMs`. */
export type AskAll = (question: NewsOf<'ask'>, forMs: number) => Promise<unknown[]>;
export type Answer = (question: unknown) => Promise<unknown>;
export type Serve = (queue: string, answer: Answer) => Promise<void>;

const REPLY_TO = 'amq.rabbitmq.reply-to';
/** Questions on one queue that are answered at the same time. */
const AT_ONCE = 16;

/** The queue is not there: whoever would answer on it declares it. */
export class NobodyThere extends Error {
  override name = 'NobodyThere';
}

/**
 * `ask` fails with one line when no answer comes within `timeoutMs` (5 s), and with NobodyThere when the queue is not
 * there. An answer `{error}` fails with its text.
 */
export async function openAsk(line: Line): Promise<{ ask: Ask; askAll: AskAll }> {
  const waiting = new Map<string, (answer: { error?: string | Error; value?: unknown }) => void>();
  let channel: Channel | undefined;
  line.onDown(() => {
    channel = undefined;
  });
  await line.onUp(async (model) => {
    const fresh = await model.createChannel();
    fresh.on('error', () => {});
    fresh.on('return', ({ properties, fields }) => {
      const error = new NobodyThere(`nobody answers on ${fields.routingKey}`);
      waiting.get(properties.correlationId)?.({ error });
    });
    const onReply = (message: { content: Buffer; properties: { correlationId?: string } } | null) => {
      const answer = message && jsonIn(message.content);
      if (answer && typeof answer === 'object') waiting.get(message.properties.correlationId ?? '')?.(answer);
    };
    await fresh.consume(REPLY_TO, onReply, { noAck: true });
    channel = fresh;
  });
  const ask: Ask = (queue, question, timeoutMs = 5_000) =>
    new Promise((resolve, reject) => {
      if (!channel) return reject(new Error('no connection to the broker'));
      const correlationId = randomUUID();
      const timer = setTimeout(() => {
        waiting.delete(correlationId);
        reject(new Error(`no answer on ${queue} within ${timeoutMs / 1000} s: is the service that reads it running?`));
      }, timeoutMs);
      waiting.set(correlationId, ({ error, value }) => {
        clearTimeout(timer);
        waiting.delete(correlationId);
        if (error) reject(error instanceof Error ? error : new Error(error));
        else resolve(value);
      });
      channel.sendToQueue(queue, Buffer.from(JSON.stringify(question)), {
        replyTo: REPLY_TO,
        correlationId,
        expiration: timeoutMs,
        mandatory: true,
      });
    });
  const askAll: AskAll = (question, forMs) =>
    new Promise((resolve, reject) => {
      if (!channel) return reject(new Error('no connection to the broker'));
      const correlationId = randomUUID();
      const answers: unknown[] = [];
      waiting.set(correlationId, ({ value }) => void answers.push(value));
      setTimeout(() => {
        waiting.delete(correlationId);
        resolve(answers);
      }, forMs);
      const properties = { type: 'health', replyTo: REPLY_TO, correlationId };
      channel.publish(toHealth.exchange, toHealth.key, Buffer.from(JSON.stringify(question)), properties);
    });
  return { ask, askAll };
}

/** Reads what is asked on `into`, and answers on `out`. */
export async function openServe(into: Line, out: Line, log: Log): Promise<Serve> {
  let replies: Channel | undefined;
  await out.onUp(async (model) => {
    const fresh = await model.createChannel();
    fresh.on('error', () => {});
    replies = fresh;
  });
  return (queue, answer) =>
    into.onUp(async (model) => {
      const channel = await model.createChannel();
      channel.on('error', (error) =>
        log.error({ queue, reason: reasonOf(error) }, 'request channel closed by the broker'),
      );
      await answerOn(channel, queue, answer, () => replies);
    });
}

/** Answers what is asked on a queue, until the channel closes. */
export async function answerOn(
  channel: Channel,
  queue: string,
  answer: Answer,
  replies: () => Channel | undefined = () => channel,
): Promise<void> {
  await channel.prefetch(AT_ONCE);
  await channel.consume(queue, async (message) => {
    if (!message) return;
    let reply: { error?: string; value?: unknown };
    try {
      reply = { value: await answer(JSON.parse(message.content.toString())) };
    } catch (error) {
      reply = { error: reasonOf(error) };
    }
    try {
      const { replyTo, correlationId } = message.properties;
      if (replyTo) replies()?.sendToQueue(replyTo, Buffer.from(JSON.stringify(reply)), { correlationId });
      channel.ack(message);
    } catch {
      // The channel died: whoever asked runs into its time limit.
    }
  });
}
