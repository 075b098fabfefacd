// Bird's SMS API at rest.messagebird.com (formerly MessageBird).
import { z } from 'zod';
import { JSON_BODY } from './encode.ts';
import { jsonOf, textAt } from './json.ts';
import { done, preset, refused, statusVerdict } from './preset.ts';
import { claimsOf, sameText, sha256 } from './signature.ts';

/** Error 9 and 10: a parameter is missing or wrong. */
const PARAMETER = new Set(['9', '10']);
const RECIPIENT = /^recipients?|^body/;
/** 98 and 99: theirs. */
const INTERNAL = new Set(['98', '99']);
const VALIDITY_MOST_S = 604_800;

export const messagebird = preset({
  name: 'messagebird',
  source: [
    'https://developers.messagebird.com/api/sms-messaging/',
    'https://developers.messagebird.com/api/#verifying-http-requests',
  ],
  url: 'https://rest.messagebird.com',
  number: 'digits',
  account: z.strictObject({
    accessKey: z.string().min(1),
    /** Signs the callbacks. */
    signingKey: z.string().min(1).optional(),
  }),
  secrets: ['accessKey', 'signingKey'],
  example: { accessKey: 'a-live-access-key', signingKey: 'a-signing-key' },

  request(message, { accessKey }, url) {
    const body = {
      recipients: [message.to],
      originator: message.from,
      body: message.text,
      datacoding: message.encoding === 'ucs2' ? 'unicode' : 'plain',
      reference: message.id,
      ...(message.messageClass === 0 ? { type: 'flash' } : {}),
      ...(message.receipt && message.callback ? { reportUrl: message.callback } : {}),
      ...(message.validitySeconds ? { validity: Math.min(message.validitySeconds, VALIDITY_MOST_S) } : {}),
    };
    return {
      method: 'POST',
      url: `${url}/messages`,
      headers: { ...JSON_BODY, authorization: `AccessKey ${accessKey}` },
      body: JSON.stringify(body),
    };
  },

  answer(answer, message) {
    const json = jsonOf(answer.body);
    if (answer.status >= 200 && answer.status < 300) return done(message, textAt(json, 'id'));
    const code = textAt(json, 'errors[0].code') ?? '';
    const parameter = textAt(json, 'errors[0].parameter') ?? '';
    const said = [code, textAt(json, 'errors[0].description'), parameter].filter(Boolean).join(' ');
    if (PARAMETER.has(code) && RECIPIENT.test(parameter)) return refused('message', said);
    if (INTERNAL.has(code)) return { kind: 'retry', reason: said };
    return statusVerdict(answer, said);
  },

  states: {
    scheduled: 'buffered',
    sent: 'buffered',
    buffered: 'buffered',
    delivered: 'delivered',
    delivery_failed: 'failed',
    expired: 'expired',
  },

  receipts({ query }) {
    const { id, status, recipient, statusErrorCode } = query;
    return id && status ? [{ providerId: id, stat: status, error: statusErrorCode, to: recipient }] : undefined;
  },

  /** A number's and a short code's messages have other names for the same. */
  incoming({ form, query }) {
    const { id, mid, originator, recipient, shortcode, body, message } = { ...query, ...form };
    const [to, text] = [recipient ?? shortcode, body ?? message];
    if (!originator || !to || text === undefined) return undefined;
    return [{ from: originator, to, text, providerId: id ?? mid }];
  },

  /** A JWT with the hash of the address, and of the body where there is one. */
  signed({ url, body, headers }, { signingKey }) {
    if (signingKey === undefined) return undefined;
    const claims = claimsOf(headers['messagebird-signature-jwt'] ?? '', signingKey);
    if (!sameText(textAt(claims, 'url_hash') ?? '', sha256(url))) return false;
    return body === '' || sameText(textAt(claims, 'payload_hash') ?? '', sha256(body));
  },

  reply: { type: 'text/plain', body: 'OK' },

  balance: {
    request: ({ accessKey }, url) => ({
      method: 'GET',
      url: `${url}/balance`,
      headers: { ...JSON_BODY, authorization: `AccessKey ${accessKey}` },
    }),
    read(answer) {
      const json = jsonOf(answer.body);
      const amount = textAt(json, 'amount');
      return amount === undefined ? undefined : { amount: Number(amount), currency: textAt(json, 'type') };
    },
  },
});
