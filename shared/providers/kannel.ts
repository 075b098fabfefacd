// Another gateway that speaks Kannel's sendsms behind this one: Kannel itself, or a second Hermod.
import { z } from 'zod';
import { parseReceipt } from '../sms/receipt.ts';
import { encodeForm } from './encode.ts';
import { done, type Outgoing, preset, refused, statusVerdict } from './preset.ts';

/** Delivered, failed, and refused by its own provider: what ends a message. */
const DLR_MASK = 1 + 2 + 16;
/** Kannel's escapes: kind of report, its text, the recipient. */
const ESCAPES = 'type=%d&text=%A&to=%p';
const NUMBER = /receiver|Number\(s\)/i;
const CODING = { gsm7: undefined, latin1: undefined, ucs2: 2, binary: 1 } as const;

export const kannel = preset({
  name: 'kannel',
  source: ['https://www.kannel.org/download/1.4.5/userguide-1.4.5/userguide.html (sections 6.6 and 6.4)'],
  url: 'http://127.0.0.1:13013',
  number: 'plus',
  account: z.strictObject({
    username: z.string().min(1),
    password: z.string(),
    path: z.string().startsWith('/').default('/cgi-bin/sendsms'),
    /** Its route for our messages. */
    smsc: z.string().min(1).optional(),
  }),
  secrets: ['password'],
  example: { username: 'tester', password: 'foobar-of-kannel' },
  binary: true,

  request(message, { username, password, path, smsc }, url) {
    const octets = message.encoding === 'binary' || message.udh !== undefined;
    const query = encodeForm({
      username,
      password,
      from: message.from,
      to: message.to,
      smsc,
      charset: octets ? undefined : 'UTF-8',
      coding: CODING[message.encoding],
      mclass: message.messageClass,
      priority: message.priority,
      validity: message.validitySeconds && Math.ceil(message.validitySeconds / 60),
      deferred: message.notBefore && Math.max(0, Math.ceil((message.notBefore - Date.now()) / 60_000)),
      ...report(message),
    });
    const text = octets ? percent(Buffer.from(message.text, 'latin1')) : encodeForm({ text: message.text }).slice(5);
    const udh = message.udh === undefined ? '' : `&udh=${percent(Buffer.from(message.udh, 'hex'))}`;
    return { method: 'GET', url: `${url}${path}?${query}${udh}&text=${text}`, headers: {} };
  },

  /** 202 means taken; Kannel gives no id, so the report brings ours. */
  answer(answer, message) {
    if (answer.status === 202) return done(message);
    const said = answer.body.split('\n')[0]!;
    if (answer.status === 400 && NUMBER.test(said)) return refused('message', said);
    return statusVerdict(answer, said);
  },

  states: { '1': 'delivered', '2': 'failed', '4': 'buffered', '8': 'buffered', '16': 'rejected' },

  receipts({ query }) {
    const { id, type, text, to } = query;
    if (!id || !type) return undefined;
    return [{ providerId: id, stat: type, error: parseReceipt(text ?? '', {})?.error, to }];
  },

  /** By its sms-service: get-url = "<callback>?from=%p&to=%P&text=%a&mo=%I". */
  incoming({ query }) {
    const { mo, from, to, text } = query;
    if (!mo || !from || !to || text === undefined) return undefined;
    return [{ from, to, text, providerId: mo }];
  },
});

const report = ({ receipt, callback, id }: Outgoing) =>
  receipt && callback ? { 'dlr-mask': DLR_MASK, 'dlr-url': `${callback}?id=${id}&${ESCAPES}` } : {};

const percent = (octets: Buffer) => octets.toString('hex').replaceAll(/../g, '%$&');
