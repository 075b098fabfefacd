// Each preset against its provider's public documents: the request, answers good and bad, callbacks and their signatures.
import { createHash, createHmac } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Sms } from '#shared/messages/sms.ts';
import type { Outcome } from '#shared/outcome.ts';
import { apiOf } from '#shared/providers/api.ts';
import { PRESETS } from '#shared/providers/list.ts';
import type { HttpCallback } from '#shared/providers/preset.ts';
import { signatureOf } from '#shared/providers/vonage.ts';
import { type HttpProvider, type Reply, startHttpProvider } from '../peers/http-provider.ts';
import { NUMBER, openRow, rowOf, smsOf } from './rig.ts';

let provider: HttpProvider;

beforeAll(async () => {
  provider = await startHttpProvider();
});
afterAll(() => provider.stop());
beforeEach(() => {
  provider.calls.length = 0;
});

const ID = '0199c0de-0000-7000-8000-000000000001';
const REF = ID.replaceAll('-', '');
const TOKEN = 'a-token-0123456789';
const CALLBACK = `https://sms.example.com/dlr/p/${TOKEN}`;
const ascii = smsOf({ id: ID, text: 'Code 1', dlrMask: 3 });
const cyrillic = smsOf({ id: ID, text: 'Код', dlrMask: 0 });

const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString();
const json = (value: unknown) => ({ body: JSON.stringify(value) });
const callback = (more: Partial<HttpCallback>): HttpCallback => ({
  ...{ method: 'POST', url: CALLBACK, query: {}, form: {}, json: undefined, headers: {}, body: '' },
  ...more,
});

type Case = [reply: Reply, outcome: Partial<Outcome> | string];
type Sample = {
  request: (call: HttpProvider['calls'][0]) => unknown;
  expected: unknown;
  unicode?: unknown;
  /** A text is the id of a success. */
  answers: Case[];
  receipts?: [Partial<HttpCallback>, [id: string, stat: string, to?: string, error?: string]][];
  incoming?: [Partial<HttpCallback>, [from: string, to: string, text: string, id?: string]][];
};

const message = (reason: string): Partial<Outcome> => ({ kind: 'refused', scope: 'message', reason });
const here = (reason: string): Partial<Outcome> => ({ kind: 'refused', scope: 'provider', reason });
const query = (call: { url: string }) => Object.fromEntries(new URL(call.url, 'http://x').searchParams);
const where = (call: { method: string; url: string }) => `${call.method} ${call.url.split('?')[0]}`;
const xml = (members: Record<string, string>) =>
  `<methodResponse><params><param><value><struct>${Object.entries(members)
    .map(([name, value]) => `<member><name>${name}</name><value><string>${value}</string></value></member>`)
    .join('')}</struct></value></param></params></methodResponse>`;

