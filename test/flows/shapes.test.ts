// The doors that have a provider's shape: answers against recorded ones (test/recorded, each with its source), and the bytes
// that LinOTP, privacyIDEA and ISE send, with the answer judged as each of them judges it.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newKey } from '#shared/doors/keys.ts';
import { exchange, type Replied } from '../peers/http-bytes.ts';
import { basicAuth } from '../rig/api.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const KEY = newKey();
let rig: Rig;
let port: number;
beforeAll(async () => {
  rig = await startRig({
    settings: (standard) => ({
      ...standard,
      clients: {
        portal: { password: 'askme', keys: [KEY.digest], sender: '15550001', maxRecipients: 3, maxSegments: 2 },
        nosender: { password: 'askme' },
        limited: { password: 'askme', sender: '1', dailyQuota: 1, countries: ['GB'] },
      },
    }),
  });
  port = Number(new URL(rig.httpUrl).port);
});
afterAll(() => rig?.stop());

let count = 0;
/** A number of its own for each case, to find its SMS by. */
const newNumber = () => `447701${String(++count).padStart(6, '0')}`;
const arrives = (to: string) => until(`the SMS to ${to}`, () => rig.smsc.received.find(({ dest }) => dest.addr === to));

type Recorded = { source: string; status: number; type: string; body: string };
const recorded = (name: string): Recorded =>
  JSON.parse(readFileSync(join(import.meta.dirname, '../recorded', `${name}.json`), 'utf8'));

/** What differs from one answer to the next, by a word for it. */
const general = (body: string) =>
  body
    .replaceAll(/ACXX|AC\d{32}/g, 'ACCOUNT')
    .replaceAll(/(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])/g, 'ID')
    .replaceAll(/\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000/g, 'DATE')
    .replaceAll(/\+?\b\d{5,}\b(?!\.htm)/g, 'NUMBER')
    .replaceAll(/(<Body>)[^<]*|("body":")[^"]*/g, '$1$2TEXT')
    .replaceAll(/("message":"|<Message>)(The 'To' number)[^"<]*/g, '$1$2');
const expectAs = (replied: Pick<Replied, 'status' | 'body'> & { headers: Record<string, string> }, name: string) => {
  const { source, status, type, body } = recorded(name);
  expect(source.length).toBeGreaterThan(10);
  expect({ status: replied.status, body: general(replied.body) }).toEqual({ status, body: general(body) });
  expect(replied.headers['content-type']!.startsWith(type)).toBe(true);
};

const ask = async (method: string, path: string, body?: string, headers: Record<string, string> = {}) => {
  const answer = await fetch(rig.httpUrl + path, { method, headers, ...(body === undefined ? {} : { body }) });
  return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() };
};
const JSON_TYPE = { 'content-type': 'application/json' };
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

