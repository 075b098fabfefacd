// Answers to messages from handsets: a fixed text or a URL's reply becomes an ordinary message of the row's client, counted
// against its limits. One message gets one answer, a number only so many in an hour, and a name none.
import { createHash } from 'node:crypto';
import type { Bus } from '#shared/bus/bus.ts';
import type { Config } from '#shared/config/schema.ts';
import { counters } from '#shared/counters.ts';
import { prepare, refuse, submit } from '#shared/doors/accept.ts';
import { Excess } from '#shared/doors/admission.ts';
import type { Verified } from '#shared/doors/credentials.ts';
import { permittedSender } from '#shared/doors/permits.ts';
import type { Callback } from '#shared/messages/callback.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { isHandset } from '#shared/sms/number.ts';
import { type Log, reasonOf } from '#shared/telemetry/log.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import type { Answer } from './call.ts';
import { replyText } from './reply.ts';

const DOOR = 'incoming';
const HOUR_S = 3_600;
/** A message is tried no longer than this, and its answer known as long. */
const REMEMBER_MS = 24 * 3_600_000;
const TRIES = 5;
const PAUSE_MS = 2_000;

export type Answering = { config: Config; bus: Bus; log: Log };
type Outcome = 'sent' | 'limited' | 'refused' | 'failed';

/** Answers the message as its row wants, once its URL was tried. Never rejects. */
export async function giveAnswer(callback: Callback, made: Answer, answering: Answering): Promise<void> {
  const client = answering.config.clients[callback.client];
  const { to, from } = callback.values;
  if (!client || !isHandset(to) || bare(to) === bare(from)) return;
  const verified: Verified = { name: callback.client, client };
  const text = answerText(callback, made, verified, answering.config.incoming.replies);
  if (!text) return;
  const outcome = await give(callback, text, verified, answering).catch((error): Outcome => {
    answering.log.error({ id: callback.id, reason: reasonOf(error) }, 'an answer could not be sent');
    return 'failed';
  });
  if (outcome) metrics.answers.inc({ outcome });
}

const bare = (number: string) => number.replace(/^\+/, '');

/** What the person is told; empty for nothing. */
function answerText(
  { incoming }: Callback,
  { ok, permanent, reply }: Answer,
  verified: Verified,
  replies: Config['incoming']['replies'],
): string {
  const answer = incoming?.answer;
  if (answer === undefined) return '';
  if (answer !== 'reply') return answer.text;
  if (!ok) return permanent ? replies.requestFailed : replies.couldNotFetch;
  const text = reply && replyText(reply);
  if (text === '') return replies.emptyMessage;
  return text !== undefined && isShortEnough(text, verified) ? text : replies.couldNotRepresent;
}

const isShortEnough = (text: string, verified: Verified) => Array.isArray(prepared(text, '12345', '12345', verified));

/** Undefined when it was answered before: a URL that is tried again has been answered for at its first try. */
async function give(
  callback: Callback,
  text: string,
  verified: Verified,
  { config, bus, log }: Answering,
): Promise<Outcome | undefined> {
  const { name, client } = verified;
  const number = bare(callback.values.to);
  const { notes, take, conceal } = await counters();
  if ((await notes.claim(`answer:${callback.id}`, '1', REMEMBER_MS)) !== undefined) return undefined;
  const window = { points: config.incoming.answersPerHour, seconds: HOUR_S };
  if ((await take(`answer:${conceal(name, number)}`, 1, window)) > 0) {
    refuse(DOOR, 'number', '', name, { detail: 'the number had as many answers as it may in an hour' });
    return 'limited';
  }
  const messages = prepared(text, number, senderOf(callback, verified), verified, answerId(callback.id));
  if (!Array.isArray(messages)) {
    refuse(DOOR, messages.reason, '', name, { detail: messages.refused });
    return 'refused';
  }
  for (let tries = 1; ; tries++) {
    try {
      await submit(bus, messages, client, '', log);
      return 'sent';
    } catch (error) {
      if (error instanceof Excess) {
        refuse(DOOR, error.reason, '', name, { detail: error.message });
        return 'limited';
      }
      if (tries === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

const prepared = (text: string, number: string, from: string, verified: Verified, id?: string) =>
  prepare(
    {
      door: DOOR,
      address: '',
      recipients: [{ e164: number, given: `+${number}` }],
      from,
      text,
      ...(id === undefined ? {} : { ids: [id] }),
    },
    verified,
    Date.now(),
  );

/** The row's, or the number that the person sent to, or the client's own: the first that the client may use. */
function senderOf({ incoming, values }: Callback, { client }: Verified): string {
  const number = /^\+?\d{2,15}$/.test(values.from) ? bare(values.from) : undefined;
  const possible = [incoming?.sender, number, client.sender].filter((one) => one !== undefined);
  return possible.find((one) => typeof permittedSender(one, client) === 'string') ?? possible[0] ?? '';
}

/** The same for the same message, so that an answer which is given twice is one SMS: a UUID with the message's time. */
function answerId(id: string): Sms['id'] {
  const hex = createHash('sha256').update(`answer ${id}`).digest('hex');
  return `${id.slice(0, 14)}7${hex.slice(0, 3)}-8${hex.slice(3, 6)}-${hex.slice(6, 18)}`;
}
