// The REST API through the whole gateway, as a client sees it. Every answer is held to the OpenAPI document (rig/api.ts).
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { newKey, newWebhookSecret } from '#shared/doors/keys.ts';
import { egressSmpp } from '../../services/egress-smpp/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { notifier } from '../../services/notifier/main.ts';
import { router } from '../../services/router/main.ts';
import { type Answer, type Api, basicAuth, openApi } from '../rig/api.ts';
import { startReceiver } from '../rig/receiver.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const KEY = newKey();
const SECRET = newWebhookSecret();
let rig: Rig;
let api: Api;
beforeAll(async () => {
  rig = await startRig({
    services: [ledger, router, egressSmpp, ingressHttp, notifier],
    settings: (standard) => ({
      ...standard,
      clients: {
        ...standard.clients,
        portal: {
          ...{ password: 'unused', keys: [KEY.digest], sender: 'Portal', maxSegments: 3, maxRecipients: 3 },
          ...{ country: 'GB', callbacks: { secret: SECRET, allow: ['127.0.0.1'] } },
        },
        nosender: { password: 'foobar' },
        limited: { password: 'foobar', sender: '1', countries: ['GB'], dailyQuota: 1 },
        elsewhere: { password: 'foobar', networks: ['10.0.0.0/8'] },
      },
      callbacks: { retries: ['200ms'] },
    }),
  });
  api = await openApi(rig.httpUrl, `Bearer ${KEY.key}`);
});
afterAll(() => rig?.stop());

const send = (body: unknown, headers: Record<string, string> = {}) => api.call('POST', '/v1/messages', body, headers);
const idOf = ({ body }: Answer) => (body as unknown as { messages: { id: string }[] }).messages[0]!.id;
const arrived = (to: string) => rig.smsc.received.filter(({ dest }) => dest.addr === to);
/** Once this has arrived, everything sent before it has too. */
const passed = async () => {
  const id = idOf(await send({ to: '+447700900999', text: 'marker' }));
  await until('the marker is final', async () => (await api.call('GET', `/v1/messages/${id}`)).body.final);
};

describe('sending', () => {
  test('one recipient: accepted, found under Location, delivered', async () => {
    const sent = await send({ to: '+447700900123', text: 'Your code is 123456', validity: '120s', tags: ['vpn'] });
    expect(sent).toMatchObject({
      status: 202,
      body: { messages: [{ to: '+447700900123', state: 'accepted', encoding: 'gsm7', segments: 1 }] },
    });
    const location = sent.headers.get('location')!;
    expect(location).toBe(`/v1/messages/${idOf(sent)}`);
    const found = await until('it is final', async () => {
      const answer = await api.call('GET', location);
      return answer.body.final ? answer.body : undefined;
    });
    expect(found).toMatchObject({ client: 'portal', from: 'Portal', to: '4477..23', door: 'http', attempts: [{}] });
    expect(Date.parse(found.expiry!) - Date.parse(found.acceptedAt!)).toBe(120_000);
    expect(arrived('447700900123')[0]!.shortMessage.toString()).toBe('Your code is 123456');
  });

  test('several recipients: one message each', async () => {
    const sent = await send({ to: ['+447700900201', '07700 900202'], text: 'Привет', from: '12345', lane: 'bulk' });
    expect(sent.body).toMatchObject({
      messages: [
        { to: '+447700900201', encoding: 'ucs2' },
        { to: '+447700900202', encoding: 'ucs2' },
      ],
    });
    expect(sent.headers.get('location')).toBeNull();
    await until('both arrive', () => arrived('447700900201').length + arrived('447700900202').length === 2);
    expect(arrived('447700900202')[0]).toMatchObject({ source: { addr: '12345' }, dataCoding: 8 });
  });

  test('every example of the document is accepted as it stands', async () => {
    const { content } = api.document.paths['/v1/messages']!.post!.requestBody!;
    const examples = Object.values(content['application/json']!.examples);
    expect(examples.length).toBeGreaterThan(2);
    for (const { value } of examples) expect(await send(value)).toMatchObject({ status: 202 });
  });
});

