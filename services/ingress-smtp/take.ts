// From a mail that arrived to messages on the bus: all of them or none, and one answer.
import type { Bus } from '#shared/bus/bus.ts';
import type { Config, MailRule } from '#shared/config/schema.ts';
import { type NotPrepared, prepare, submit } from '#shared/doors/accept.ts';
import { Excess } from '#shared/doors/admission.ts';
import type { Verified } from '#shared/doors/credentials.ts';
import { rememberRefusal } from '#shared/doors/refusals.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { cutToSegments } from '#shared/sms/segments.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import { type Mail, Unreadable } from './mail.ts';
import { faultOf } from './octets.ts';
import type { Reader } from './reader.ts';
import { Refused } from './refused.ts';
import type { Repeats } from './repeats.ts';
import { type Envelope, judge, type Verdict } from './rules.ts';
import { type Sender, type Status, statusFor } from './status.ts';

export type Arrived = {
  octets: Buffer;
  envelope: Envelope & Sender;
  address: string;
  /** The rules that this sender may use. */
  rules: readonly MailRule[];
};

export type Means = { clients: Config['clients']; bus: Bus; log: Log; reader: Reader; repeats: Repeats };

/** The text of the 250, once the broker has confirmed every message of the mail. Rejects with Refused. */
export async function take(arrived: Arrived, means: Means): Promise<string> {
  const fault = faultOf(arrived.octets);
  if (fault) throw new Refused(554, '5.6.0', `this is not a mail as RFC 5321 wants it: ${fault}`, 'octets');
  const mail = await read(arrived.octets, means.reader);
  const verdict = firstThatTakes(arrived, mail, means);
  const status = statusFor(arrived.envelope, means.clients[verdict.rule.client]!, mail.messageId);
  const messages = messagesOf(verdict, arrived.address, means.clients, status);
  if (!Array.isArray(messages)) {
    const { rule, fields } = verdict;
    throw new Refused(550, '5.7.1', `${rule.name}: ${messages.refused}`, messages.reason, Object.keys(fields));
  }
  return mail.messageId
    ? once(messages, mail.messageId, arrived.address, means)
    : all(messages, arrived.address, means);
}

async function read(octets: Buffer, reader: Reader): Promise<Mail> {
  try {
    return await reader.read(octets);
  } catch (error) {
    if (error instanceof Unreadable)
      throw new Refused(554, '5.6.0', `the mail cannot be read: ${error.message}`, 'mail');
    throw error;
  }
}

export type Taking = Extract<Verdict, { takes: true }>;

function firstThatTakes({ rules, envelope }: Arrived, mail: Mail, { clients }: Means): Taking {
  const reasons: string[] = [];
  const fields = new Set<string>();
  for (const rule of rules) {
    const verdict = judge(rule, envelope, { subject: mail.subject, text: mail.text }, (name) => clients[name]?.country);
    if (verdict.takes) return verdict;
    reasons.push(`${rule.name}: ${verdict.reason}`);
    for (const field of Object.keys(verdict.fields)) fields.add(field);
  }
  throw new Refused(550, '5.7.1', `no mail rule takes this mail: ${reasons.join('; ')}`, 'rule', [...fields]);
}

/** The messages of a mail that a rule takes, or which of the client's limits it passes. */
export function messagesOf(
  { rule, parts }: Taking,
  address: string,
  clients: Config['clients'],
  status?: Status,
): Sms[] | NotPrepared {
  const client = clients[rule.client]!;
  const maxSegments = Math.min(client.maxSegments, rule.maxSegments ?? client.maxSegments);
  const verified: Verified = {
    name: rule.client,
    client: { ...client, maxSegments, validity: rule.validity ?? client.validity },
  };
  const from = rule.sender ?? client.sender!;
  const now = Date.now();
  const messages: Sms[] = [];
  for (const { text: whole, ...part } of parts) {
    const text = rule.tooLong === 'cut' ? cutToSegments(whole, maxSegments) : whole;
    const prepared = prepare({ door: 'smtp', address, from, text, ...part, ...status }, verified, now);
    if (!Array.isArray(prepared)) return prepared;
    messages.push(...prepared);
  }
  return messages.length > client.maxRecipients
    ? { refused: `more than ${client.maxRecipients} recipients`, reason: 'limit' }
    : messages;
}

async function all(messages: readonly Sms[], address: string, { bus, log, clients }: Means): Promise<string> {
  try {
    await submit(bus, messages, clients[messages[0]!.client]!, address, log);
  } catch (error) {
    // A text that the number has had needs no other try.
    if (error instanceof Excess && error.reason === 'repeat') throw new Refused(550, '5.7.1', error.message, 'repeat');
    if (error instanceof Excess) throw new Refused(451, '4.7.1', error.message, error.reason);
    throw new Refused(451, '4.3.0', 'the gateway cannot take it now, try again', 'broker');
  }
  const more = messages.length > 1 ? ` and ${messages.length - 1} more` : '';
  return `2.6.0 accepted as ${messages[0]!.id}${more}`;
}

/** As `all`, but without those that this Message-ID brought before. */
async function once(messages: readonly Sms[], messageId: string, address: string, means: Means): Promise<string> {
  const { repeats } = means;
  const client = messages[0]!.client;
  const keyOf = ({ to }: Sms) => repeats.key(client, messageId, to);
  const now = Date.now();
  if (messages.some((message) => repeats.state(keyOf(message), now) === 'open')) {
    throw new Refused(451, '4.3.0', 'this mail is being taken on another connection, try again', 'repeat');
  }
  const fresh = messages.filter((message) => repeats.state(keyOf(message), now) === 'new');
  const repeated = messages.length - fresh.length;
  if (repeated > 0) {
    metrics.repeatedRequests.inc({ door: 'smtp', client }, repeated);
    rememberRefusal('smtp', { at: now, address, client, reason: 'repeat', detail: 'accepted before, not sent again' });
  }
  if (fresh.length === 0) return '2.6.0 this mail was accepted before and is not sent again';
  const keys = fresh.map(keyOf);
  repeats.begin(keys);
  let accepted = false;
  try {
    const text = await all(fresh, address, means);
    accepted = true;
    return text;
  } finally {
    repeats.end(keys, accepted, Date.now());
  }
}