const SAMPLES: Record<string, Sample> = {
  'clickatell-http': {
    request: (call) => [where(call), query(call)],
    expected: [
      'GET /http/sendmsg',
      {
        user: 'acme',
        password: 'a-password',
        api_id: '12980436',
        from: '12345',
        to: NUMBER,
        text: 'Code 1',
        callback: '7',
        cliMsgId: REF,
      },
    ],
    unicode: [
      'GET /http/sendmsg',
      {
        user: 'acme',
        password: 'a-password',
        api_id: '12980436',
        from: '12345',
        to: NUMBER,
        text: '041a043e0434',
        unicode: '1',
        cliMsgId: REF,
      },
    ],
    answers: [
      [{ body: 'ID: 205e85d0578314037a96175249fc6a2b' }, '205e85d0578314037a96175249fc6a2b'],
      [{ body: 'ERR: 001, Authentication failed' }, here('001 Authentication failed')],
      [{ body: 'ERR: 105, Invalid Destination Address' }, message('105 Invalid Destination Address')],
      [{ body: 'ERR: 114, Cannot route message' }, here('114 Cannot route message')],
      [{ body: 'ERR: 301, No Credit Left' }, here('301 No Credit Left')],
      [{ body: 'ERR: 901, Internal error' }, { kind: 'retry' }],
      [{ body: '<html>' }, here('the answer has neither an id nor an error')],
    ],
    receipts: [
      [{ query: { apiMsgId: 'a1', status: '004', to: NUMBER, charge: '1' } }, ['a1', '004', NUMBER]],
      [{ form: { apiMsgId: 'a1', status: '010', to: NUMBER } }, ['a1', '010', NUMBER]],
    ],
    incoming: [
      [{ query: { moMsgId: 'm1', from: NUMBER, to: '99', text: 'yes', api_id: '1' } }, [NUMBER, '99', 'yes', 'm1']],
      [
        { query: { moMsgId: 'm1', from: NUMBER, to: '99', text: '\x04\x1a', charset: 'UTF-16BE' } },
        [NUMBER, '99', 'К', 'm1'],
      ],
    ],
  },
  'clickatell-rest': {
    request: (call) => [where(call), call.headers.authorization, call.headers['x-version'], JSON.parse(call.body)],
    expected: [
      'POST /rest/message',
      'Bearer a-token-of-clickatell',
      '1',
      { text: 'Code 1', to: [NUMBER], from: '12345', clientMessageId: REF, maxMessageParts: 1, callback: 7 },
    ],
    answers: [
      [{ status: 202, ...json({ data: { message: [{ accepted: true, to: NUMBER, apiMessageId: 'a1' }] } }) }, 'a1'],
      [
        {
          status: 207,
          ...json({ data: { message: [{ accepted: false, error: { code: '105', description: 'Bad number' } }] } }),
        },
        message('105 Bad number'),
      ],
      [
        { status: 401, ...json({ error: { code: '001', description: 'Authentication failed' } }) },
        here('001 Authentication failed'),
      ],
    ],
    receipts: [[{ json: { data: { apiMessageId: 'a1', messageStatus: '004', to: NUMBER } } }, ['a1', '004', NUMBER]]],
    incoming: [
      [{ json: { data: { apiMessageId: 'm', from: NUMBER, to: '99', text: 'hi' } } }, [NUMBER, '99', 'hi', 'm']],
    ],
  },
  'gtx-messaging': {
    request: (call) => [where(call), query(call)],
    expected: [
      'GET /smsc.php',
      { user: 'acme', pass: 'a-password-of-gtx', from: '12345', to: `+${NUMBER}`, text: 'Code 1' },
    ],
    answers: [
      [{ body: '200 OK 00fa1a1e-0815' }, '00fa1a1e-0815'],
      [{ body: '200 OK' }, ID],
      [{ body: '403 Forbidden' }, here('the answer has no success.contains: 403 Forbidden')],
    ],
  },
  infobip: {
    request: (call) => [where(call), call.headers.authorization, JSON.parse(call.body)],
    expected: [
      'POST /sms/2/text/advanced',
      'App a-key-of-infobip',
      {
        messages: [
          {
            ...{ from: '12345', destinations: [{ to: NUMBER }], text: 'Code 1' },
            ...{ notifyUrl: CALLBACK, notifyContentType: 'application/json', callbackData: ID },
          },
        ],
      },
    ],
    answers: [
      [json({ messages: [{ messageId: 'i1', status: { groupName: 'PENDING', name: 'PENDING_ACCEPTED' } }] }), 'i1'],
      [
        json({
          messages: [{ messageId: 'i1', status: { groupName: 'REJECTED', name: 'REJECTED_NOT_ENOUGH_CREDITS' } }],
        }),
        here('REJECTED_NOT_ENOUGH_CREDITS'),
      ],
      [
        json({ messages: [{ status: { groupName: 'REJECTED', name: 'REJECTED_DESTINATION' } }] }),
        message('REJECTED_DESTINATION'),
      ],
      [
        json({ messages: [{ status: { groupName: 'REJECTED', name: 'REJECTED_FLOODING_FILTER' } }] }),
        { kind: 'throttled' },
      ],
      [
        {
          status: 401,
          ...json({ requestError: { serviceException: { messageId: 'UNAUTHORIZED', text: 'Invalid login details' } } }),
        },
        here('HTTP 401: UNAUTHORIZED Invalid login details'),
      ],
    ],
    receipts: [
      [
        { json: { results: [{ messageId: 'i1', to: NUMBER, status: { groupName: 'DELIVERED' }, error: { id: 0 } }] } },
        ['i1', 'DELIVERED', NUMBER, '0'],
      ],
    ],
    incoming: [
      [
        {
          json: {
            results: [
              { messageId: 'm', from: NUMBER, to: '99', text: 'hi', receivedAt: '2026-01-01T00:00:00.000+0000' },
            ],
            messageCount: 1,
          },
        },
        [NUMBER, '99', 'hi', 'm'],
      ],
    ],
  },
  kannel: {
    request: (call) => [where(call), query(call)],
    expected: [
      'GET /cgi-bin/sendsms',
      {
        ...{
          username: 'tester',
          password: 'foobar-of-kannel',
          from: '12345',
          to: `+${NUMBER}`,
          charset: 'UTF-8',
          text: 'Code 1',
        },
        ...{ 'dlr-mask': '19', 'dlr-url': `${CALLBACK}?id=${ID}&type=%d&text=%A&to=%p` },
      },
    ],
    unicode: [
      'GET /cgi-bin/sendsms',
      {
        username: 'tester',
        password: 'foobar-of-kannel',
        from: '12345',
        to: `+${NUMBER}`,
        charset: 'UTF-8',
        coding: '2',
        text: 'Код',
      },
    ],
    answers: [
      [{ status: 202, body: '0: Accepted for delivery' }, ID],
      [{ status: 202, body: '3: Queued for later delivery' }, ID],
      [{ status: 403, body: 'Authorization failed for sendsms' }, here('HTTP 403: Authorization failed for sendsms')],
      [
        { status: 400, body: 'Number(s) has/have been denied by white- and/or black-lists.' },
        { kind: 'refused', scope: 'message' },
      ],
      [
        { status: 400, body: 'Sender missing and no global set, rejected' },
        { kind: 'refused', scope: 'provider' },
      ],
      [{ status: 503, body: 'Temporal failure, try again later.' }, { kind: 'retry' }],
    ],
    receipts: [
      [
        { query: { id: ID, type: '1', text: 'id:9 stat:DELIVRD err:000 text:', to: `+${NUMBER}` } },
        [ID, '1', `+${NUMBER}`, '000'],
      ],
      [
        { query: { id: ID, type: '16', text: 'NACK/0x0000000b/Invalid Destination Address', to: NUMBER } },
        [ID, '16', NUMBER],
      ],
    ],
    incoming: [[{ query: { mo: 'u-1', from: NUMBER, to: '99', text: 'hi' } }, [NUMBER, '99', 'hi', 'u-1']]],
  },
  messagebird: {
    request: (call) => [where(call), call.headers.authorization, JSON.parse(call.body)],
    expected: [
      'POST /messages',
      'AccessKey a-live-access-key',
      {
        recipients: [NUMBER],
        originator: '12345',
        body: 'Code 1',
        datacoding: 'plain',
        reference: ID,
        reportUrl: CALLBACK,
      },
    ],
    answers: [
      [{ status: 201, ...json({ id: 'e8077d803532c0b5937c639b60216938' }) }, 'e8077d803532c0b5937c639b60216938'],
      [
        { status: 422, ...json({ errors: [{ code: 10, description: 'invalid', parameter: 'recipients' }] }) },
        message('10 invalid recipients'),
      ],
      [
        {
          status: 401,
          ...json({ errors: [{ code: 2, description: 'Request not allowed', parameter: 'access_key' }] }),
        },
        here('HTTP 401: 2 Request not allowed access_key'),
      ],
      [{ status: 422, ...json({ errors: [{ code: 98, description: 'internal' }] }) }, { kind: 'retry' }],
    ],
    receipts: [
      [
        { query: { id: 'b1', status: 'delivery_failed', recipient: NUMBER, statusErrorCode: '104' } },
        ['b1', 'delivery_failed', NUMBER, '104'],
      ],
    ],
    incoming: [
      [{ form: { id: 'm', originator: NUMBER, recipient: '99', body: 'hi' } }, [NUMBER, '99', 'hi', 'm']],
      [{ query: { mid: 'm', originator: NUMBER, shortcode: '99', message: 'hi' } }, [NUMBER, '99', 'hi', 'm']],
    ],
  },
  'sinch-xms': {
    request: (call) => [where(call), call.headers.authorization, JSON.parse(call.body)],
    expected: [
      'POST /xms/v1/customer27421/batches',
      'Bearer a-token-of-sinch',
      {
        to: [NUMBER],
        from: '12345',
        body: 'Code 1',
        client_reference: ID,
        delivery_report: 'per_recipient',
        callback_url: CALLBACK,
      },
    ],
    answers: [
      [{ status: 201, ...json({ id: 'batch1' }) }, 'batch1'],
      [
        { status: 400, ...json({ code: 'syntax_invalid_parameter_format', text: 'invalid msisdn' }) },
        { kind: 'refused', scope: 'message' },
      ],
      [{ status: 403, ...json({ code: 'unauthorized', text: 'no' }) }, here('HTTP 403: unauthorized no')],
    ],
    receipts: [
      [
        {
          json: {
            type: 'recipient_delivery_report_sms',
            batch_id: 'batch1',
            recipient: NUMBER,
            code: 401,
            status: 'Dispatched',
          },
        },
        ['batch1', 'Dispatched', NUMBER, '401'],
      ],
      [
        {
          json: {
            type: 'delivery_report_sms',
            batch_id: 'batch1',
            statuses: [{ code: 0, status: 'Delivered', count: 1, recipients: [NUMBER] }],
          },
        },
        ['batch1', 'Delivered', NUMBER, '0'],
      ],
    ],
    incoming: [
      [{ json: { type: 'mo_text', id: 'm', from: NUMBER, to: '99', body: 'hi' } }, [NUMBER, '99', 'hi', 'm']],
      [
        { json: { type: 'mo_binary', id: 'm', from: NUMBER, to: '99', body: 'AP8=', udh: '00' } },
        [NUMBER, '99', '\x00\xff', 'm'],
      ],
    ],
  },
  sipgate: {
    request: (call) => [where(call), call.headers.authorization, call.body],
    expected: [
      'POST /RPC2',
      basic('acme@example.com', 'a-password-of-sipgate'),
      expect.stringContaining(
        `<member><name>RemoteUri</name><value><string>sip:${NUMBER}@sipgate.de</string></value></member>`,
      ),
    ],
    answers: [
      [{ body: xml({ StatusCode: '200', StatusString: 'Method success', SessionID: 's-1' }) }, 's-1'],
      [
        { body: xml({ StatusCode: '407', StatusString: 'Invalid parameter value' }) },
        here('407 Invalid parameter value'),
      ],
      [
        {
          body: xml({ faultCode: '404', faultString: 'x' })
            .replaceAll('params>', 'fault>')
            .replaceAll(/<\/?param>/g, ''),
        },
        message('404 x'),
      ],
      [{ status: 401 }, here('HTTP 401')],
      [{ body: 'hello' }, here('the answer is no XML-RPC')],
    ],
  },
  sms4: {
    request: (call) => [where(call), query(call)],
    expected: [
      'GET /cgi-bin/sms_out.pl',
      {
        handynr: NUMBER,
        user: 'acme',
        pwd: 'a-password-of-sms4',
        kdnr: 'XY12345',
        tarif: '1',
        absender: '12345',
        text: 'Code 1',
      },
    ],
    answers: [
      [{ body: 'SMS erfolgreich versendet' }, ID],
      [{ body: 'Passwort falsch' }, here('the answer has no success.contains: Passwort falsch')],
    ],
  },
  smsout: {
    request: (call) => [where(call), call.body],
    expected: [
      'POST /client/sendsms.php',
      form({ APIkey: 'a-key-of-smsout', SMSTo: `00${NUMBER}`, SMSType: 'V1', SMSText: 'Code 1' }),
    ],
    answers: [
      [{ body: 'Return: OK' }, ID],
      [{ body: 'ErrorCode: 9997' }, here('the answer has no success.contains: ErrorCode: 9997')],
    ],
  },
  swisscom: {
    request: (call) => [where(call), call.headers.authorization, JSON.parse(call.body)],
    expected: [
      'POST /rest/1.0.0/submit_sm/123456',
      basic('123456', 'a-password-of-swisscom'),
      {
        ...{ destination_addr: NUMBER, source_addr: '123456', short_message: 'Code 1' },
        ...{ source_addr_ton: 6, source_addr_npi: 0, dest_addr_ton: 1, dest_addr_npi: 1 },
      },
    ],
    answers: [
      [json({ message_id: '17' }), '17'],
      [{ status: 401 }, here('HTTP 401')],
    ],
  },
  twilio: {
    request: (call) => [where(call), call.headers.authorization, call.body],
    expected: [
      'POST /2010-04-01/Accounts/AC00000000000000000000000000000000/Messages.json',
      basic('AC00000000000000000000000000000000', 'a-token-of-twilio'),
      form({ To: `+${NUMBER}`, From: '12345', Body: 'Code 1', StatusCallback: CALLBACK }),
    ],
    answers: [
      [{ status: 201, ...json({ sid: 'SM1', status: 'queued' }) }, 'SM1'],
      [{ status: 400, ...json({ code: 21211, message: 'Invalid To' }) }, message('21211 Invalid To')],
      [{ status: 400, ...json({ code: 21610, message: 'Unsubscribed' }) }, message('21610 Unsubscribed')],
      [
        { status: 400, ...json({ code: 21606, message: 'From is not yours' }) },
        here('HTTP 400: 21606 From is not yours'),
      ],
      [{ status: 401, ...json({ code: 20003, message: 'Authenticate' }) }, here('HTTP 401: 20003 Authenticate')],
      [
        { status: 429, headers: { 'retry-after': '2' }, ...json({ code: 20429 }) },
        { kind: 'throttled', afterMs: 2_000 },
      ],
      [{ status: 400, ...json({ code: 21611, message: 'queue full' }) }, { kind: 'retry' }],
    ],
    receipts: [
      [
        { form: { MessageSid: 'SM1', MessageStatus: 'undelivered', ErrorCode: '30003', To: `+${NUMBER}` } },
        ['SM1', 'undelivered', `+${NUMBER}`, '30003'],
      ],
    ],
    incoming: [
      [{ form: { MessageSid: 'SM2', SmsStatus: 'received', From: '+1', To: '+2', Body: '' } }, ['+1', '+2', '', 'SM2']],
    ],
  },
  vonage: {
    request: (call) => [where(call), call.body],
    expected: [
      'POST /sms/json',
      form({
        ...{ api_key: 'abcd1234', api_secret: 'a-secret-of-vonage', from: '12345', to: NUMBER, text: 'Code 1' },
        ...{ 'status-report-req': '1', callback: CALLBACK, 'client-ref': ID },
      }),
    ],
    answers: [
      [
        json({
          messages: [
            { status: '0', 'message-id': 'v1' },
            { status: '0', 'message-id': 'v2' },
          ],
        }),
        'v1 v2',
      ],
      [
        json({
          messages: [
            { status: '0', 'message-id': 'v1' },
            { status: '1', 'error-text': 'Throttled' },
          ],
        }),
        { kind: 'unknown' },
      ],
      [json({ messages: [{ status: '1', 'error-text': 'Throttled' }] }), { kind: 'throttled', reason: '1 Throttled' }],
      [json({ messages: [{ status: '4', 'error-text': 'Bad Credentials' }] }), here('4 Bad Credentials')],
      [json({ messages: [{ status: '5', 'error-text': 'Internal Error' }] }), { kind: 'retry' }],
      [json({ messages: [{ status: '7', 'error-text': 'Barred' }] }), message('7 Barred')],
      [json({ messages: [{ status: '9', 'error-text': 'Partner quota exceeded' }] }), here('9 Partner quota exceeded')],
    ],
    receipts: [
      [
        { query: { msisdn: NUMBER, to: 'Acme', messageId: 'v1', status: 'delivered', 'err-code': '0' } },
        ['v1', 'delivered', NUMBER, '0'],
      ],
      [
        { json: { msisdn: NUMBER, messageId: 'v1', status: 'expired', 'err-code': '1' } },
        ['v1', 'expired', NUMBER, '1'],
      ],
    ],
    incoming: [
      [{ query: { msisdn: NUMBER, to: '99', messageId: 'm', text: 'hi', type: 'text' } }, [NUMBER, '99', 'hi', 'm']],
      [
        { form: { msisdn: NUMBER, to: '99', messageId: 'm', type: 'binary', data: '00FF' } },
        [NUMBER, '99', '\x00\xff', 'm'],
      ],
    ],
  },
};