describe('Clickatell REST', () => {
  const post = (body: unknown, headers: Record<string, string>, query = '') =>
    ask('POST', `/rest/message${query}`, JSON.stringify(body), { ...JSON_TYPE, ...headers });

  test.each([
    ['Bearer', { authorization: `Bearer ${KEY.key}` }, ''],
    ['the key alone', { authorization: KEY.key }, ''],
    ['Basic', { authorization: basicAuth('portal', 'askme') }, ''],
    ['the key as the password', { authorization: basicAuth('anyone', KEY.key) }, ''],
    ['the key in the query', {}, `?apiKey=${KEY.key}`],
    ['name and password in the query', {}, '?user=portal&password=askme&api_id=1'],
  ])('credentials: %s', async (_what, headers, query) => {
    const [one, other] = [newNumber(), newNumber()];
    expectAs(
      await post({ text: 'Test Message', to: [one, `+${other}`] }, headers as never, query),
      'clickatell-rest-accepted',
    );
    expect((await arrives(other)).shortMessage.toString()).toBe('Test Message');
    await arrives(one);
  });

  test('`to` as a text, with commas, in a form; the sender with and without a plus', async () => {
    const [one, other] = [newNumber(), newNumber()];
    const form = `to=${one},${other}&text=caf%C3%A9&from=%2B15556661212`;
    expectAs(await ask('POST', `/rest/message?apiKey=${KEY.key}`, form, FORM), 'clickatell-rest-accepted');
    expect(await arrives(other)).toMatchObject({ source: { addr: '15556661212', ton: 1 } });
    const third = newNumber();
    await post({ text: 'x', to: third, from: '15556661212' }, { authorization: KEY.key });
    expect(await arrives(third)).toMatchObject({ source: { addr: '15556661212', ton: 2 } });
  });

  test('refusals', async () => {
    const as = { authorization: KEY.key };
    expectAs(await post({ text: 'x', to: ['333x'] }, { authorization: 'nobody' }), 'clickatell-rest-unauthorised');
    const wrong = await post({ text: 'x', to: ['333x'] }, as);
    expect({ ...wrong, body: wrong.body.replace('333x', '333') }).toMatchObject({
      ...{ status: 400, body: recorded('clickatell-rest-wrong-number').body },
    });
    const error = async (body: unknown, more: Record<string, string> = as) => {
      const { status, body: text } = await post(body, more);
      return `${status} ${JSON.parse(text).error.code}`;
    };
    const to = newNumber();
    expect(await error({ text: 'x' })).toBe('400 105');
    expect(await error({ to })).toBe('400 107');
    expect(await error({ to, text: 'x'.repeat(500) })).toBe('400 113');
    expect(await error({ to: Array(4).fill(to), text: 'x' })).toBe('400 113');
    expect(await error({ to, text: { nested: 1 } })).toBe('400 100');
    expect(await error({ to, text: 'x', from: 'Ärzte' })).toBe('400 106');
    const limited = { authorization: basicAuth('limited', 'askme') };
    expect(await error({ to: '491701234567', text: 'x' }, limited)).toBe('403 114');
    expect((await post({ to, text: 'x' }, limited)).status).toBe(202);
    const over = await post({ to, text: 'x' }, limited);
    expect([over.status, JSON.parse(over.body).error.code]).toEqual([429, '130']);
    expect(Number(over.headers['retry-after'])).toBeGreaterThan(0);
  });

  test('one wrong recipient among good ones: none is sent, and each is told', async () => {
    const good = newNumber();
    const { status, body } = await post({ text: 'x', to: [good, 'bob'] }, { authorization: KEY.key });
    const { message } = JSON.parse(body).data;
    expect(status).toBe(400);
    expect(message.map(({ accepted, error }: never) => [accepted, (error as { code: string }).code])).toEqual([
      [false, '101'],
      [false, '105'],
    ]);
    const marker = newNumber();
    await post({ text: 'x', to: marker }, { authorization: KEY.key });
    await arrives(marker);
    expect(rig.smsc.received.some(({ dest }) => dest.addr === good)).toBe(false);
  });

  test('the id leads to the story of the message', async () => {
    const { body } = await post({ text: 'x', to: newNumber() }, { authorization: KEY.key });
    const id = JSON.parse(body).data.message[0].apiMessageId;
    const story = () => ask('GET', `/v1/messages/${id}`, undefined, { authorization: `Bearer ${KEY.key}` });
    await until('it is sent', async () => JSON.parse((await story()).body).state === 'sent');
  });
});

describe('Clickatell HTTP', () => {
  const USER = 'user=portal&password=askme&api_id=12980436';
  const get = (query: string) => ask('GET', `/http/sendmsg?${query}`);
  test('accepted and refused', async () => {
    const [one, other] = [newNumber(), newNumber()];
    expectAs(await get(`${USER}&to=${one}&text=hello`), 'clickatell-http-accepted');
    expectAs(await get(`${USER}&to=${one},${other}&text=hello`), 'clickatell-http-several');
    expectAs(await ask('POST', '/http/sendmsg', `${USER}&to=${one}&text=hello`, FORM), 'clickatell-http-accepted');
    expectAs(await get(`user=portal&password=x&to=${one}&text=hello`), 'clickatell-http-unauthorised');
    expectAs(await get(`${USER}&to=bob&text=hello`), 'clickatell-http-wrong-number');
    await arrives(other);
  });
  test('no refusal has the letters ID, which privacyIDEA takes for success', async () => {
    const number = newNumber();
    const wrong = ['to=bob&text=x', `to=${number}`, `to=${number}&text=${'x'.repeat(999)}`, `to=${number}&text=%FF`];
    for (const query of [...wrong.map((one) => `${USER}&${one}`), 'to=1&text=x', '']) {
      const { body } = await get(query);
      expect(body).toMatch(/^ERR: \d{3}, /);
      expect(body).not.toContain('ID');
    }
  });
});

