// The REST API while the broker is away: the client is told to come again, in time; with an Idempotency-Key nothing is sent
// twice, even when the answer of a first try was lost.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ANSWERED_MS, startTcpProxy, type TcpProxy } from '../peers/tcp-proxy.ts';
import { type Answer, type Api, basicAuth, openApi } from '../rig/api.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const realBroker = process.env.AMQP_URL!;
let broker: TcpProxy;
let rig: Rig;
let api: Api;
beforeAll(async () => {
  const url = new URL(realBroker);
  broker = await startTcpProxy({ host: url.hostname, port: Number(url.port || 5672) });
  url.host = `127.0.0.1:${broker.port}`;
  process.env.AMQP_URL = url.href;
  rig = await startRig();
  api = await openApi(rig.httpUrl, basicAuth('tester', 'foobar'));
});
afterAll(async () => {
  await rig?.stop();
  await broker?.stop();
  process.env.AMQP_URL = realBroker;
});

const send = (to: string | string[], key?: string) =>
  api.call('POST', '/v1/messages', { to, text: 'x' }, key === undefined ? {} : { 'idempotency-key': key });
const arrived = (to: string) => rig.smsc.received.filter(({ dest }) => dest.addr === to);
const expectUnavailable = ({ status, headers, body }: Answer) => {
  expect({ status, body }).toMatchObject({ status: 503, body: { type: '/v1/problems/unavailable' } });
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
};

test('cut off: 503 at once, for look-ups too, and later all goes through', async () => {
  const id = (await send('+447700900600')).body as unknown as { messages: { id: string }[] };
  broker.cut();
  const started = performance.now();
  expectUnavailable(await send('+447700900601'));
  expectUnavailable(await api.call('GET', `/v1/messages/${id.messages[0]!.id}`));
  expect(performance.now() - started).toBeLessThan(ANSWERED_MS);
  broker.heal();
  await until('it takes messages again', async () => (await send('+447700900602')).status === 202);
  await until('the marker arrives', () => arrived('447700900602').length > 0);
  expect(arrived('447700900601')).toEqual([]);
});

test('silent: 503 within two seconds, and the repeat with the same key is the same message', async () => {
  broker.freeze();
  const started = performance.now();
  expectUnavailable(await send(['+447700900611', '+447700900612'], 'lost'));
  expect(performance.now() - started).toBeLessThan(ANSWERED_MS);
  broker.heal();
  const again = await until('it takes messages again', async () => {
    const answer = await send(['+447700900611', '+447700900612'], 'lost');
    return answer.status === 202 ? answer : undefined;
  });
  const ids = (again.body as unknown as { messages: { id: string }[] }).messages.map(({ id }) => id);
  for (const id of ids) await rig.final(id);
  const marker = (await send('+447700900613')).body as unknown as { messages: { id: string }[] };
  await rig.final(marker.messages[0]!.id);
  expect([arrived('447700900611').length, arrived('447700900612').length]).toEqual([1, 1]);
});
