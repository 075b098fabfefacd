// A callback as a signed event: a JSON body with the headers of Standard Webhooks
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
import { createHmac } from 'node:crypto';
import type { Callback } from '#shared/messages/callback.ts';

const SECRET_PREFIX = 'whsec_';

/** States after which nothing more is told. */
const OPEN = new Set(['submitted', 'buffered']);

export type Event = { body: string; headers: Record<string, string> };

/** The event of a callback, signed at `now` (epoch ms). Each try is signed anew; `webhook-id` stays with the event. */
export function eventOf(callback: Callback, secret: string, now: number): Event {
  const { id, at, values } = callback;
  const { state = 'unknown', reason } = values;
  const body = JSON.stringify({
    type: `message.${state}`,
    timestamp: new Date(at).toISOString(),
    data: {
      id,
      to: /^\d{7,}$/.test(values.to) ? `+${values.to}` : values.to,
      from: values.from,
      state,
      final: !OPEN.has(state),
      ...(values.provider ? { provider: values.provider } : {}),
      ...(reason ? { reason } : {}),
    },
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

function signatureOf(signed: string, secret: string): string {
  const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64');
  return createHmac('sha256', key).update(signed).digest('base64');
}
