// Dead letters as an administrator handles them: read without taking them, what may be shown, sent again or dropped.
import { createHash } from 'node:crypto';
import { setTimeout as pass } from 'node:timers/promises';
import type { Channel, ConsumeMessage } from 'amqplib';
import { z } from 'zod';
import { type Callback, SMPP_SCHEME } from '../messages/callback.ts';
import { checkEnvelope, type Envelope, VERSION } from '../messages/envelope.ts';
import type { Sms } from '../messages/sms.ts';
import { maskNumber } from '../sms/number.ts';
import { reasonOf } from '../telemetry/log.ts';
import {
  type Address,
  DEAD_READER,
  type DeadKind,
  deadQueue,
  deliverQueue,
  LEDGER,
  NOTIFIER,
  routerQueue,
  toQueue,
  toReport,
} from '../topology.ts';
import type { Bus } from './bus.ts';
import type { Claim } from './claim.ts';

export type Letter = {
  /** The beginning of the content's hash: stays the same while other letters come and go. */
  key: string;
  kind: DeadKind;
  /** When it was put aside, epoch ms; 0 when that is not known. */
  at: number;
  /** The queue that it came from. */
  queue: string;
  reason: string;
  /** What can be sent again: empty when `fault` says why nothing can. */
  envelopes: Envelope[];
  fault?: string;
  /** As it came; the raw content as a string when it was no JSON list. */
  body: unknown;
  /** Takes it off its queue. */
  remove(): void;
};

/** No more are read of one kind: at 3 KB each, 30 MB. */
export const MOST_LETTERS = 10_000;
const KEY_LENGTH = 8;
const RECEIVE_WITHIN_MS = 10_000;
const PUBLISH_WITHIN_MS = 30_000;
const TURN_WITHIN_MS = 15_000;
const TURN_EVERY_MS = 100;
const RAW = 'not a JSON list';

/** As bus/dead.ts writes it. */
const wrapper = z.looseObject({ at: z.int(), queue: z.string(), reason: z.string(), body: z.unknown() });

/**
 * Reads up to 10,000 letters of each kind and gives them to `work`, the oldest first. Those that `work` does not remove
 * return when it ends. All are read, even to show some: what returns stands behind what was never read, so a part
 * would be another part each time. One reader at a time: what one reads seems to be gone to another.
 */
export async function withLetters<T>(
  bus: Bus,
  kinds: readonly DeadKind[],
  work: (letters: Letter[]) => Promise<T>,
): Promise<T> {
  const claim = await takeTurn(bus);
  try {
    return await readAll(await bus.channel(), kinds, work);
  } finally {
    await claim.release();
  }
}

async function takeTurn(bus: Bus): Promise<Claim> {
  for (const deadline = performance.now() + TURN_WITHIN_MS; performance.now() < deadline; await pass(TURN_EVERY_MS)) {
    const claim = await bus.tryClaim(DEAD_READER, () => {});
    if (claim) return claim;
  }
  throw new Error('someone else is reading the dead letters: try again in a moment');
}

async function readAll<T>(
  open: Channel,
  kinds: readonly DeadKind[],
  work: (letters: Letter[]) => Promise<T>,
): Promise<T> {
  try {
    await open.prefetch(MOST_LETTERS);
    const letters: Letter[] = [];
    for (const kind of kinds) {
      const { messageCount } = await open.checkQueue(deadQueue(kind));
      // What is put aside while we read is for the next time: sending again must come to an end.
      const messages = await receive(open, deadQueue(kind), Math.min(messageCount, MOST_LETTERS));
      letters.push(...messages.map((message) => read(kind, message, () => open.ack(message))));
    }
    return await work(letters.sort((a, b) => a.at - b.at));
  } catch (error) {
    if (!/404/.test(reasonOf(error))) throw error;
    throw new Error('this broker has no queues for dead letters: run `hermod setup` first');
  } finally {
    await open.close().catch(() => {});
  }
}

/** `wanted` messages of a queue, all of them: fewer would look as if the rest were gone. */
async function receive(channel: Channel, queue: string, wanted: number): Promise<ConsumeMessage[]> {
  if (wanted === 0) return [];
  const messages: ConsumeMessage[] = [];
  await new Promise<void>((resolve, reject) => {
    const tooSlow = () => reject(new Error('the dead letters do not come: does someone else read them? Try again'));
    const timer = setTimeout(tooSlow, RECEIVE_WITHIN_MS);
    const take = (message: ConsumeMessage | null) => {
      if (message && messages.length < wanted) messages.push(message);
      if (messages.length < wanted) return;
      clearTimeout(timer);
      resolve();
    };
    channel.consume(queue, take, { consumerTag: queue }).catch(reject);
  });
  await channel.cancel(queue);
  return messages;
}

