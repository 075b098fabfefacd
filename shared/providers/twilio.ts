// Twilio's Programmable Messaging.
import { z } from 'zod';
import { basic, encodeForm, FORM } from './encode.ts';
import { jsonOf, textAt } from './json.ts';
import { done, preset, refused, statusVerdict } from './preset.ts';
import { hmac, sameText } from './signature.ts';

/** No provider would take these: https://www.twilio.com/docs/api/errors */
const MESSAGE = new Set(['21211', '21214', '21217', '21421', '21602', '21604', '21610', '21614', '21617']);
const THROTTLED = new Set(['14107', '20429', '63038']);
const QUEUE_FULL = new Set(['21611', '30001']);
/** ValidityPeriod, in seconds. */
const VALIDITY = { least: 1, most: 36_000 };

export const twilio = preset({
  name: 'twilio',
  source: [
    'https://www.twilio.com/docs/messaging/api/message-resource',
    'https://www.twilio.com/docs/usage/webhooks/webhooks-security',
  ],
  url: 'https://api.twilio.com',
  number: 'plus',
  account: z.strictObject({
    accountSid: z.string().regex(/^\w{1,64}$/, 'the account SID: AC and 32 hexadecimal digits'),
    authToken: z.string().min(1),
    /** Sends by this messaging service instead of the message's sender. */
    messagingServiceSid: z.string().min(1).optional(),
  }),
  secrets: ['authToken'],
  example: { accountSid: 'AC00000000000000000000000000000000', authToken: 'a-token-of-twilio' },

  request(message, { accountSid, authToken, messagingServiceSid }, url) {
    const { validitySeconds: validity } = message;
    const body = encodeForm({
      To: message.to,
      From: messagingServiceSid ? undefined : message.from,
      MessagingServiceSid: messagingServiceSid,
      Body: message.text,
      StatusCallback: message.receipt ? message.callback : undefined,
      ValidityPeriod: validity && Math.min(Math.max(validity, VALIDITY.least), VALIDITY.most),
    });
    return {
      method: 'POST',
      url: `${url}/2010-04-01/Accounts/${accountSid}/Messages.json`,
      headers: { ...FORM, authorization: basic(accountSid, authToken) },
      body,
    };
  },

  answer(answer, message) {
    const json = jsonOf(answer.body);
    if (answer.status < 300 && answer.status >= 200) return done(message, textAt(json, 'sid'));
    const code = textAt(json, 'code') ?? '';
    const said = `${code} ${textAt(json, 'message') ?? ''}`.trim();
    if (MESSAGE.has(code)) return refused('message', said);
    if (THROTTLED.has(code)) return statusVerdict({ ...answer, status: 429 }, said);
    if (QUEUE_FULL.has(code)) return { kind: 'retry', reason: said };
    return statusVerdict(answer, said);
  },

  states: {
    accepted: 'buffered',
    scheduled: 'buffered',
    queued: 'buffered',
    sending: 'buffered',
    sent: 'buffered',
    delivered: 'delivered',
    read: 'delivered',
    undelivered: 'failed',
    failed: 'failed',
    canceled: 'failed',
  },

  receipts({ form }) {
    const { MessageSid, MessageStatus, ErrorCode, To } = form;
    if (!MessageSid || !MessageStatus || MessageStatus === 'received') return undefined;
    return [{ providerId: MessageSid, stat: MessageStatus, error: ErrorCode, to: To }];
  },

  incoming({ form }) {
    const { MessageSid, From, To, Body } = form;
    if (!MessageSid || !From || !To || Body === undefined) return undefined;
    return [{ from: From, to: To, text: Body, providerId: MessageSid }];
  },

  /** The address, then each parameter's name and value, sorted by name; HMAC-SHA1 in base64. */
  signed({ url, form, headers }, { authToken }) {
    const names = Object.keys(form).sort();
    const text = url + names.map((name) => name + form[name]).join('');
    return sameText(headers['x-twilio-signature'] ?? '', hmac('sha1', authToken, text).digest('base64'));
  },

  /** An answer without TwiML would be taken as an error, one with a text as a reply. */
  reply: { type: 'text/xml', body: '<Response/>' },

  balance: {
    request: ({ accountSid, authToken }, url) => ({
      method: 'GET',
      url: `${url}/2010-04-01/Accounts/${accountSid}/Balance.json`,
      headers: { authorization: basic(accountSid, authToken) },
    }),
    read(answer) {
      const json = jsonOf(answer.body);
      const amount = textAt(json, 'balance');
      return amount === undefined ? undefined : { amount: Number(amount), currency: textAt(json, 'currency') };
    },
  },
});
