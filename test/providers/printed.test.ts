// The examples printed in the documents of LinOTP and privacyIDEA as rows of ours: the request that each makes, and what is
// made of good and bad answers; and the order of precedence in which the originals judge an answer.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type HttpProvider, type Reply, startHttpProvider } from '../peers/http-provider.ts';
import { openRow, rowOf, sendBy, smsOf } from './rig.ts';

let provider: HttpProvider;

beforeAll(async () => {
  provider = await startHttpProvider();
});
afterAll(() => provider.stop());
beforeEach(() => {
  provider.calls.length = 0;
});

const OTP = '372873';
const message = smsOf({ text: OTP });
const BASIC = `Basic ${Buffer.from('123456:SECRET').toString('base64')}`;
const LINOTP_NUMBER = { msisdn: true, suppressPrefix: '+' };

type Example = {
  row: Record<string, unknown>;
  method: string;
  url: string;
  body: unknown;
  headers?: Record<string, string>;
  good: Reply[];
  bad: Reply[];
};

const EXAMPLES: Record<string, () => Example> = {
  'LinOTP, HttpSMSProvider, generic': () => ({
    row: {
      url: `${provider.url}/sms_send_api.cgi`,
      method: 'GET',
      query: {
        destination: '{to}',
        text: '{text}',
        from: '0170111111',
        password: 'yoursecret',
        sender: 'name',
        account: 'company_ltd',
      },
      answer: { status: 'any', success: { prefix: 'ID' } },
    },
    method: 'GET',
    url: `/sms_send_api.cgi?destination=%2B491701234567&text=${OTP}&from=0170111111&password=yoursecret&sender=name&account=company_ltd`,
    body: '',
    // LinOTP never looks at the status: the rule alone decides.
    good: [{ body: 'ID 1' }, { body: 'ID' }, { status: 404, body: 'ID 1' }],
    bad: [{ body: 'id 1' }, { body: ' ID 1' }, { body: '' }, { status: 200, body: 'Error: no ID' }],
  }),
  'LinOTP, Clickatell': () => ({
    row: {
      url: `${provider.url}/http/sendmsg`,
      query: { to: '{to}', text: '{text}', user: 'username', password: 'askme', api_id: '12980436' },
      number: LINOTP_NUMBER,
      answer: { status: 'any', success: { prefix: 'ID' }, id: { regex: 'ID: (\\w+)' } },
    },
    method: 'GET',
    url: `/http/sendmsg?to=491701234567&text=${OTP}&user=username&password=askme&api_id=12980436`,
    body: '',
    good: [{ body: 'ID: 205e85d0578314037a96175249fc6a2b' }],
    bad: [{ body: 'ERR: 114, Cannot route message' }],
  }),
  'LinOTP, Swisscom': () => ({
    row: {
      url: `${provider.url}/rest/1.0.0/submit_sm/123456`,
      auth: { basic: { user: '123456', password: 'SECRET' } },
      json: {
        destination_addr: '<phone>',
        source_addr: '123456',
        short_message: 'Your OTP is: <message>',
        source_addr_ton: 6,
        source_addr_npi: 0,
        dest_addr_ton: 1,
        dest_addr_npi: 1,
      },
      answer: { status: ['2xx', '3xx'], id: { json: 'message_id' } },
    },
    method: 'POST',
    url: '/rest/1.0.0/submit_sm/123456',
    body: {
      destination_addr: '+491701234567',
      source_addr: '123456',
      short_message: `Your OTP is: ${OTP}`,
      source_addr_ton: 6,
      source_addr_npi: 0,
      dest_addr_ton: 1,
      dest_addr_npi: 1,
    },
    headers: { authorization: BASIC, 'content-type': 'application/json', accept: 'application/json' },
    good: [{ body: '{"message_id":"1"}' }, { status: 302 }],
    bad: [{ status: 400 }, { status: 401 }, { status: 404, body: '{"message_id":"1"}' }],
  }),
  'LinOTP, CLX': () => ({
    row: {
      url: `${provider.url}/xms/v1/customer27421/batches`,
      json: { to: ['<phone>'], from: '123456789', body: 'Your OTP is: <message>' },
      headers: { Authorization: 'Bearer e215354ab28041daa3cbf2f11cbd1257', 'Content-Type': 'application/json' },
      answer: { status: ['2xx', '3xx'], id: { json: 'id' } },
    },
    method: 'POST',
    url: '/xms/v1/customer27421/batches',
    body: { to: ['+491701234567'], from: '123456789', body: `Your OTP is: ${OTP}` },
    headers: { authorization: 'Bearer e215354ab28041daa3cbf2f11cbd1257', 'content-type': 'application/json' },
    good: [{ status: 201, body: '{"id":"xms-1"}' }],
    bad: [{ status: 401 }, { status: 403, body: '{"code":"forbidden"}' }],
  }),
  'privacyIDEA, Clickatell': () => ({
    row: {
      url: `${provider.url}/http/sendmsg`,
      query: { user: 'YOU', password: 'your password', api_id: '1', text: 'Your OTP value is {otp}', to: '{phone}' },
      answer: { status: [200, 201, 202], success: { contains: 'ID' } },
    },
    method: 'GET',
    url: `/http/sendmsg?user=YOU&password=your+password&api_id=1&text=Your+OTP+value+is+${OTP}&to=%2B491701234567`,
    body: '',
    good: [{ body: 'ID: 1' }, { status: 202, body: 'the ID is 1' }],
    bad: [{ body: 'ERR' }, { status: 204 }, { status: 203, body: 'ID: 1' }],
  }),
  'privacyIDEA, GTX-Messaging': () => ({
    row: {
      url: `${provider.url}/smsc.php`,
      query: { user: 'acme', pass: 'secret', to: '{phone}', text: 'Your OTP value is {otp}.' },
      answer: { status: [200, 201, 202], success: { contains: '200 OK' } },
    },
    method: 'GET',
    url: `/smsc.php?user=acme&pass=secret&to=%2B491701234567&text=Your+OTP+value+is+${OTP}.`,
    body: '',
    good: [{ body: '200 OK' }],
    bad: [{ body: '401 Unauthorized' }],
  }),
  'privacyIDEA, Twilio': () => ({
    row: {
      url: `${provider.url}/2010-04-01/Accounts/AC1/Messages`,
      method: 'POST',
      form: { From: '+15005550006', Body: '{otp}', To: '{phone}' },
      auth: { basic: { user: '123456', password: 'SECRET' } },
      answer: { status: [200, 201, 202] },
    },
    method: 'POST',
    url: '/2010-04-01/Accounts/AC1/Messages',
    body: `From=%2B15005550006&Body=${OTP}&To=%2B491701234567`,
    headers: { authorization: BASIC, 'content-type': 'application/x-www-form-urlencoded' },
    good: [{ status: 201, body: '<TwilioResponse/>' }],
    bad: [{ status: 400 }, { status: 204 }],
  }),
  'privacyIDEA, Sipgate': () => ({
    row: {
      url: `${provider.url}/RPC2`,
      auth: { basic: { user: '123456', password: 'SECRET' } },
      number: { form: 'digits' },
      xmlRpc: {
        method: 'samurai.SessionInitiate',
        params: [{ RemoteUri: 'sip:{phone}@sipgate.de', TOS: 'text', Content: '{otp}' }],
      },
      answer: { status: [200] },
    },
    method: 'POST',
    url: '/RPC2',
    body: `<?xml version="1.0"?>\n<methodCall><methodName>samurai.SessionInitiate</methodName><params><param><value><struct><member><name>RemoteUri</name><value><string>sip:491701234567@sipgate.de</string></value></member><member><name>TOS</name><value><string>text</string></value></member><member><name>Content</name><value><string>${OTP}</string></value></member></struct></value></param></params></methodCall>`,
    headers: { authorization: BASIC, 'content-type': 'text/xml' },
    good: [{ body: '<methodResponse><params/></methodResponse>' }],
    // privacyIDEA takes the fault for a success; here it is none.
    bad: [{ status: 403 }, { status: 201 }, { body: fault(403, 'Forbidden') }],
  }),
};