describe('Clickatell platform', () => {
  test('JSON and query, accepted and refused', async () => {
    const [one, other] = [newNumber(), newNumber()];
    const headers = { ...JSON_TYPE, authorization: KEY.key };
    const post = (body: unknown, more = headers) => ask('POST', '/messages', JSON.stringify(body), more);
    expectAs(await post({ content: 'hello', to: [one, other] }), 'clickatell-platform-accepted');
    const sent = await ask('GET', `/messages/http/send?apiKey=${KEY.key}&to=${one}&content=Test+message+text`);
    expect(JSON.parse(sent.body).messages).toMatchObject([{ accepted: true, to: one, errorCode: null }]);
    await until('the text', () =>
      rig.smsc.received.some(({ shortMessage }) => shortMessage.toString() === 'Test message text'),
    );
    const wrong = await post({ content: 'x', to: ['bob'] });
    expect([wrong.status, JSON.parse(wrong.body)]).toMatchObject([
      400,
      { messages: [{ accepted: false, errorCode: 105 }] },
    ]);
    const nobody = await post({ content: 'x', to: [one] }, { ...headers, authorization: 'x' });
    expect([nobody.status, JSON.parse(nobody.body)]).toMatchObject([401, { messages: [], errorCode: 108 }]);
  });
});

describe('Twilio', () => {
  const ACCOUNT = 'AC10000000000000000000000000000001';
  const PATH = `/2010-04-01/Accounts/${ACCOUNT}/Messages`;
  const AUTH = { authorization: basicAuth('portal', 'askme') };
  const post = (path: string, body: string, headers: Record<string, string> = AUTH) =>
    ask('POST', path, body, { ...FORM, ...headers });
  test('JSON and XML', async () => {
    const to = newNumber();
    const form = `To=%2B${to}&From=%2B15017122661&Body=Hi+%3Cb%3E+%26+you`;
    const json = await post(`${PATH}.json`, form);
    expectAs(json, 'twilio-accepted-json');
    expect(JSON.parse(json.body)).toMatchObject({
      to: `+${to}`,
      from: '+15017122661',
      body: 'Hi <b> & you',
      account_sid: ACCOUNT,
    });
    const xml = await post(PATH, form);
    expectAs(xml, 'twilio-accepted-xml');
    expect(xml.body).toContain('<Body>Hi &lt;b&gt; &amp; you</Body>');
    expect((await arrives(to)).shortMessage.toString()).toBe('Hi <b> & you');
  });
  test("fields in the query; without From the client's sender; a key as the token", async () => {
    const to = newNumber();
    const key = { authorization: basicAuth(ACCOUNT, KEY.key) };
    expect((await ask('POST', `${PATH}.json?To=%2B${to}&Body=x`, undefined, key)).status).toBe(201);
    expect((await arrives(to)).source.addr).toBe('15550001');
  });
  test('refusals', async () => {
    const to = `%2B${newNumber()}`;
    expectAs(await post(`${PATH}.json`, `To=%2B1asd&Body=x`), 'twilio-wrong-number');
    expectAs(await post(`${PATH}.json`, `To=${to}&Body=x`, {}), 'twilio-unauthorised');
    const code = async (body: string, headers = AUTH) => {
      const { status, body: text } = await post(`${PATH}.json`, body, headers);
      return `${status} ${JSON.parse(text).code}`;
    };
    expect(await code('Body=x')).toBe('400 21604');
    expect(await code(`To=${to}`)).toBe('400 21602');
    expect(await code(`To=${to}&Body=x`, { authorization: basicAuth('nosender', 'askme') })).toBe('400 21603');
    expect(await code(`To=${to}&Body=x&From=%C3%84`)).toBe('400 21212');
    expect(await code(`To=${to}&Body=${'x'.repeat(1_700)}`)).toBe('400 21617');
    expect(await code(`To=${to}&Body=%FF`)).toBe('400 20001');
    const xml = await post(PATH, 'Body=x');
    expect(xml.body).toMatch(/^<\?xml .*\n<TwilioResponse><RestException><Code>21604<\/Code><Message>/);
  });
});

