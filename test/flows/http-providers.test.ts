// HTTP providers through the whole gateway: a preset and a template, their answers, and their callbacks at ingress-dlr back
// to the client; with the broker away for a while.
import { createHmac } from 'node:crypto';
import { connect } from 'amqplib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { egressHttp } from '../../services/egress-http/main.ts';
import { ingressDlr } from '../../services/ingress-dlr/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { notifier } from '../../services/notifier/main.ts';
import { router } from '../../services/router/main.ts';
import { type HttpProvider, startHttpProvider } from '../peers/http-provider.ts';
import { ANSWERED_MS, startTcpProxy, type TcpProxy } from '../peers/tcp-proxy.ts';
import { freePort } from '../rig/port.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const realBroker = process.env.AMQP_URL!;
const ACCOUNT = 'AC0123';
const AUTH_TOKEN = 'a-token-of-twilio';
const TOKEN = 'acme-token-0123456789';
const PUBLIC = 'https://sms.example.com/hooks';

let broker: TcpProxy;
let twilio: HttpProvider;
let acme: HttpProvider;
let client: Receiver;
let rig: Rig;
let dlr: string;

beforeAll(async () => {
  const url = new URL(realBroker);
  broker = await startTcpProxy({ host: url.hostname, port: Number(url.port || 5672) });
  url.host = `127.0.0.1:${broker.port}`;
  process.env.AMQP_URL = url.href;
  [twilio, acme, client] = [await startHttpProvider(), await startHttpProvider(), await startReceiver()];
  const [port, nobody] = [await freePort(), await freePort()];
  dlr = `http://127.0.0.1:${port}`;
  const http = (more: object) => ({ bearer: 'http', timeout: '3s', ...more });
  const account = { accountSid: ACCOUNT, authToken: AUTH_TOKEN };
  rig = await startRig({
    services: [ledger, router, egressHttp, ingressHttp, notifier, ingressDlr],
    settings: (standard) => ({
      ...standard,
      listen: { ...standard.listen, dlr: { port, url: `${PUBLIC}/` } },
      clients: { tester: { ...(standard.clients.tester as object), callbacks: { allow: ['127.0.0.1'] } } },
      providers: {
        twilio: http({ preset: 'twilio', url: twilio.url, account, dlr: {} }),
        acme: http({
          url: `${acme.url}/send`,
          query: { key: 'a-key-of-acme', to: '{to}', msg: '{text}', ref: '{id}', dlr: '{callback}' },
          number: { form: 'digits' },
          answer: { success: { prefix: 'OK' }, id: { regex: 'OK (\\w+)' } },
          dlr: { token: TOKEN, networks: ['127.0.0.0/8'] },
          receipt: { id: 'mid', state: 'st', to: 'msisdn', states: { '1': 'delivered', '2': 'failed' } },
          incoming: { from: 'src', to: 'dst', text: 'txt', id: 'mo' },
        }),
        elsewhere: http({
          url: `${acme.url}/x`,
          query: { to: '{to}' },
          dlr: { token: TOKEN, networks: ['10.0.0.0/8'] },
        }),
        nobody: http({ url: `http://127.0.0.1:${nobody}/`, query: { to: '{to}' } }),
        unsigned: http({ url: `${acme.url}/x`, query: { to: '{to}' } }),
      },
      limits: { failoverAfter: '1s' },
      routes: [
        { when: { prefix: '4477' }, to: ['twilio'] },
        { when: { prefix: '4478' }, to: ['nobody', 'acme'] },
        { to: ['acme'] },
      ],
    }),
  });
});
afterAll(async () => {
  await rig?.stop();
  for (const one of [broker, twilio, acme, client]) await one?.stop();
  process.env.AMQP_URL = realBroker;
});
beforeEach(() => {
  twilio.calls.length = 0;
  acme.calls.length = 0;
  client.seen.length = 0;
});
afterEach(() => broker.heal());