function fault(code: number, words: string): string {
  return `<?xml version="1.0"?><methodResponse><fault><value><struct><member><name>faultCode</name><value><int>${code}</int></value></member><member><name>faultString</name><value><string>${words}</string></value></member></struct></value></fault></methodResponse>`;
}

describe.each(Object.keys(EXAMPLES))('%s', (name) => {
  test('the request', async () => {
    const { row, method, url, body, headers = {} } = EXAMPLES[name]!();
    provider.answer({});
    await sendBy(row, message);
    expect(provider.calls).toHaveLength(1);
    const [call] = provider.calls;
    expect({ method: call!.method, url: call!.url }).toEqual({ method, url });
    expect(typeof body === 'string' ? call!.body : JSON.parse(call!.body)).toEqual(body);
    expect(call!.headers).toMatchObject(headers);
  });

  test('good and bad answers', async () => {
    const { row, good, bad } = EXAMPLES[name]!();
    const { link, send } = await openRow(row);
    for (const reply of good) {
      provider.answer(reply);
      expect((await send(message)).kind, JSON.stringify(reply)).toBe('done');
    }
    for (const reply of bad) {
      provider.answer(reply);
      expect(await send(message), JSON.stringify(reply)).toMatchObject({ kind: 'refused', scope: 'provider' });
    }
    link.cut('done');
  });
});

