// From a request that a door understood to messages on the bus: the same rules for every door.
import type { Bus } from '../bus/bus.ts';
import { ConfirmLost } from '../bus/publish.ts';
import type { Client } from '../config/schema.ts';
import { VERSION } from '../messages/envelope.ts';
import { newId } from '../messages/id.ts';
import type { Sms } from '../messages/sms.ts';
import { maskNumber, type Recipient } from '../sms/number.ts';
import { countSegments, splitOctets } from '../sms/segments.ts';
import { shifted } from '../sms/shift.ts';
import { plainText } from '../sms/smart.ts';
import { logAccess } from '../telemetry/access.ts';
import { type Log, reasonOf } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { traceAccepted, traceAccepting } from '../telemetry/spans.ts';
import { traceOf, traceparentOf } from '../telemetry/trace.ts';
import { type Lane, toSchedule, toSubmit } from '../topology.ts';
import { admit } from './admission.ts';
import type { Verified } from './credentials.ts';
import { type NotPermitted, notPermitted, permittedSender, suppressedAmong } from './permits.ts';
import { type Refusal, rememberRefusal } from './refusals.ts';

/** A door answers within 2 s, whatever the broker does. */
const CONFIRM_WITHIN_MS = 1_800;

export type Request = {
  door: string;
  address: string;
  recipients: readonly Recipient[];
  from: string;
  text: string;
  encoding?: Sms['encoding'];
  /** As in the message: with a `udh`, `text` is octets as they stand, and `encoding` says in which alphabet. */
  udh?: string;
  messageClass?: number;
  /** Asked by the client; the client's own setting otherwise. */
  validityMs?: number;
  notBefore?: number;
  lane?: Lane;
  dlrMask?: number;
  dlrUrl?: string;
  priority?: number;
  smsc?: string;
  /** Fields of the message that a door's own parameters give. */
  more?: Pick<Sms, 'mwi' | 'compress' | 'altDcs' | 'protocolId' | 'replyPath' | 'serviceType' | 'account' | 'metaData'>;
  /** The person for whom the client sends, and its marks, for routes. */
  user?: string;
  realm?: string;
  tags?: string[];
  traceparent?: unknown;
  /** Of an earlier try whose answer was lost: what it sent and what this one sends are then the same messages. */
  ids?: readonly string[];
};

/** Why a request cannot be taken. `reason` is from a closed set of words, `refused` says more in words of this program. */
export type NotPrepared = NotPermitted | { refused: string; reason: 'limit' };

/** The messages of a request, one per recipient, or why it cannot be taken. */
export function prepare(request: Request, { name, client }: Verified, now: number): Sms[] | NotPrepared {
  if (request.recipients.length > client.maxRecipients)
    return { refused: `more than ${client.maxRecipients} recipients`, reason: 'limit' };
  const from = permittedSender(request.from, client);
  if (typeof from !== 'string') return from;
  const forbidden = notPermitted(request.recipients, client) ?? suppressedAmong(request.recipients, name);
  if (forbidden) return forbidden;
  const { text, udh, encoding } = contentOf(request, client);
  let segments: number;
  try {
    segments =
      udh === undefined
        ? countSegments(text, encoding, client.splitChars).segments
        : splitOctets(Buffer.from(udh, 'hex'), Buffer.from(text, 'latin1'), encoding ?? 'binary', 0).length;
  } catch (error) {
    return { refused: reasonOf(error), reason: 'limit' };
  }
  if (segments > client.maxSegments)
    return { refused: `the text needs ${segments} segments, ${client.maxSegments} are allowed`, reason: 'limit' };
  const { door, address, messageClass, notBefore, dlrMask, dlrUrl, priority } = request;
  const smsc = client.forcedSmsc ?? request.smsc;
  const { user, realm, tags } = request;
  const shared = {
    v: VERSION.sms,
    type: 'sms' as const,
    handover: 0,
    attempts: 0,
    expiry: Math.max(now, notBefore ?? 0) + (request.validityMs ?? client.validity),
    at: now,
    client: name,
    door,
    lane: request.lane ?? client.lane,
    from,
    text,
    segments,
    ...(encoding ? { encoding } : {}),
    ...(udh === undefined ? {} : { udh }),
    ...(messageClass === undefined ? {} : { messageClass }),
    ...(request.validityMs === undefined ? {} : { validityAsked: true }),
    ...(notBefore === undefined || notBefore <= now ? {} : { notBefore }),
    ...(dlrMask ? { dlrMask } : {}),
    ...(dlrMask && dlrUrl ? { dlrUrl } : {}),
    ...(segments > 1 && client.splitChars ? { splitChars: client.splitChars } : {}),
    ...request.more,
    ...(priority === undefined ? {} : { priority }),
    ...(smsc === undefined ? {} : { smsc }),
    ...(address === '' ? {} : { address }),
    ...(user === undefined ? {} : { user }),
    ...(realm === undefined ? {} : { realm }),
    ...(tags === undefined ? {} : { tags }),
  };
  return request.recipients.map(({ e164, given }, i) => {
    const traceparent = traceparentOf(request.traceparent);
    return traceAccepting(
      { ...shared, id: request.ids?.[i] ?? newId(now), traceparent, to: e164, given },
      request.traceparent,
    );
  });
}