/** A callback as Twilio makes and signs it. */
function fromTwilio(fields: Record<string, string>, token = AUTH_TOKEN) {
  const text = Object.keys(fields)
    .sort()
    .map((name) => name + fields[name]);
  const signature = createHmac('sha1', token)
    .update(`${PUBLIC}/dlr/twilio${text.join('')}`)
    .digest('base64');
  return fetch(`${dlr}/dlr/twilio`, {
    method: 'POST',
    headers: { 'x-twilio-signature': signature },
    body: new URLSearchParams(fields),
  });
}
const fromAcme = (fields: Record<string, string>, path = `acme/${TOKEN}`) =>
  fetch(`${dlr}/dlr/${path}?${new URLSearchParams(fields)}`);
const ask = (to: string, more: Record<string, string> = {}) =>
  rig.send({
    to,
    text: 'Code 471-11',
    'dlr-mask': '3',
    'dlr-url': `http://127.0.0.1:${client.port}/?type=%d&answer=%A`,
    ...more,
  });

test('Twilio: the exact request, its id, a signed callback to delivered and on to the client; again, and again later', async () => {
  twilio.answer({ status: 201, body: '{"sid":"SM0001","status":"queued"}' });
  const { ids } = await ask('+447700900123', { validity: '10' });
  await until('Twilio has it', () => twilio.calls.length === 1);
  const [call] = twilio.calls;
  expect(call).toMatchObject({ method: 'POST', url: `/2010-04-01/Accounts/${ACCOUNT}/Messages.json` });
  expect(call!.headers.authorization).toBe(`Basic ${Buffer.from(`${ACCOUNT}:${AUTH_TOKEN}`).toString('base64')}`);
  const { ValidityPeriod, ...form } = Object.fromEntries(new URLSearchParams(call!.body));
  expect(form).toEqual({
    To: '+447700900123',
    From: '12345',
    Body: 'Code 471-11',
    StatusCallback: `${PUBLIC}/dlr/twilio`,
  });
  expect(Number(ValidityPeriod)).toBeGreaterThan(590);
  const told = { MessageSid: 'SM0001', MessageStatus: 'delivered', To: '+447700900123', AccountSid: ACCOUNT };
  const answer = await fromTwilio(told);
  expect([answer.status, await answer.text()]).toEqual([200, '<Response/>']);
  expect(await rig.final(ids[0]!)).toMatchObject({ state: 'delivered', provider: 'twilio' });
  await until('the client is told', () => client.seen.length === 1);
  expect(client.seen[0]!.url).toMatch(/^\/\?type=1&answer=id%3ASM0001.*stat%3ADELIVRD/);
  // A repeat, and one that is late and says another thing, are answered, so that Twilio stops; nothing changes.
  expect((await fromTwilio(told)).status).toBe(200);
  expect((await fromTwilio({ ...told, MessageStatus: 'failed', ErrorCode: '30003' })).status).toBe(200);
  const { ids: next } = await ask('+447700900123', { 'dlr-mask': '0' });
  expect(await rig.final(next[0]!)).toMatchObject({ state: 'sent' });
  expect(await rig.message(ids[0]!)).toMatchObject({ state: 'delivered' });
  expect(client.seen).toHaveLength(1);
});

test('a template: the callback comes before the answer; the provider that refuses connections is passed over', async () => {
  let early = 0;
  acme.answer(async ({ url }) => {
    early = (await fromAcme({ mid: 'M1', st: '1', msisdn: '447800900123' })).status;
    return { body: url.startsWith('/send?') ? 'OK M1' : 'ERR' };
  });
  const { ids } = await ask('+447800900123');
  expect(await rig.final(ids[0]!)).toMatchObject({ state: 'delivered', provider: 'acme' });
  expect(early).toBe(200);
  const callback = encodeURIComponent(`${PUBLIC}/dlr/acme/${TOKEN}`);
  const query = `key=a-key-of-acme&to=447800900123&msg=Code+471-11&ref=${ids[0]}&dlr=${callback}`;
  expect(acme.calls[0]).toMatchObject({ method: 'GET', url: `/send?${query}`, body: '' });
  await until('the client is told', () => client.seen.length === 1);
});