const rowFor = (name: string) => {
  const { example } = PRESETS.find((preset) => preset.name === name)!;
  return { preset: name, account: example, url: provider.url, dlr: { token: TOKEN } };
};

describe.each(Object.keys(SAMPLES))('%s', (name) => {
  const sample = SAMPLES[name]!;

  test('the request', async () => {
    provider.answer({});
    const { link, send } = await openRow(rowFor(name));
    const made = async (sms: Sms) => {
      await send(sms);
      return sample.request(provider.calls.at(-1)!);
    };
    expect(await made(ascii)).toEqual(sample.expected);
    if (sample.unicode) expect(await made(cyrillic)).toEqual(sample.unicode);
    link.cut('done');
  });

  test('its answers', async () => {
    const { link, send } = await openRow(rowFor(name));
    for (const [reply, expected] of sample.answers) {
      provider.answer(reply);
      const outcome = await send(ascii);
      if (typeof expected !== 'string') expect(outcome, JSON.stringify(reply)).toMatchObject(expected);
      else
        expect(outcome.kind === 'done' && outcome.parts.map(({ providerId }) => providerId).join(' ')).toBe(expected);
    }
    link.cut('done');
  });

  test('its callbacks', () => {
    const api = apiOf(rowOf(rowFor(name)).row);
    for (const [given, [providerId, stat, to, error]] of sample.receipts ?? []) {
      expect(api.receipts(callback(given))).toEqual([{ providerId, stat, to, error }]);
      expect(api.states).toHaveProperty([stat]);
    }
    for (const [given, [from, to, text, providerId]] of sample.incoming ?? []) {
      expect(api.receipts(callback(given))).toBeUndefined();
      expect(api.incoming(callback(given))).toEqual([expect.objectContaining({ from, to, text, providerId })]);
    }
  });
});