/** What a text of no particular encoding becomes by the client's settings; anything else stays as it is. */
function contentOf(
  { text, udh, encoding }: Request,
  { smartText, shiftTables }: Client,
): Pick<Request, 'text' | 'udh' | 'encoding'> {
  if (udh !== undefined || encoding !== undefined)
    return { text, ...(udh === undefined ? {} : { udh }), ...(encoding ? { encoding } : {}) };
  const plain = smartText ? plainText(text) : text;
  return shifted(plain, shiftTables) ?? { text: plain };
}

/**
 * Counts the messages against their client's limits and resolves when all of them are on their quorum queues. Rejects
 * with Excess, NotTaken or ConfirmLost within 2 s.
 */
export async function submit(
  bus: Bus,
  messages: readonly Sms[],
  limits: Client,
  address: string,
  log: Log,
): Promise<void> {
  const { door, client, lane, notBefore } = messages[0]!;
  const counting = admit(messages, limits);
  const admitted = counting && (await counting);
  try {
    await bus.publish(notBefore === undefined ? toSubmit(lane) : toSchedule, messages, { withinMs: CONFIRM_WITHIN_MS });
  } catch (error) {
    traceAccepted(messages, reasonOf(error));
    if (error instanceof ConfirmLost) {
      metrics.confirmLost.inc({ door }, messages.length);
      log.warn({ ids: messages.map(({ id }) => id), client, reason: error.message }, 'refused, but it may go out once');
    } else {
      admitted?.giveBack();
    }
    throw error;
  }
  traceAccepted(messages);
  metrics.accepted.inc({ door, client }, messages.length);
  for (const { id, to, segments, traceparent } of messages) {
    logAccess({
      event: 'accepted',
      id,
      trace: traceOf(traceparent),
      client,
      door,
      to: maskNumber(to),
      segments,
      address,
    });
  }
}

/**
 * A refusal at a door, for the access log, the metric and `hermod refusals`. `reason` is from a closed set of words;
 * `fields` are the names of the request's fields, `detail` says more in words of this program, and neither has a text.
 */
export function refuse(
  door: string,
  reason: string,
  address: string,
  client?: string,
  more: Pick<Refusal, 'fields' | 'detail' | 'claimed'> = {},
): void {
  const known = { reason, address, ...(client ? { client } : {}) };
  metrics.rejected.inc({ door, reason, class: client ? 'known' : 'unknown' });
  logAccess({ event: 'refused', door, ...known });
  rememberRefusal(door, { at: Date.now(), ...known, ...more });
}
