// Infobip's SMS API, version 2.
import { z } from 'zod';
import { JSON_BODY } from './encode.ts';
import { at, jsonOf, listAt, textAt } from './json.ts';
import { done, preset, refused, statusVerdict } from './preset.ts';

/** Groups of states: https://www.infobip.com/docs/essentials/response-status-and-error-codes */
const TAKEN = new Set(['PENDING', 'DELIVERED']);
const TRANSIENT = new Set(['REJECTED_SYSTEM_ERROR', 'REJECTED_NETWORK']);
const THROTTLED = new Set(['REJECTED_FLOODING_FILTER']);
const MESSAGE = new Set([
  'REJECTED_PREFIX_MISSING',
  'REJECTED_DND',
  'REJECTED_DESTINATION',
  'REJECTED_MESSAGE_TOO_LONG',
  'MISSING_TO',
]);

export const infobip = preset({
  name: 'infobip',
  source: ['https://www.infobip.com/docs/api/channels/sms/sms-messaging'],
  /** Each account has an address of its own. */
  url: '',
  number: 'digits',
  account: z.strictObject({ apiKey: z.string().min(1) }),
  secrets: ['apiKey'],
  example: { apiKey: 'a-key-of-infobip' },

  request(message, { apiKey }, url) {
    const one = {
      from: message.from,
      destinations: [{ to: message.to }],
      text: message.text,
      ...(message.messageClass === 0 ? { flash: true } : {}),
      ...(message.receipt && message.callback
        ? { notifyUrl: message.callback, notifyContentType: 'application/json', callbackData: message.id }
        : {}),
      ...(message.validitySeconds ? { validityPeriod: Math.ceil(message.validitySeconds / 60) } : {}),
    };
    return {
      method: 'POST',
      url: `${url}/sms/2/text/advanced`,
      headers: { ...JSON_BODY, authorization: `App ${apiKey}` },
      body: JSON.stringify({ messages: [one] }),
    };
  },

  answer(answer, message) {
    const json = jsonOf(answer.body);
    const one = at(json, 'messages[0]');
    if (answer.status < 200 || answer.status > 299 || one === undefined) {
      const said = ['messageId', 'text'].map((key) => textAt(json, `requestError.serviceException.${key}`));
      return statusVerdict(answer, said.filter(Boolean).join(' '));
    }
    if (TAKEN.has(textAt(one, 'status.groupName') ?? '')) return done(message, textAt(one, 'messageId'));
    const reason = textAt(one, 'status.name') ?? 'the answer has no status';
    if (TRANSIENT.has(reason)) return { kind: 'retry', reason };
    if (THROTTLED.has(reason)) return { kind: 'throttled', reason };
    return refused(MESSAGE.has(reason) ? 'message' : 'provider', reason);
  },

  states: {
    PENDING: 'buffered',
    UNDELIVERABLE: 'failed',
    DELIVERED: 'delivered',
    EXPIRED: 'expired',
    REJECTED: 'rejected',
  },

  receipts({ json }) {
    const results = listAt(json, 'results').filter((one) => textAt(one, 'status.groupName') !== undefined);
    if (results.length === 0) return undefined;
    return results.map((one) => ({
      providerId: textAt(one, 'messageId') ?? '',
      stat: textAt(one, 'status.groupName')!,
      error: textAt(one, 'error.id'),
      to: textAt(one, 'to'),
    }));
  },

  incoming({ json }) {
    const results = listAt(json, 'results').filter((one) => textAt(one, 'from') && textAt(one, 'receivedAt'));
    if (results.length === 0) return undefined;
    return results.map((one) => ({
      from: textAt(one, 'from')!,
      to: textAt(one, 'to') ?? '',
      text: textAt(one, 'text') ?? '',
      providerId: textAt(one, 'messageId'),
    }));
  },

  balance: {
    request: ({ apiKey }, url) => ({
      method: 'GET',
      url: `${url}/account/1/balance`,
      headers: { ...JSON_BODY, authorization: `App ${apiKey}` },
    }),
    read(answer) {
      const json = jsonOf(answer.body);
      const amount = textAt(json, 'balance');
      return amount === undefined ? undefined : { amount: Number(amount), currency: textAt(json, 'currency') };
    },
  },
});