describe('who may', () => {
  const ask = (authorization: string) =>
    api.call('POST', '/v1/messages/preview', { text: 'x' }, authorization ? { authorization } : { authorization: ' ' });
  test.each([
    ['a key', `Bearer ${KEY.key}`, 200],
    ['a key as Basic, whatever the name', basicAuth('SK1', KEY.key), 200],
    ['name and password', basicAuth('tester', 'foobar'), 200],
    ['a wrong key', `Bearer ${newKey().key}`, 401],
    ["the key's digest", `Bearer ${KEY.digest}`, 401],
    ['a password as a key', 'Bearer foobar', 401],
    ['a wrong password', basicAuth('tester', 'x'), 401],
    ['nothing', '', 401],
    ['another scheme', 'Digest username="tester"', 401],
    ['a client from elsewhere', basicAuth('elsewhere', 'foobar'), 401],
  ])('%s', async (_what, authorization, status) => {
    const answer = await ask(authorization);
    expect(answer.status).toBe(status);
    if (status === 401) {
      expect(answer.headers.get('www-authenticate')).toMatch(/^Basic realm.*Bearer realm/);
      expect(answer.body).toMatchObject({ type: '/v1/problems/unauthorised' });
    }
  });
});

describe('refusals', () => {
  const NUMBER = '447700955501';
  afterAll(async () => {
    await passed();
    expect(arrived(NUMBER)).toEqual([]);
  });
  const good = { to: `+${NUMBER}`, text: 'x' };
  test.each([
    ['no JSON', '{"to":', 400, 'invalid-request', undefined],
    ['no object', '[]', 400, 'invalid-request', undefined],
    ['nothing', '', 400, 'invalid-request', undefined],
    ['no text', { to: good.to }, 400, 'invalid-request', '#/text'],
    ['an empty text', { ...good, text: '' }, 400, 'invalid-request', '#/text'],
    ['no recipient', { text: 'x' }, 400, 'invalid-request', '#/to'],
    ['an empty list', { ...good, to: [] }, 400, 'invalid-request', '#/to'],
    ['a field that does not exist', { ...good, fallback: 'mail' }, 400, 'invalid-request', '#/fallback'],
    ['one wrong number among good ones', { ...good, to: [good.to, 'bob'] }, 400, 'invalid-recipient', '#/to/1'],
    ['a lone plus', { ...good, to: '+' }, 400, 'invalid-recipient', '#/to'],
    ['too many recipients', { ...good, to: Array(4).fill(good.to) }, 400, 'too-much', undefined],
    ['too long a text', { ...good, text: 'a'.repeat(500) }, 400, 'too-much', undefined],
    [
      'an encoding that cannot write it',
      { ...good, text: 'Код', encoding: 'gsm7' },
      400,
      'invalid-request',
      '#/encoding',
    ],
    ['a sender of other characters', { ...good, from: 'Ärzte' }, 400, 'invalid-sender', '#/from'],
    ['a validity without a unit', { ...good, validity: 120 }, 400, 'invalid-request', '#/validity'],
    ['a validity of a year', { ...good, validity: '365d' }, 400, 'invalid-request', '#/validity'],
    ['a time without a zone', { ...good, sendAt: '2026-11-22T09:30:00' }, 400, 'invalid-request', '#/sendAt'],
    ['a time far away', { ...good, sendAt: '2099-01-01T00:00:00Z' }, 400, 'invalid-request', '#/sendAt'],
    ['a callback that is no URL', { ...good, callback: 'ftp://x' }, 400, 'invalid-request', '#/callback'],
    ['a body that is too large', { ...good, text: 'a'.repeat(70_000) }, 413, 'too-large', undefined],
  ])('%s', async (_what, body, status, type, pointer) => {
    const { body: problem, ...answer } = await send(body);
    expect({ ...answer, problem }).toMatchObject({ status, problem: { status, type: `/v1/problems/${type}` } });
    if (pointer) expect(problem.errors).toMatchObject([{ pointer }]);
    const explained = await fetch(rig.httpUrl + problem.type!);
    expect(await explained.text()).toMatch(new RegExp(`^${status}: .+\\. .+`));
  });

  test('another media type', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect(await send(`to=%2B${NUMBER}&text=x`, form)).toMatchObject({
      status: 415,
      body: { type: '/v1/problems/unsupported-media-type' },
    });
  });

  test('a client without a sender, and one whose events cannot be signed', async () => {
    const as = (name: string) => ({ authorization: basicAuth(name, 'foobar') });
    expect((await send(good, as('nosender'))).body).toMatchObject({ type: '/v1/problems/invalid-sender' });
    const callback = 'https://portal.example/sms';
    expect((await send({ ...good, callback }, as('tester'))).body).toMatchObject({
      type: '/v1/problems/unsigned-callback',
    });
  });

  test('what the client may not send, and how much', async () => {
    const as = { authorization: basicAuth('limited', 'foobar') };
    expect(await send({ to: '+491701234567', text: 'x' }, as)).toMatchObject({
      status: 403,
      body: { type: '/v1/problems/not-permitted', detail: 'recipient 1: its country is not allowed' },
    });
    const allowed = { to: '+447700900150', text: 'x' };
    expect(await send(allowed, as)).toMatchObject({ status: 202 });
    const over = await send(allowed, as);
    expect(over).toMatchObject({ status: 429, body: { type: '/v1/problems/too-often' } });
    expect(Number(over.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('a path that is not there', async () => {
    expect(await api.call('GET', '/v1/nowhere')).toMatchObject({
      status: 404,
      body: { type: '/v1/problems/not-found' },
    });
  });
});

describe('Idempotency-Key', () => {
  const body = { to: '+447700900301', text: 'once' };
  test('a repeat gets the same answer, and nothing is sent again', async () => {
    const key = { 'idempotency-key': 'order-4711' };
    const first = await send(body, key);
    const again = await send(body, key);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('location')).toBe(first.headers.get('location'));
    await passed();
    expect(arrived('447700900301')).toHaveLength(1);
    expect(await send({ ...body, text: 'twice' }, key)).toMatchObject({
      status: 422,
      body: { type: '/v1/problems/key-reused' },
    });
    const other = { authorization: basicAuth('tester', 'foobar'), ...key };
    expect((await send(body, other)).body).not.toEqual(first.body);
  });

  test('repeats at the same time: one is taken, and the others are told to wait or get its answer', async () => {
    const all = await Promise.all(
      Array.from({ length: 8 }, () => send({ ...body, to: '+447700900302' }, { 'idempotency-key': 'race' })),
    );
    const ids = new Set(all.filter(({ status }) => status === 202).map(idOf));
    expect(ids.size).toBe(1);
    for (const { status, headers, body } of all) {
      if (status === 202) continue;
      expect({ status, body }).toMatchObject({ status: 409, body: { type: '/v1/problems/in-progress' } });
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
    await passed();
    expect(arrived('447700900302')).toHaveLength(1);
  });

  test('a refused request does not use its key up', async () => {
    const key = { 'idempotency-key': 'mended' };
    expect(await send({ to: 'bob', text: 'x' }, key)).toMatchObject({ status: 400 });
    expect(await send({ to: '+447700900303', text: 'x' }, key)).toMatchObject({ status: 202 });
  });

  test('a key has its limits', async () => {
    expect(await send(body, { 'idempotency-key': 'x'.repeat(256) })).toMatchObject({ status: 400 });
  });
});

describe('preview', () => {
  const preview = async (body: unknown) => (await api.call('POST', '/v1/messages/preview', body)).body;
  test('says what a text becomes', async () => {
    expect(await preview({ text: 'Your code is 123456' })).toEqual({
      ...{ encoding: 'gsm7', segments: 1, units: 19, allowed: true },
      ...{ parts: ['Your code is 123456'], notGsm7: [] },
    });
    const euros = '€'.repeat(100);
    expect(await preview({ text: euros })).toMatchObject({ encoding: 'gsm7', segments: 2, units: 200 });
    const long = await preview({ text: `${'a'.repeat(600)}–` });
    expect(long).toMatchObject({ encoding: 'ucs2', allowed: false, notGsm7: ['–'] });
    expect((long.parts! as string[]).join('')).toBe(`${'a'.repeat(600)}–`);
    expect(await preview({ text: 'Код', encoding: 'gsm7' })).toMatchObject({ encoding: 'ucs2' });
    expect(await preview({ text: 'x'.repeat(39_015), encoding: 'ucs2' })).toMatchObject({ status: 400 });
  });

  test('its documented examples are true', async () => {
    const { post } = api.document.paths['/v1/messages/preview']!;
    for (const { value } of Object.values(post!.requestBody!.content['application/json']!.examples)) {
      expect(await preview(value)).toMatchObject({ allowed: true });
    }
  });
});

describe('looking up', () => {
  test('lists by number, newest first, page by page', async () => {
    const ids: string[] = [];
    for (const text of ['a', 'b', 'c']) ids.unshift(idOf(await send({ to: '+447700900401', text })));
    await until('the ledger has them', async () => (await api.call('GET', `/v1/messages/${ids[0]}`)).status === 200);
    const list = async (more = '') =>
      (await api.call('GET', `/v1/messages?to=%2B447700900401${more}`)).body as unknown as {
        messages: { id: string }[];
        next?: string;
      };
    const found = (await list()).messages.map(({ id }) => id);
    expect(found).toEqual(ids);
    const first = await list('&limit=2');
    expect(first.messages.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    const rest = await list(`&limit=2&before=${first.next}`);
    expect(rest.messages.map(({ id }) => id)).toEqual(ids.slice(2));
    expect(rest.next).toBeUndefined();
    expect((await list(`&since=${encodeURIComponent(new Date(Date.now() + 60_000).toISOString())}`)).messages).toEqual(
      [],
    );
    expect((await list('&state=nowhere')).messages).toEqual([]);
  });

  test('a client sees its own only', async () => {
    const id = idOf(await send({ to: '+447700900402', text: 'mine' }));
    await until('it is known', async () => (await api.call('GET', `/v1/messages/${id}`)).status === 200);
    const as = { authorization: basicAuth('tester', 'foobar') };
    for (const method of ['GET', 'DELETE'])
      expect(await api.call(method, `/v1/messages/${id}`, undefined, as)).toMatchObject({ status: 404 });
    const { body } = await api.call('GET', '/v1/messages?to=%2B447700900402', undefined, as);
    expect(body).toEqual({ messages: [] });
  });

  test.each([
    ['?limit=0', 'invalid-request'],
    ['?limit=many', 'invalid-request'],
    ['?since=yesterday', 'invalid-request'],
    ['?colour=red', 'invalid-request'],
    ['?to=bob', 'invalid-recipient'],
  ])('%s', async (query, type) => {
    expect((await api.call('GET', `/v1/messages${query}`)).body).toMatchObject({ type: `/v1/problems/${type}` });
  });

  test('what is scheduled is held, can be taken back once, and its client is told', async () => {
    const receiver = await startReceiver();
    const sendAt = new Date(Date.now() + 3_600_000).toISOString();
    const callback = `http://127.0.0.1:${receiver.port}/`;
    const id = idOf(await send({ to: '+447700900404', text: 'later', sendAt, callback }));
    const path = `/v1/messages/${id}`;
    const known = await until('it is known', async () => {
      const answer = await api.call('GET', path);
      return answer.status === 200 ? answer.body : undefined;
    });
    expect(known).toMatchObject({ state: 'scheduled', final: false });
    expect(await api.call('DELETE', path)).toMatchObject({ status: 200, body: { id, state: 'cancelled' } });
    expect(await api.call('DELETE', path)).toMatchObject({ status: 200 });
    expect((await api.call('GET', path)).body).toMatchObject({ state: 'cancelled', final: true });
    const told = await until('the client is told', () => receiver.seen[0]);
    expect(JSON.parse(told.body)).toMatchObject({ type: 'message.cancelled', data: { id, final: true } });
    await receiver.stop();
    const soon = new Date(Date.now() + 300).toISOString();
    const next = idOf(await send({ to: '+447700900405', text: 'soon', sendAt: soon }));
    await until('it is released', () => arrived('447700900405').length > 0);
    expect(await api.call('DELETE', `/v1/messages/${next}`)).toMatchObject({ status: 409 });
  });

  test('what is on its way or has ended cannot be taken back', async () => {
    const id = idOf(await send({ to: '+447700900403', text: 'gone' }));
    await passed();
    expect(await api.call('DELETE', `/v1/messages/${id}`)).toMatchObject({
      status: 409,
      body: { type: '/v1/problems/too-late' },
    });
    expect(await api.call('DELETE', '/v1/messages/01a20074-2214-7e29-a54a-7f8969b6ff5c')).toMatchObject({
      status: 404,
    });
    expect(await api.call('GET', '/v1/messages/not-an-id')).toMatchObject({ status: 404 });
  });
});

test('signed events: each step, in order, repeated until taken, verified by the specification', async () => {
  let refusals = 1;
  const receiver = await startReceiver((response) => response.writeHead(refusals-- > 0 ? 503 : 204).end());
  const callback = `http://127.0.0.1:${receiver.port}/events?for=portal`;
  const id = idOf(await send({ to: '+447700900501', text: 'tell me', callback }));
  await until('three calls', () => receiver.seen.length >= 3);
  const schema = z.fromJSONSchema(
    api.document.webhooks.message!.post!.requestBody!.content['application/json']!.schema as never,
  );
  const events = receiver.seen.map(({ method, url, headers, body }) => {
    expect({ method, url }).toEqual({ method: 'POST', url: '/events?for=portal' });
    const header = Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
    expect(header['content-type']).toBe('application/json');
    const signed = `${header['webhook-id']}.${header['webhook-timestamp']}.${body}`;
    const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64');
    expect(header['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
    expect(Math.abs(Date.now() / 1_000 - Number(header['webhook-timestamp']))).toBeLessThan(10);
    expect(schema.safeParse(JSON.parse(body)).error?.issues).toBeUndefined();
    return { id: header['webhook-id'], ...JSON.parse(body) };
  });
  expect(events.map(({ type }) => type)).toEqual(['message.submitted', 'message.submitted', 'message.delivered']);
  expect(new Set(events.map((event) => event.id)).size).toBe(2);
  expect(events[2].data).toMatchObject({
    id,
    to: '+447700900501',
    state: 'delivered',
    final: true,
    provider: 'sandbox',
  });
  await receiver.stop();
});

describe('the document', () => {
  test('is OpenAPI 3.1 with the API in it, and nothing else', async () => {
    const { openapi, paths } = api.document;
    expect(openapi).toBe('3.1.0');
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(operations.sort()).toEqual([
      'DELETE /v1/messages/{id}',
      'GET /v1/messages',
      'GET /v1/messages/{id}',
      'POST /v1/messages',
      'POST /v1/messages/preview',
    ]);
    expect(JSON.stringify(paths)).not.toContain('"$ref"');
  });

  test('its page loads its own files only, and says so', async () => {
    const page = await fetch(`${rig.httpUrl}/v1/docs/`);
    const html = await page.text();
    expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none'; script-src 'self';/);
    const links = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1]!);
    expect(links.length).toBeGreaterThan(3);
    for (const link of links) {
      const file = await fetch(new URL(link, page.url));
      expect({ link, status: file.status, host: new URL(file.url).host }).toMatchObject({
        status: 200,
        host: new URL(rig.httpUrl).host,
      });
      await file.arrayBuffer();
    }
    expect(html).not.toMatch(/<script>|<script [^>]*>\s*[^<\s]|<style>| on\w+=/);
  });
});