test('refused by rule: the reason has neither the text nor the key nor the number', async () => {
  acme.answer((call) => ({ body: `ERR 12 ${decodeURIComponent(call.url.replaceAll('+', ' '))}` }));
  const { ids } = await ask('+491701234567');
  const final = await rig.final(ids[0]!);
  expect(final).toMatchObject({ state: 'rejected', reason: expect.stringContaining('ERR 12') });
  expect(JSON.stringify(final.reason)).not.toMatch(/471-11|a-key-of-acme|491701234567/);
});

test('a message from a handset is published as incoming', async () => {
  const model = await connect(realBroker);
  const channel = await model.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.bindQueue(queue, 'report', 'incoming');
  const heard: unknown[] = [];
  await channel.consume(queue, (message) => heard.push(...JSON.parse(message!.content.toString())), { noAck: true });
  expect(
    (await fromTwilio({ MessageSid: 'SM2', From: '+4477', To: '+1555', Body: 'STOP äö', SmsStatus: 'received' }))
      .status,
  ).toBe(200);
  expect((await fromAcme({ src: '4478', dst: '99', txt: 'yes', mo: '7' })).status).toBe(200);
  await until('both are published', () => heard.length === 2);
  await model.close();
  expect(heard).toEqual([
    expect.objectContaining({
      kind: 'incoming',
      provider: 'twilio',
      from: '+4477',
      to: '+1555',
      text: 'STOP äö',
      providerId: 'SM2',
    }),
    expect.objectContaining({
      kind: 'incoming',
      provider: 'acme',
      from: '4478',
      to: '99',
      text: 'yes',
      providerId: '7',
    }),
  ]);
});

describe('callbacks that are refused', () => {
  const good = { mid: 'M9', st: '1' };
  test.each([
    ['no such provider', 404, () => fromAcme(good, `acme2/${TOKEN}`)],
    ['a provider that takes none', 404, () => fromAcme(good, 'unsigned')],
    ['another path', 404, () => fetch(`${dlr}/`)],
    ['no token', 403, () => fromAcme(good, 'acme')],
    ['a wrong token', 403, () => fromAcme(good, 'acme/acme-token-0123456780')],
    ['a wrong network', 403, () => fromAcme(good, `elsewhere/${TOKEN}`)],
    [
      'a forwarded address from no proxy of ours',
      403,
      () => fetch(`${dlr}/dlr/elsewhere/${TOKEN}?mid=1&st=1`, { headers: { 'x-forwarded-for': '10.0.0.1' } }),
    ],
    ['a signature with another key', 403, () => fromTwilio({ MessageSid: 'SM1', MessageStatus: 'sent' }, 'guess')],
    [
      'no signature',
      403,
      () => fetch(`${dlr}/dlr/twilio`, { method: 'POST', body: new URLSearchParams({ MessageSid: 'SM1' }) }),
    ],
    ['a token where none is', 403, () => fetch(`${dlr}/dlr/twilio/${TOKEN}`)],
    ['neither receipt nor message', 400, () => fromAcme({ hello: 'world' })],
    ['too long', 413, () => fetch(`${dlr}/dlr/acme/${TOKEN}`, { method: 'POST', body: 'x'.repeat(300_000) })],
    ['a method for nothing', 404, () => fetch(`${dlr}/dlr/acme/${TOKEN}`, { method: 'DELETE' })],
  ] as const)('%s: %d', async (_what, status, send) => {
    expect((await send()).status).toBe(status);
  });
});

test('with the broker away a callback is answered 503, and taken when it comes again', async () => {
  acme.answer({ body: 'OK M77' });
  const { ids } = await ask('+491701234567');
  await until('acme has it', () => acme.calls.length === 1);
  broker.freeze();
  const started = performance.now();
  expect((await fromAcme({ mid: 'M77', st: '1' })).status).toBe(503);
  expect(performance.now() - started).toBeLessThan(ANSWERED_MS);
  broker.heal();
  await until('the callback is taken', async () => (await fromAcme({ mid: 'M77', st: '1' })).status === 200);
  expect(await rig.final(ids[0]!, 20_000)).toMatchObject({ state: 'delivered' });
});
