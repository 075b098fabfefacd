// Clickatell's older REST API, as Cisco's page on ISE prints it.
import { z } from 'zod';
import { CLICKATELL_STATES, clickatellError } from './clickatell.ts';
import { JSON_BODY } from './encode.ts';
import { at, jsonOf, textAt } from './json.ts';
import { done, preset, statusVerdict } from './preset.ts';

const ALL_STATES = 7;

export const clickatellRest = preset({
  name: 'clickatell-rest',
  source: ['https://archive.clickatell.com/developers/api-docs/rest/', 'Cisco, document 3639802 on ISE and Clickatell'],
  url: 'https://api.clickatell.com',
  number: 'digits',
  account: z.strictObject({ token: z.string().min(1) }),
  secrets: ['token'],
  example: { token: 'a-token-of-clickatell' },

  request(message, { token }, url) {
    const body = {
      text: message.text,
      to: [message.to],
      from: message.from,
      clientMessageId: message.id.replaceAll('-', ''),
      maxMessageParts: message.segments,
      ...(message.encoding === 'ucs2' ? { unicode: 1 } : {}),
      ...(message.receipt ? { callback: ALL_STATES } : {}),
      ...(message.validitySeconds ? { validityPeriod: Math.ceil(message.validitySeconds / 60) } : {}),
    };
    return {
      method: 'POST',
      url: `${url}/rest/message`,
      headers: { ...JSON_BODY, 'x-version': '1', authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    };
  },

  answer(answer, message) {
    const json = jsonOf(answer.body);
    const one = at(json, 'data.message[0]');
    if (at(one, 'accepted') === true) return done(message, textAt(one, 'apiMessageId'));
    const error = at(one, 'error') ?? at(json, 'error');
    const said = `${textAt(error, 'code') ?? ''} ${textAt(error, 'description') ?? ''}`.trim();
    if (answer.status === 429 || answer.status >= 500) return statusVerdict(answer, said);
    if (error === undefined && (answer.status < 200 || answer.status > 299)) return statusVerdict(answer);
    return clickatellError(textAt(error, 'code'), textAt(error, 'description'));
  },

  states: CLICKATELL_STATES,

  receipts({ json }) {
    const [providerId, stat] = [textAt(json, 'data.apiMessageId'), textAt(json, 'data.messageStatus')];
    return providerId && stat ? [{ providerId, stat, to: textAt(json, 'data.to') }] : undefined;
  },

  incoming({ json }) {
    const [from, to] = [textAt(json, 'data.from'), textAt(json, 'data.to')];
    const [text, providerId] = [textAt(json, 'data.text'), textAt(json, 'data.apiMessageId')];
    if (!from || !to || text === undefined || !providerId) return undefined;
    return [{ from, to, text, providerId }];
  },

  balance: {
    request: ({ token }, url) => ({
      method: 'GET',
      url: `${url}/rest/account/balance`,
      headers: { ...JSON_BODY, 'x-version': '1', authorization: `Bearer ${token}` },
    }),
    read(answer) {
      const amount = textAt(jsonOf(answer.body), 'data.balance');
      return amount === undefined ? undefined : { amount: Number(amount) };
    },
  },
});