describe('of several rules the first decides alone', () => {
  const judge = async (answer: Record<string, unknown>, body: string, status = 200) => {
    provider.answer({ status, body });
    return (await sendBy({ url: provider.url, query: { to: '{to}' }, answer }, message)).kind;
  };

  test.each([
    // LinOTP: success by pattern, failure by pattern, success by prefix, failure by prefix.
    [{ success: { regex: 'result:0|success' }, failure: { regex: 'success' } }, 'a success', 'done'],
    [{ success: { regex: 'result:0|success', prefix: 'nope' } }, 'all result:0', 'done'],
    [{ success: { regex: '^ok' }, failure: { prefix: 'never' } }, 'not ok', 'refused'],
    [{ failure: { regex: 'E\\d\\d' }, success: { prefix: 'OK' } }, 'fine', 'done'],
    [{ failure: { regex: 'E\\d\\d' }, success: { prefix: 'OK' } }, 'OK E12', 'refused'],
    [{ success: { prefix: 'OK' }, failure: { prefix: 'O' } }, 'OK', 'done'],
    [{ failure: { prefix: 'ERR' } }, 'ERR 1', 'refused'],
    [{ failure: { prefix: 'ERR' } }, 'an ERR', 'done'],
    // privacyIDEA: success by text wins over failure by text.
    [{ success: { contains: 'yes' }, failure: { contains: 'no' } }, 'yes and no', 'done'],
    [{ success: { contains: 'yes' }, failure: { contains: 'no' } }, 'maybe', 'refused'],
    [{ failure: { contains: 'no' } }, 'no', 'refused'],
    [{ failure: { contains: 'no' } }, 'yes', 'done'],
    [{}, 'anything', 'done'],
  ])('%j on %j: %s', async (answer, body, expected) => {
    expect(await judge(answer, body)).toBe(expected);
    if (Object.keys(answer).length > 0) expect(await judge({ ...answer, status: 'any' }, body)).toBe(expected);
  });

  test('a rule that fails on an answer of 5xx or 429 asks for another try, whatever the status counts', async () => {
    const answer = { status: 'any', success: { prefix: 'OK' } };
    expect(await judge(answer, 'no', 503)).toBe('retry');
    expect(await judge(answer, 'no', 429)).toBe('throttled');
    expect(await judge(answer, 'OK', 503)).toBe('done');
  });
});