function read(kind: DeadKind, { content, properties }: ConsumeMessage, remove: () => void): Letter {
  const text = content.toString();
  const key = createHash('sha256').update(content).digest('hex').slice(0, KEY_LENGTH);
  const value = parse(text);
  const ours = properties.type === 'dead' ? wrapper.safeParse(value) : undefined;
  if (ours?.success) {
    const { at, queue, reason, body } = ours.data;
    const raw = reason === RAW && typeof body === 'string';
    const shown = raw ? Buffer.from(body, 'base64').toString() : body;
    return { key, kind, at, queue, reason, body: shown, remove, ...sendable(kind, raw ? undefined : [body]) };
  }
  // Put aside by the broker itself, at its delivery limit: the message as it was.
  const death = properties.headers?.['x-death']?.[0];
  const [at, queue] = [(death?.time?.value ?? 0) * 1_000, death?.queue ?? 'unknown'];
  const reason = `by the broker: ${death?.reason ?? 'no reason given'}`;
  return { key, kind, at, queue, reason, body: value ?? text, remove, ...sendable(kind, value) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const TYPES: Record<DeadKind, readonly Envelope['type'][]> = {
  message: ['sms'],
  report: ['sms', 'report'],
  callback: ['callback'],
};

/** The envelopes, all of them or none: what was one publish is not taken apart. */
function sendable(kind: DeadKind, values: unknown): { envelopes: Envelope[]; fault?: string } {
  if (!Array.isArray(values)) return { envelopes: [], fault: 'it is not in a form that a service reads' };
  const envelopes: Envelope[] = [];
  for (const value of values) {
    const checked = checkEnvelope(value);
    if (!checked.ok) return { envelopes: [], fault: checked.reason };
    if (!TYPES[kind].includes(checked.envelope.type))
      return { envelopes: [], fault: `no ${checked.envelope.type} belongs here` };
    envelopes.push(checked.envelope);
  }
  return envelopes.length > 0 ? { envelopes } : { envelopes, fault: 'it is empty' };
}

/** Where an envelope of a letter goes again. A message is judged afresh, under a new hand-over: no worker takes it for a repeat. */
function onward(kind: DeadKind, envelope: Envelope): { to: Address; envelope: Envelope } {
  if (kind === 'callback') {
    const { url, client } = envelope as Callback;
    return { to: toQueue(url.startsWith(SMPP_SCHEME) ? deliverQueue(client) : NOTIFIER), envelope };
  }
  if (kind === 'report') return { to: toQueue(LEDGER), envelope };
  const { provider: _provider, tried: _tried, refusedBy: _refusedBy, last: _last, ...message } = envelope as Sms;
  return { to: toQueue(routerQueue(message.lane)), envelope: { ...message, handover: message.handover + 1 } };
}

/** Confirmed first, removed then: a crash between the two leaves it twice, never gone. */
export async function sendAgain(bus: Bus, { kind, envelopes, remove }: Letter): Promise<void> {
  for (const { to, envelope } of envelopes.map((one) => onward(kind, one))) {
    // Alone in its AMQP message: what put it aside must not hold up others.
    await bus.publish(to, [envelope], { withinMs: PUBLISH_WITHIN_MS, mostInBatch: 1 });
  }
  remove();
}

/** Throws one away; a message has its end then. */
export async function drop(bus: Bus, { kind, envelopes, remove }: Letter): Promise<void> {
  for (const envelope of kind === 'message' ? envelopes : []) {
    const end = givenUp(envelope as Sms, Date.now());
    await bus.publish(end.to, [end.envelope], { withinMs: PUBLISH_WITHIN_MS });
  }
  remove();
}

/** What the client is told when a message is given up. A provider that had it may have sent it. */
function givenUp(message: Sms, at: number): { to: Address; envelope: Envelope } {
  const { id, handover, provider } = message;
  return {
    to: toReport('final'),
    envelope: {
      v: VERSION.report,
      type: 'report',
      kind: 'final',
      at,
      id,
      handover,
      state: provider ? 'unknown' : 'cancelled',
      reason: 'dropped by an administrator from the dead letters',
      ...(provider ? { provider } : {}),
    },
  };
}

/** Fields of an envelope that hold no text, no number and no secret. */
const OPEN_FIELDS = [
  'type',
  'kind',
  'id',
  'client',
  'door',
  'lane',
  'provider',
  'providerId',
  'handover',
  'attempts',
  'segments',
  'state',
  'outcome',
  'callback',
  'tries',
] as const;

/** An envelope as it may be shown to anyone: numbers masked, the text left out. */
export function outline(envelope: Envelope): Record<string, string | number> {
  const fields = envelope as unknown as Record<string, unknown>;
  const shown: Record<string, string | number> = {};
  for (const name of OPEN_FIELDS) {
    const value = fields[name];
    if (typeof value === 'string' || typeof value === 'number') shown[name] = value;
  }
  if (typeof fields.to === 'string') shown.to = maskNumber(fields.to);
  return shown;
}