/** python-requests 2.31, which LinOTP and privacyIDEA use. */
const pythonRequest = (method: string, target: string, body?: string, more: string[] = []) =>
  [
    `${method} ${target} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'User-Agent: python-requests/2.31.0',
    'Accept-Encoding: gzip, deflate',
    'Accept: */*',
    'Connection: keep-alive',
    ...more,
    ...(body === undefined ? [] : [`Content-Length: ${body.length}`]),
    '',
    body ?? '',
  ].join('\r\n');
const FORM_LINE = 'Content-Type: application/x-www-form-urlencoded';

describe('LinOTP', () => {
  const HttpSms = (body: string, { RETURN_SUCCESS }: { RETURN_SUCCESS: string }) => body.startsWith(RETURN_SUCCESS);
  const clickatell = (to: string, password = 'askme') =>
    pythonRequest(
      'GET',
      `/http/sendmsg?to=${to}&text=Your+OTP+is+123456&user=portal&password=${password}&api_id=12980436`,
    );

  test('HttpSMSProvider as its manual sets it up for Clickatell: RETURN_SUCCESS "ID"', async () => {
    const to = newNumber();
    const sent = await exchange(port, clickatell(`%2B${to}`));
    expect(HttpSms(sent.body, { RETURN_SUCCESS: 'ID' })).toBe(true);
    expect(sent.open).toBe(true);
    expect((await arrives(to)).shortMessage.toString()).toBe('Your OTP is 123456');
    expect(HttpSms((await exchange(port, clickatell(to, 'wrong'))).body, { RETURN_SUCCESS: 'ID' })).toBe(false);
    expect(/^ERR:/.test((await exchange(port, clickatell('bob'))).body)).toBe(true);
  });

  test('RestSMSProvider with JSON to the platform: success below 400', async () => {
    const to = newNumber();
    const payload = (content: string) => `{"content": "${content}", "to": ["${to}"]}`;
    const headers = ['Content-type: application/json', 'Authorization: '];
    const send = (key: string, body: string) =>
      exchange(port, pythonRequest('POST', '/messages', body, [headers[0]!, headers[1] + key]));
    expect((await send(KEY.key, payload('Ihr Code f\\u00fcr heute: 1'))).status).toBeLessThan(400);
    expect((await arrives(to)).shortMessage.toString('latin1')).toBe('Ihr Code f\x7er heute: 1');
    expect((await send('wrong', payload('x'))).status).toBeGreaterThanOrEqual(400);
    expect((await send(KEY.key, payload(''))).status).toBeGreaterThanOrEqual(400);
  });
});

describe('privacyIDEA', () => {
  const HttpSms = ({ status, body }: Replied, success: string) =>
    [200, 201, 202].includes(status) && (success === '' || body.includes(success));

  test('Clickatell as its manual sets it up: GET, RETURN_SUCCESS "ID"', async () => {
    const to = newNumber();
    const get = (number: string, password = 'askme') =>
      exchange(
        port,
        pythonRequest(
          'GET',
          `/http/sendmsg?user=portal&password=${password}&api_id=1&text=Your+OTP+value+is+123456&to=${number}`,
        ),
      );
    expect(HttpSms(await get(to), 'ID')).toBe(true);
    await arrives(to);
    expect(HttpSms(await get(to, 'wrong'), 'ID')).toBe(false);
    expect(HttpSms(await get('0'), 'ID')).toBe(false);
  });

  test('Twilio as its manual sets it up: Basic, POST with From, Body and To', async () => {
    const to = newNumber();
    const post = (user: string) => {
      const body = `From=%2B15017122661&Body=123456&To=%2B${to}`;
      const target = '/2010-04-01/Accounts/AC10000000000000000000000000000001/Messages';
      return exchange(
        port,
        pythonRequest('POST', target, body, [FORM_LINE, `Authorization: ${basicAuth(user, 'askme')}`]),
      );
    };
    expect(HttpSms(await post('portal'), '')).toBe(true);
    expect((await arrives(to)).shortMessage.toString()).toBe('123456');
    expect(HttpSms(await post('nobody'), '')).toBe(false);
  });

  test('data as JSON, in which numbers lose their quotes', async () => {
    const to = newNumber();
    const body = `{"to": ${to}, "content": 123456}`;
    const lines = ['Content-Type: application/json', `Authorization: ${KEY.key}`];
    expect(HttpSms(await exchange(port, pythonRequest('POST', '/messages', body, lines)), 'apiMessageId')).toBe(true);
    expect((await arrives(to)).shortMessage.toString()).toBe('123456');
  });
});

describe('ISE', () => {
  const QUERY = 'from=15556661212&x-version=1&mo=1&api_id=1234567';
  const post = (target: string, type: string, body: string, authorization: string) =>
    exchange(
      port,
      [
        `POST ${target} HTTP/1.1`,
        `Authorization: ${authorization}`,
        `Content-Type: ${type}`,
        `Content-Length: ${Buffer.byteLength(body, 'latin1')}`,
        `Host: 127.0.0.1:${port}`,
        'Connection: Keep-Alive',
        '',
        body,
      ].join('\r\n'),
    );
  test.each([
    ['plain/text', (to: string) => `to=${to}&text=Password:+a%26b`],
    ['application/xml', (to: string) => `to=+${to}&text=Password: a%26b`],
    ['application/json', (to: string) => `{"text":"Password: a&b","to":["${to}"],"mo":"1","api_id":"3591672"}`],
  ])('its Clickatell preset: query and body, %s', async (type, body) => {
    const to = newNumber();
    const sent = await post(`/rest/message?${QUERY}`, type, body(to), basicAuth('portal', 'askme'));
    expect(sent).toMatchObject({ status: 202, open: true });
    expect(await arrives(to)).toMatchObject({ source: { addr: '15556661212' } });
    expect((await arrives(to)).shortMessage.toString()).toBe('Password: a&b');
  });

  test.each([
    [
      'the text alone, the rest in the query',
      (to: string) => `?To=%2B${to}&From=%2B15556661212`,
      () => 'Password: a=b&c',
    ],
    ['all in the body', () => '', (to: string) => `To=%2B${to}&From=%2B15556661212&Body=Password:+a%3Db%26c`],
    ['a plus that is not encoded', () => '', (to: string) => `To=+${to}&From=+15556661212&Body=Password: a%3Db%26c`],
  ])('its Twilio preset: %s', async (_what, query, body) => {
    const to = newNumber();
    const target = `/2010-04-01/Accounts/AC1/Messages${query(to)}`;
    expect(await post(target, 'plain/text', body(to), basicAuth('portal', 'askme'))).toMatchObject({ status: 201 });
    expect((await arrives(to)).shortMessage.toString()).toBe('Password: a=b&c');
  });
});

test('curl and wget send through each of them', async () => {
  const run = promisify(execFile);
  const to = newNumber();
  const user = ['-sS', '--fail', '-u', 'portal:askme'];
  const url = rig.httpUrl;
  const json = ['-H', 'Content-Type: application/json', '-d', `{"text":"x","content":"x","to":["${to}"]}`];
  expect((await run('curl', [...user, ...json, `${url}/rest/message`])).stdout).toContain('"accepted":true');
  expect((await run('curl', [...user, ...json, `${url}/messages`])).stdout).toContain('"accepted":true');
  const twilio = ['--data-urlencode', `To=+${to}`, '--data-urlencode', 'Body=x'];
  expect((await run('curl', [...user, ...twilio, `${url}/2010-04-01/Accounts/AC1/Messages.json`])).stdout).toContain(
    '"queued"',
  );
  const sendmsg = `${url}/http/sendmsg?user=portal&password=askme&to=${to}&text=x`;
  expect((await run('wget', ['-q', '-O-', sendmsg])).stdout).toMatch(/^ID: /);
});
