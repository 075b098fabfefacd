// Vonage's SMS API (formerly Nexmo).
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { encodeForm, FORM, withQuery } from './encode.ts';
import { at, jsonOf, listAt, textAt } from './json.ts';
import { done, type HttpCallback, preset, refused, statusVerdict } from './preset.ts';
import { claimsOf, hmac, sameText, sha256 } from './signature.ts';

/** https://developer.vonage.com/en/messaging/sms/guides/troubleshooting-sms: 6 undeliverable content or number, 7 barred, 12 too long, 33 deactivated. */
const MESSAGE = new Set(['6', '7', '12', '33']);
const THROTTLED = new Set(['1', '10']);
const INTERNAL = '5';
/** ttl, in milliseconds. */
const TTL = { least: 20_000, most: 604_800_000 };
const METHODS = ['md5', 'hmac-md5', 'hmac-sha1', 'hmac-sha256', 'hmac-sha512'] as const;

export const vonage = preset({
  name: 'vonage',
  source: [
    'https://developer.vonage.com/en/api/sms',
    'https://developer.vonage.com/en/getting-started/concepts/signing-messages',
    'https://developer.vonage.com/en/getting-started/concepts/webhooks',
  ],
  url: 'https://rest.nexmo.com',
  number: 'digits',
  account: z.strictObject({
    apiKey: z.string().min(1),
    apiSecret: z.string().min(1),
    /** Signs the callbacks, when signed webhooks are switched on for the account. */
    signatureSecret: z.string().min(1).optional(),
    signatureMethod: z.enum(METHODS).default('hmac-sha256'),
  }),
  secrets: ['apiSecret', 'signatureSecret'],
  example: { apiKey: 'abcd1234', apiSecret: 'a-secret-of-vonage', signatureSecret: 'another-secret' },

  request(message, { apiKey, apiSecret }, url) {
    const ttl = message.validitySeconds && message.validitySeconds * 1_000;
    const body = encodeForm({
      api_key: apiKey,
      api_secret: apiSecret,
      from: message.from,
      to: message.to,
      text: message.text,
      type: message.encoding === 'ucs2' ? 'unicode' : undefined,
      'status-report-req': message.receipt ? 1 : 0,
      callback: message.receipt ? message.callback : undefined,
      'client-ref': message.id,
      'message-class': message.messageClass,
      ttl: ttl && Math.min(Math.max(ttl, TTL.least), TTL.most),
    });
    return { method: 'POST', url: `${url}/sms/json`, headers: { ...FORM }, body };
  },

  /** The status is 200 whatever happened; each part of a long message has its own. */
  answer(answer, message) {
    const messages = listAt(jsonOf(answer.body), 'messages');
    if (messages.length === 0) return statusVerdict(answer);
    const ids = messages.map((one) => (textAt(one, 'status') === '0' ? textAt(one, 'message-id') : undefined));
    if (ids.every((id) => id !== undefined)) return done(message, ...ids);
    // A part is on its way already: another try would send it twice.
    if (ids.some((id) => id !== undefined)) return { kind: 'unknown', reason: 'only some of its parts were taken' };
    const code = textAt(messages[0], 'status') ?? '';
    const reason = `${code} ${textAt(messages[0], 'error-text') ?? ''}`.trim();
    if (THROTTLED.has(code)) return { kind: 'throttled', reason };
    if (code === INTERNAL) return { kind: 'retry', reason };
    return refused(MESSAGE.has(code) ? 'message' : 'provider', reason);
  },

  states: {
    submitted: 'buffered',
    accepted: 'buffered',
    buffered: 'buffered',
    delivered: 'delivered',
    expired: 'expired',
    failed: 'failed',
    rejected: 'rejected',
    unknown: 'unknown',
  },

  receipts(callback) {
    const { messageId, status, msisdn, 'err-code': error } = fieldsOf(callback);
    return messageId && status ? [{ providerId: messageId, stat: status, error, to: msisdn }] : undefined;
  },

  incoming(callback) {
    const { messageId, msisdn, to, text, type, data, ...more } = fieldsOf(callback);
    if (!messageId || !msisdn || !to) return undefined;
    const [reference, total, part] = [more['concat-ref'], more['concat-total'], more['concat-part']].map(Number);
    const concat = more.concat === 'true' && reference !== undefined && total && part;
    return [
      {
        from: msisdn,
        to,
        text: type === 'binary' ? Buffer.from(data ?? '', 'hex').toString('latin1') : (text ?? ''),
        providerId: messageId,
        ...(type === 'binary' ? { encoding: 'binary' as const } : {}),
        ...(concat ? { concat: { reference, total, part } } : {}),
      },
    ];
  },

  /** A JWT over the body's hash, or `sig` over all parameters, whichever the callback has. */
  signed(callback, { signatureSecret, signatureMethod, apiKey }) {
    if (signatureSecret === undefined) return undefined;
    const token = /^Bearer (\S+)$/i.exec(callback.headers.authorization ?? '')?.[1];
    if (token) {
      const claims = claimsOf(token, signatureSecret);
      const hash = textAt(claims, 'payload_hash');
      return at(claims, 'api_key') === apiKey && (callback.body === '' || hash === sha256(callback.body));
    }
    const { sig, ...fields } = fieldsOf(callback);
    return sameText((sig ?? '').toLowerCase(), signatureOf(fields, signatureMethod, signatureSecret));
  },

  balance: {
    request: ({ apiKey, apiSecret }, url) => ({
      method: 'GET',
      url: withQuery(`${url}/account/get-balance`, { api_key: apiKey, api_secret: apiSecret }),
      headers: {},
    }),
    read(answer) {
      const amount = textAt(jsonOf(answer.body), 'value');
      return amount === undefined ? undefined : { amount: Number(amount), currency: 'EUR' };
    },
  },
});

/** The webhook's format is a setting of the account: query, form or JSON. */
function fieldsOf({ query, form, json }: HttpCallback): Record<string, string | undefined> {
  const all: Record<string, string | undefined> = { ...query, ...form };
  if (typeof json === 'object' && json !== null)
    for (const [name, value] of Object.entries(json)) all[name] = String(value);
  return all;
}

/** `&name=value` of all parameters in the order of their names, `&` and `=` in a value written as `_`. */
export function signatureOf(
  fields: Readonly<Record<string, string | undefined>>,
  method: (typeof METHODS)[number],
  secret: string,
): string {
  const text = Object.keys(fields)
    .sort()
    .map((name) => `&${name}=${(fields[name] ?? '').replaceAll(/[&=]/g, '_')}`)
    .join('');
  if (method === 'md5')
    return createHash('md5')
      .update(text + secret)
      .digest('hex');
  return hmac(method.slice('hmac-'.length) as 'sha256', secret, text).digest('hex');
}
