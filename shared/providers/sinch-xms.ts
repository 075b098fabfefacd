// Sinch's SMS REST API (XMS), which was CLX Communications'.
import { z } from 'zod';
import { JSON_BODY } from './encode.ts';
import { jsonOf, listAt, textAt } from './json.ts';
import { done, preset, refused, statusVerdict } from './preset.ts';
import { hmac, sameText } from './signature.ts';

/** The body of the batch names a number or a text that cannot be sent. */
const MESSAGE = /invalid (recipient|msisdn)|unknown_recipient|message too long|invalid_parameter.*\bto\b/i;

export const sinchXms = preset({
  name: 'sinch-xms',
  source: [
    'https://developers.sinch.com/docs/sms/api-reference/',
    'LinOTP, SMS Provider for SMS OTP Tokens, CLX Communications',
  ],
  url: 'https://eu.sms.api.sinch.com',
  number: 'digits',
  account: z.strictObject({
    servicePlan: z.string().regex(/^[\w-]{1,64}$/, 'the id of the service plan'),
    token: z.string().min(1),
    /** Signs the callbacks. */
    webhookSecret: z.string().min(1).optional(),
  }),
  secrets: ['token', 'webhookSecret'],
  example: { servicePlan: 'customer27421', token: 'a-token-of-sinch', webhookSecret: 'a-secret-for-webhooks' },

  request(message, { servicePlan, token }, url) {
    const body = {
      to: [message.to],
      from: message.from,
      body: message.text,
      client_reference: message.id,
      ...(message.messageClass === 0 ? { flash_message: true } : {}),
      ...(message.receipt ? { delivery_report: 'per_recipient' } : {}),
      ...(message.receipt && message.callback ? { callback_url: message.callback } : {}),
      ...(message.validitySeconds
        ? { expire_at: new Date(Date.now() + message.validitySeconds * 1_000).toISOString() }
        : {}),
    };
    return {
      method: 'POST',
      url: `${url}/xms/v1/${servicePlan}/batches`,
      headers: { ...JSON_BODY, authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    };
  },

  answer(answer, message) {
    const json = jsonOf(answer.body);
    if (answer.status >= 200 && answer.status < 300) return done(message, textAt(json, 'id'));
    const said = [textAt(json, 'code'), textAt(json, 'text')].filter(Boolean).join(' ');
    if (answer.status === 400 && MESSAGE.test(said)) return refused('message', said);
    return statusVerdict(answer, said);
  },

  states: {
    Queued: 'buffered',
    Dispatched: 'buffered',
    Delivered: 'delivered',
    Aborted: 'rejected',
    Cancelled: 'failed',
    Deleted: 'failed',
    Failed: 'failed',
    Rejected: 'rejected',
    Expired: 'expired',
    Unknown: 'unknown',
  },

  /** One per recipient, or the summary of a batch; ours has one recipient. */
  receipts({ json }) {
    const type = textAt(json, 'type') ?? '';
    const providerId = textAt(json, 'batch_id');
    if (!providerId || !/^(recipient_)?delivery_report_sms$/.test(type)) return undefined;
    const one = type.startsWith('recipient') ? json : listAt(json, 'statuses')[0];
    const stat = textAt(one, 'status');
    if (!stat) return [];
    const to = textAt(one, 'recipient') ?? textAt(one, 'recipients[0]');
    return [{ providerId, stat, error: textAt(one, 'code'), to }];
  },

  incoming({ json }) {
    const type = textAt(json, 'type');
    const [from, to] = [textAt(json, 'from'), textAt(json, 'to')];
    if ((type !== 'mo_text' && type !== 'mo_binary') || !from || !to) return undefined;
    const text = textAt(json, 'body') ?? '';
    const providerId = textAt(json, 'id');
    if (type === 'mo_text') return [{ from, to, text, providerId }];
    return [{ from, to, text: Buffer.from(text, 'base64').toString('latin1'), providerId, encoding: 'binary' }];
  },

  /** HMAC-SHA256 over body, nonce and time, joined by dots. */
  signed({ headers, body }, { webhookSecret }) {
    if (webhookSecret === undefined) return undefined;
    const text = `${body}.${headers['x-sinch-webhook-signature-nonce']}.${headers['x-sinch-webhook-signature-timestamp']}`;
    const expected = hmac('sha256', webhookSecret, text).digest('base64');
    return sameText(headers['x-sinch-webhook-signature'] ?? '', expected);
  },
});
