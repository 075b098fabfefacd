// Clickatell's older HTTP API, as LinOTP and privacyIDEA print it.
import { z } from 'zod';
import { toUcs2 } from '../sms/segments.ts';
import { CLICKATELL_STATES, clickatellError } from './clickatell.ts';
import { withQuery } from './encode.ts';
import { done, preset, statusVerdict } from './preset.ts';

/** Both final and intermediate states are told. */
const ALL_STATES = 7;

export const clickatellHttp = preset({
  name: 'clickatell-http',
  source: ['https://archive.clickatell.com/developers/api-docs/http/'],
  url: 'https://api.clickatell.com',
  number: 'digits',
  account: z.strictObject({
    user: z.string().min(1),
    password: z.string().min(1),
    apiId: z.string().regex(/^\d{1,20}$/, 'digits in quotes'),
  }),
  secrets: ['password'],
  example: { user: 'acme', password: 'a-password', apiId: '12980436' },

  request(message, { user, password, apiId }, url) {
    const unicode = message.encoding === 'ucs2';
    const query = {
      user,
      password,
      api_id: apiId,
      from: message.from,
      to: message.to,
      text: unicode ? toUcs2(message.text).toString('hex') : message.text,
      unicode: unicode ? 1 : undefined,
      concat: message.segments > 1 ? message.segments : undefined,
      callback: message.receipt ? ALL_STATES : undefined,
      cliMsgId: message.id.replaceAll('-', ''),
      validity: message.validitySeconds && Math.ceil(message.validitySeconds / 60),
    };
    return { method: 'GET', url: withQuery(`${url}/http/sendmsg`, query), headers: {} };
  },

  answer(answer, message) {
    if (answer.status !== 200) return statusVerdict(answer);
    const id = /^ID:\s*(\S+)/m.exec(answer.body)?.[1];
    if (id) return done(message, id);
    const [, code, words] = /^ERR:\s*(\d+)\s*,?\s*(.*)/m.exec(answer.body) ?? [];
    return clickatellError(code, words);
  },

  states: CLICKATELL_STATES,

  receipts({ query, form }) {
    const { apiMsgId, status, to } = { ...query, ...form };
    return apiMsgId && status ? [{ providerId: apiMsgId, stat: status, to }] : undefined;
  },

  incoming({ query, form }) {
    const { moMsgId, from, to, text, charset } = { ...query, ...form };
    if (!moMsgId || !from || !to || text === undefined) return undefined;
    // In UTF-16BE the text arrives as octets in the place of characters.
    const octets = charset === 'UTF-16BE' ? Buffer.from(text, 'latin1') : undefined;
    const read = octets && octets.length % 2 === 0 ? octets.swap16().toString('utf16le') : text;
    return [{ from, to, text: read, providerId: moMsgId }];
  },

  balance: {
    request: ({ user, password, apiId }, url) => ({
      method: 'GET',
      url: withQuery(`${url}/http/getbalance`, { user, password, api_id: apiId }),
      headers: {},
    }),
    read(answer) {
      const amount = /Credit:\s*([\d.]+)/.exec(answer.body)?.[1];
      return amount === undefined ? undefined : { amount: Number(amount) };
    },
  },
});