describe('templates', () => {
  const bodyOf = async (row: Record<string, unknown>, text = OTP) => {
    provider.answer({});
    await sendBy({ url: provider.url, ...row }, smsOf({ text, id: '0199c0de-0000-7000-8000-000000000001' }));
    return provider.calls.at(-1)!;
  };

  test('JSON at any depth; a text with quotes, braces, tags and line breaks stays one text', async () => {
    const text = 'a "quoted" {phone} <message>\r\n\\u0041 \u{1f600}';
    const { body } = await bodyOf(
      { json: { a: [{ b: { c: '{text}' } }, '<phone>', 7, true, null], d: 'x{id}' } },
      text,
    );
    expect(JSON.parse(body)).toEqual({
      a: [{ b: { c: text } }, '+491701234567', 7, true, null],
      d: 'x0199c0de-0000-7000-8000-000000000001',
    });
  });

  test('query and form: lists repeat, null is left out, an octet charset', async () => {
    const { url, body } = await bodyOf(
      { query: { q: ['{to}', 'b'], n: null, t: true }, form: { text: '{text}', x: null }, charset: 'iso-8859-1' },
      'äöü &=+%',
    );
    expect(url).toBe('/?q=%2B491701234567&q=b&t=true');
    expect(body).toBe('text=%E4%F6%FC+%26%3D%2B%25');
  });

  test('a text that the charset lacks is refused here, not sent with other characters', async () => {
    const row = { url: provider.url, query: { text: '{text}' }, charset: 'iso-8859-1' };
    expect(await sendBy(row, smsOf({ text: '€' }))).toMatchObject({ kind: 'refused', scope: 'provider' });
    expect(provider.calls).toHaveLength(0);
  });

  test('XML: a text cannot leave its place', async () => {
    const { body } = await bodyOf({ xmlRpc: { method: 'm', params: ['{text}'] } }, 'a < b & c </string>\x00');
    expect(body).toContain('<string>a &lt; b &amp; c &lt;/string&gt;</string>');
  });

  test('any header and a body of its own; a text cannot make headers', async () => {
    const row = { headers: { 'X-Ref': '{id}', 'content-type': 'text/plain' }, body: '{text}', method: 'PUT' };
    const { method, headers, body } = await bodyOf(row, 'a\r\nb');
    expect({ method, body }).toEqual({ method: 'PUT', body: 'a\r\nb' });
    expect(headers).toMatchObject({ 'x-ref': '0199c0de-0000-7000-8000-000000000001', 'content-type': 'text/plain' });
    const evil = { url: provider.url, headers: { 'X-Text': '{text}' } };
    expect(await sendBy(evil, smsOf({ text: 'a\r\nEvil: 1' }))).toMatchObject({ kind: 'refused', scope: 'provider' });
  });

  test('the id out of JSON, a header or the first group of a pattern; else our own', async () => {
    const sent = smsOf();
    const idBy = async (id?: Record<string, string>) => {
      provider.answer({ headers: { 'X-Id': 'h-1' }, body: '{"messages":[{"id":4711}],"x":"id=abc;"}' });
      const outcome = await sendBy({ url: provider.url, answer: id ? { id } : {} }, sent);
      return outcome.kind === 'done' ? outcome.parts[0]!.providerId : outcome;
    };
    expect(await idBy({ json: 'messages[0].id' })).toBe('4711');
    expect(await idBy({ json: 'messages.0.id' })).toBe('4711');
    expect(await idBy({ header: 'x-id' })).toBe('h-1');
    expect(await idBy({ regex: 'id=(\\w+);' })).toBe('abc');
    expect(await idBy({ json: 'nowhere' })).toBe(sent.id);
    expect(await idBy()).toBe(sent.id);
  });
});

describe('rows that cannot be meant', () => {
  test.each([
    [{ url: 'ftp://x.example/' }, /url: must be an http or https URL/],
    [{ url: 'https://user:pw@x.example/' }, /without user and password/],
    [{ url: 'https://x.example/', form: {}, json: {} }, /json: there is a form already/],
    [{ url: 'https://x.example/', method: 'GET', form: {} }, /form: GET has no body/],
    [{ url: 'https://x.example/', answer: { status: 'any' } }, /any answer would be a success/],
    [{ url: 'https://x.example/', answer: { success: { regex: '(' } } }, /regular expression/],
    [{ url: 'https://x.example/', number: { replace: '/(/x/' } }, /number\.replace: /],
    [{ url: 'https://x.example/', dlr: {} }, /dlr\.token: missing/],
    [{ url: 'https://x.example/', dlr: { token: 'short' } }, /at least 16/],
    [{ url: 'https://x.example/', tls: { cert: 'a.pem' } }, /cert and key belong together/],
    [{ url: 'https://x.example/', proxy: 'socks4://x' }, /http, https or socks5 URL/],
    [{ url: 'https://x.example/', auth: { digest: {} } }, /one of basic, digest, bearer and oauth2/],
    [{ preset: 'twilio', url: 'https://x.example/' }, /account: missing/],
    [{ preset: 'infobip', account: { apiKey: 'x' } }, /url: missing/],
    [{ preset: 'nobody' }, /preset: must be the name of a preset \(clickatell-http, /],
  ])('%j', (row, expected) => {
    expect(() => rowOf(row)).toThrow(expected);
  });

  test('a provider with callbacks needs the door for them', () => {
    const row = { url: 'https://x.example/', dlr: { token: 'a-token-0123456789' } };
    expect(() => rowOf(row, {})).toThrow(/needs listen\.dlr/);
  });
});
