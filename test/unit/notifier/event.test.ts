// Signed events, verified as a receiver would: written here from the specification of Standard Webhooks, which says what is
// signed, how, and what the headers hold.
import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { newWebhookSecret } from '#shared/doors/keys.ts';
import { type Callback, WEBHOOK_SCHEME } from '#shared/messages/callback.ts';
import { eventOf } from '../../../services/notifier/event.ts';

const NOW = 1_795_303_201_999;
const SECRET = newWebhookSecret();
const callback = (values: Partial<Callback['values']> = {}): Callback => ({
  ...{ v: 1, type: 'callback', callback: 42, tries: 0, client: 'portal', at: 1_795_303_200_000, dlrType: 1 },
  id: '01a20074-2214-7e29-a54a-7f8969b6ff5c',
  url: `${WEBHOOK_SCHEME}https://portal.example/sms`,
  values: {
    ...{ to: '447700900123', from: 'Acme', given: '+447700900123', provider: 'main', providerId: 'x', text: 'receipt' },
    ...{ account: '', meta: '', state: 'delivered', reason: '' },
    ...values,
  },
});

/** The receiver's side: HMAC-SHA256 over id, time and body, with dots between; the key is base64 behind `whsec_`. */
function isGenuine({ headers, body }: ReturnType<typeof eventOf>, secret: string): boolean {
  const signed = [headers['webhook-id'], headers['webhook-timestamp'], body].join('.');
  const mac = createHmac('sha256', Buffer.from(secret.replace('whsec_', ''), 'base64')).update(signed, 'utf8');
  const wanted = mac.digest('base64');
  return headers['webhook-signature']!.split(' ').some((one) => one === `v1,${wanted}`);
}

describe('a signed event', () => {
  test('is verified with the secret, and with no other', () => {
    const event = eventOf(callback(), SECRET, NOW);
    expect(isGenuine(event, SECRET)).toBe(true);
    expect(isGenuine(event, newWebhookSecret())).toBe(false);
    expect(isGenuine({ ...event, body: event.body.replace('delivered', 'failed') }, SECRET)).toBe(false);
    expect(event.headers['webhook-timestamp']).toBe('1795303201');
  });

  test('says what happened', () => {
    const { body, headers } = eventOf(callback(), SECRET, NOW);
    expect(JSON.parse(body)).toEqual({
      type: 'message.delivered',
      timestamp: '2026-11-21T23:20:00.000Z',
      data: {
        id: '01a20074-2214-7e29-a54a-7f8969b6ff5c',
        to: '+447700900123',
        from: 'Acme',
        state: 'delivered',
        final: true,
        provider: 'main',
      },
    });
    expect(headers['webhook-id']).toBe('01a20074-2214-7e29-a54a-7f8969b6ff5c-42');
    expect(headers['webhook-id']).not.toContain('.');
  });

  test('is the same event when it is told again, with a fresh time', () => {
    const [first, again] = [
      eventOf(callback(), SECRET, NOW),
      eventOf({ ...callback(), tries: 3 }, SECRET, NOW + 60_000),
    ];
    expect(again.body).toBe(first.body);
    expect(again.headers['webhook-id']).toBe(first.headers['webhook-id']);
    expect(again.headers['webhook-timestamp']).not.toBe(first.headers['webhook-timestamp']);
    expect(isGenuine(again, SECRET)).toBe(true);
  });

  test.each([
    ['submitted', false],
    ['buffered', false],
    ['sent', true],
    ['failed', true],
    ['cancelled', true],
  ])('%s: final is %s', (state, final) => {
    const { body } = eventOf(callback({ state, reason: 'because' }), SECRET, NOW);
    expect(JSON.parse(body)).toMatchObject({ type: `message.${state}`, data: { state, final, reason: 'because' } });
  });

  test('a short code keeps its form', () => {
    expect(JSON.parse(eventOf(callback({ to: '12345' }), SECRET, NOW).body).data.to).toBe('12345');
  });
});
