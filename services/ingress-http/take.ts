// From what a request asks for to messages on the bus, or why not: for the doors that name recipients one by one. Kannel's
// door reads its own way.
import { ConfirmLost } from '#shared/bus/publish.ts';
import { prepare, type Request, refuse, submit } from '#shared/doors/accept.ts';
import { Excess } from '#shared/doors/admission.ts';
import type { Verified } from '#shared/doors/credentials.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { parseRecipients, type Recipient } from '#shared/sms/number.ts';
import type { Means } from './mounted.ts';

/** Why nothing was taken: each door has its own words for it. */
export type Reason = 'to' | 'from' | 'text' | 'limit' | 'not permitted' | 'too often' | 'broker';
export type Refusal = {
  reason: Reason;
  detail: string;
  /** The recipient that cannot be read, counted from 0. */
  recipient?: number;
  /** After this many seconds it is worth another try. */
  retryAfterS?: number;
  /** The broker did not confirm, so they may go out all the same. */
  lost?: Sms[];
};

export type Asked = Omit<Request, 'door' | 'address' | 'recipients' | 'from' | 'traceparent' | 'ids'> & {
  to: readonly string[];
  /** The client's own sender when there is none. */
  from?: string;
};
export type Call = { verified: Verified; address: string; traceparent: unknown; fields: string[] };

const MOST_SENDER = 20;
const BROKER_RETRY_S = 2;

/** The messages, once the broker has them all, or the refusal, which `hermod refusals` shows. Sent are all or none. */
export async function take(
  asked: Asked,
  call: Call,
  { bus, log }: Pick<Means, 'bus' | 'log'>,
  /** Of an earlier try of the same request. Where that was `sent`, nothing is sent again. */
  { ids, sent }: { ids: readonly string[]; sent: boolean } = { ids: [], sent: false },
): Promise<Sms[] | Refusal> {
  const { verified, address, fields } = call;
  /** `word` is the reason as all doors name it. */
  const no = (refusal: Refusal, word: string = refusal.reason): Refusal => {
    refuse('http', word, address, verified.name, { fields, detail: refusal.detail });
    return refusal;
  };
  const read = readRequest(asked, call);
  if ('reason' in read) return no(read);
  const messages = prepare({ ...read, ids }, verified, Date.now());
  if (!Array.isArray(messages)) {
    const { reason, refused } = messages;
    return no({ reason: reason === 'limit' ? reason : 'not permitted', detail: refused }, reason);
  }
  if (sent) return messages;
  try {
    await submit(bus, messages, verified.client, address, log);
  } catch (error) {
    if (error instanceof Excess) {
      const { message, reason, retryAfterS } = error;
      return no({ reason: 'too often', detail: message, retryAfterS }, reason);
    }
    const detail = 'the broker does not take messages right now';
    const lost = error instanceof ConfirmLost ? { lost: messages } : {};
    return no({ reason: 'broker', detail, retryAfterS: BROKER_RETRY_S, ...lost });
  }
  return messages;
}

function readRequest({ to, from: asked, ...rest }: Asked, { verified, address, traceparent }: Call): Request | Refusal {
  const { country, sender, forcedSender } = verified.client;
  const recipients: Recipient[] = [];
  for (const [i, one] of to.entries()) {
    const parsed = parseRecipients(one, country ? { defaultCountry: country } : {});
    if (!parsed.ok) return { reason: 'to', detail: parsed.reason, recipient: i };
    recipients.push(...parsed.numbers);
  }
  if (recipients.length === 0) return { reason: 'to', detail: 'there is no recipient' };
  const from = forcedSender || asked || sender;
  if (!from) return { reason: 'from', detail: 'there is no sender, and the client has none of its own' };
  if (from.length > MOST_SENDER || !/^[ -~]+$/.test(from))
    return { reason: 'from', detail: `a sender has at most ${MOST_SENDER} characters of printable ASCII` };
  if (rest.text === '') return { reason: 'text', detail: 'the text is empty' };
  return { ...rest, door: 'http', address, recipients, from, traceparent };
}