test('a part of a long incoming message says which one it is', () => {
  const { row } = rowOf(rowFor('vonage'));
  const fields = {
    msisdn: '1',
    to: '2',
    messageId: 'm',
    text: 'x',
    concat: 'true',
    'concat-ref': '7',
    'concat-total': '2',
    'concat-part': '1',
  };
  expect(apiOf(row).incoming(callback({ query: fields }))).toEqual([
    expect.objectContaining({ concat: { reference: 7, total: 2, part: 1 } }),
  ]);
});

describe('signatures', () => {
  const api = (name: string) => apiOf(rowOf(rowFor(name)).row);
  const jwt = (claims: object, secret: string, alg = 'HS256') => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const head = `${part({ typ: 'JWT', alg })}.${part(claims)}`;
    return `${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`;
  };
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  const soon = Math.floor(Date.now() / 1_000) + 300;

  test("Twilio's documented example", () => {
    const account = { accountSid: 'AC1', authToken: '12345' };
    const twilio = apiOf(rowOf({ preset: 'twilio', account, dlr: {} }).row);
    const one = callback({
      url: 'https://mycompany.com/myapp.php?foo=1&bar=2',
      form: {
        CallSid: 'CA1234567890ABCDE',
        Caller: '+14158675309',
        Digits: '1234',
        From: '+14158675309',
        To: '+18005551212',
      },
      headers: { 'x-twilio-signature': 'RSOYDt4T1cUTdK1PDd93/VVr8B8=' },
    });
    expect(twilio.signed(one)).toBe(true);
    expect(twilio.signed({ ...one, form: { ...one.form, Digits: '1235' } })).toBe(false);
    expect(twilio.signed({ ...one, headers: {} })).toBe(false);
  });

  test.each(['md5', 'hmac-md5', 'hmac-sha1', 'hmac-sha256', 'hmac-sha512'] as const)('Vonage, sig by %s', (method) => {
    const account = { apiKey: 'k', apiSecret: 's', signatureSecret: 'the secret', signatureMethod: method };
    const vonage = apiOf(rowOf({ preset: 'vonage', account, dlr: {} }).row);
    const fields = { messageId: 'v1', status: 'delivered', text: 'a&b=c', timestamp: '1' };
    const sig = signatureOf(fields, method, 'the secret');
    const text = '&messageId=v1&status=delivered&text=a_b_c&timestamp=1';
    const expected =
      method === 'md5'
        ? createHash('md5').update(`${text}the secret`)
        : createHmac(method.slice(5), 'the secret').update(text);
    expect(sig).toBe(expected.digest('hex'));
    expect(vonage.signed(callback({ query: { ...fields, sig: sig.toUpperCase() } }))).toBe(true);
    expect(vonage.signed(callback({ json: { ...fields, sig } }))).toBe(true);
    expect(vonage.signed(callback({ query: { ...fields, status: 'failed', sig } }))).toBe(false);
    expect(vonage.signed(callback({ query: fields }))).toBe(false);
  });

  test('Vonage, JWT over the body', () => {
    const body = '{"message_uuid":"x"}';
    const signed = (claims: object, secret = 'another-secret', alg?: string) =>
      api('vonage').signed(callback({ body, headers: { authorization: `Bearer ${jwt(claims, secret, alg)}` } }));
    const good = { api_key: 'abcd1234', payload_hash: sha256(body), exp: soon };
    expect(signed(good)).toBe(true);
    expect(signed(good, 'guess')).toBe(false);
    expect(signed(good, 'another-secret', 'none')).toBe(false);
    expect(signed({ ...good, payload_hash: sha256('x') })).toBe(false);
    expect(signed({ ...good, api_key: 'other' })).toBe(false);
    expect(signed({ ...good, exp: soon - 3_600 })).toBe(false);
    expect(signed({ ...good, nbf: soon + 3_600 })).toBe(false);
  });

  test('Bird, JWT over address and body', () => {
    const signed = (claims: object, body = '', secret = 'a-signing-key') =>
      api('messagebird').signed(callback({ body, headers: { 'messagebird-signature-jwt': jwt(claims, secret) } }));
    const good = { url_hash: sha256(CALLBACK), exp: soon };
    expect(signed(good)).toBe(true);
    expect(signed({ ...good, payload_hash: sha256('a=b') }, 'a=b')).toBe(true);
    expect(signed(good, 'a=b')).toBe(false);
    expect(signed(good, '', 'guess')).toBe(false);
    expect(signed({ ...good, url_hash: sha256('https://elsewhere.example/') })).toBe(false);
    expect(api('messagebird').signed(callback({}))).toBe(false);
  });

  test('Sinch, HMAC over body, nonce and time', () => {
    const body = '{"type":"mo_text"}';
    const signature = createHmac('sha256', 'a-secret-for-webhooks').update(`${body}.n1.1700000000`).digest('base64');
    const headers = {
      'x-sinch-webhook-signature': signature,
      'x-sinch-webhook-signature-nonce': 'n1',
      'x-sinch-webhook-signature-timestamp': '1700000000',
    };
    expect(api('sinch-xms').signed(callback({ body, headers }))).toBe(true);
    expect(api('sinch-xms').signed(callback({ body: `${body} `, headers }))).toBe(false);
  });

  test('without a secret for it nothing is said about the signature: a token must stand in', () => {
    for (const [name, account] of [
      ['vonage', { apiKey: 'k', apiSecret: 's' }],
      ['messagebird', { accessKey: 'k' }],
      ['sinch-xms', { servicePlan: 'p', token: 't' }],
    ] as const) {
      expect(() => rowOf({ preset: name, account, dlr: {} })).toThrow(/dlr\.token: missing/);
      expect(apiOf(rowOf({ preset: name, account, dlr: { token: TOKEN } }).row).signed(callback({}))).toBeUndefined();
    }
  });
});

describe('balances', () => {
  test.each([
    ['clickatell-http', { body: 'Credit: 12.5' }, { amount: 12.5 }],
    ['clickatell-rest', json({ data: { balance: '12.5' } }), { amount: 12.5 }],
    ['infobip', json({ balance: 47.8, currency: 'EUR' }), { amount: 47.8, currency: 'EUR' }],
    ['messagebird', json({ payment: 'prepaid', type: 'credits', amount: 9 }), { amount: 9, currency: 'credits' }],
    ['twilio', json({ balance: '3.2', currency: 'USD' }), { amount: 3.2, currency: 'USD' }],
    ['vonage', json({ value: 10.28, autoReload: false }), { amount: 10.28, currency: 'EUR' }],
  ])('%s', (name, { body }, expected) => {
    const { balance } = apiOf(rowOf(rowFor(name)).row);
    expect(balance!.request().url.startsWith(provider.url)).toBe(true);
    expect(balance!.read({ status: 200, headers: {}, body })).toEqual(expected);
    expect(balance!.read({ status: 500, headers: {}, body: 'no' })).toBeUndefined();
  });
});
