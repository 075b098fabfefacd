// A callback as a signed event: a JSON body with the headers of Standard Webhooks
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
import { createHmac } from 'node:crypto';
import type { Callback, IncomingMessage } from '#shared/messages/callback.ts';

const SECRET_PREFIX = 'whsec_';

/** States after which nothing more is told. */
const OPEN = new Set(['submitted', 'buffered']);

export type Event = { body: string; headers: Record<string, string> };

/** The event of a callback, signed at `now` (epoch ms). Each try is signed anew; `webhook-id` stays with the event. */
export function eventOf(callback: Callback, secret: string, now: number): Event {
  const { id, at, values, incoming } = callback;
  const { state = 'unknown' } = values;
  const body = JSON.stringify({
    type: incoming ? 'message.received' : `message.${state}`,
    timestamp: new Date(at).toISOString(),
    data: incoming ? received(callback, incoming) : changed(callback, state),
  });
  const eventId = `${id}-${callback.callback}`;
  const seconds = String(Math.floor(now / 1_000));
  return {
    body,
    headers: {
      'content-type': 'application/json',
      'webhook-id': eventId,
      'webhook-timestamp': seconds,
      'webhook-signature': `v1,${signatureOf(`${eventId}.${seconds}.${body}`, secret)}`,
    },
  };
}

const changed = ({ id, values: { to, from, provider, reason } }: Callback, state: string) => ({
  id,
  to: /^\d{7,}$/.test(to) ? `+${to}` : to,
  from,
  state,
  final: !OPEN.has(state),
  ...(provider ? { provider } : {}),
  ...(reason ? { reason } : {}),
});

/** A message from a handset. A binary one has `octets` in base64 and no text. */
const received = ({ id, values }: Callback, { text, encoding, missing, parts, stop }: IncomingMessage) => ({
  id,
  from: values.given,
  to: values.from,
  ...(encoding === 'binary' ? { octets: Buffer.from(text, 'latin1').toString('base64') } : { text }),
  provider: values.provider,
  ...(missing ? { missingParts: missing, parts } : {}),
  ...(stop === undefined ? {} : { suppressed: stop }),
});

function signatureOf(signed: string, secret: string): string {
  const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64');
  return createHmac('sha256', key).update(signed).digest('base64');
}
