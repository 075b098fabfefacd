// What an orchestrator and Prometheus see of a process.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '#shared/config/load.ts';
import { type Host, hostServices, type Service } from '#shared/service.ts';
import { router } from '../../services/router/main.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

let rig: Rig;
let host: Host;
beforeAll(async () => {
  rig = await startRig();
  host = await hostServices([router], { loaded: loadConfig(rig.configFile), amqpUrl: rig.amqpUrl, adminPort: 0 });
});
afterAll(async () => {
  await host.stop();
  await rig.stop();
});

const get = async (path: string, from = host) => {
  const answer = await fetch(`http://127.0.0.1:${from.adminPort}${path}`);
  return { status: answer.status, body: await answer.text() };
};

test('live and ready, and nothing else on that port', async () => {
  expect(await get('/live')).toEqual({ status: 200, body: 'ok\n' });
  expect(await get('/ready')).toEqual({ status: 200, body: 'ok\n' });
  expect((await get('/config')).status).toBe(404);
  expect((await fetch(`http://127.0.0.1:${host.adminPort}/ready`, { method: 'POST', body: 'x' })).status).toBe(404);
});

test('the metrics count a message on its whole way, by name and without numbers', async () => {
  const { ids } = await rig.send({ to: '447700900777', text: 'counted', 'dlr-mask': '3' });
  await rig.final(ids[0]!);
  expect((await rig.send({ to: '447700900777', text: 'x', password: 'wrong' })).status).toBe(403);
  expect((await rig.send({ to: '', text: 'x' })).status).toBe(400);
  const { body } = await get('/metrics');
  const value = (line: string) => Number(new RegExp(`^${line} (\\S+)$`, 'm').exec(body)?.[1] ?? Number.NaN);
  expect(value('hermod_accepted_messages_total{door="http",client="tester"}')).toBeGreaterThanOrEqual(1);
  expect(value('hermod_routed_messages_total{provider="sandbox",lane="urgent"}')).toBeGreaterThanOrEqual(1);
  expect(value('hermod_submit_outcomes_total{provider="sandbox",outcome="done"}')).toBeGreaterThanOrEqual(1);
  expect(value('hermod_receipts_total{provider="sandbox",state="delivered"}')).toBeGreaterThanOrEqual(1);
  expect(value('hermod_final_messages_total{state="delivered"}')).toBeGreaterThanOrEqual(1);
  const rejected = (reason: string, known: string) =>
    value(`hermod_rejected_requests_total{door="http",reason="${reason}",class="${known}"}`);
  expect(rejected('authorization', 'unknown')).toBe(1);
  expect(rejected('to', 'known')).toBe(1);
  expect(value('hermod_binds_held{provider="sandbox"}')).toBe(1);
  expect(body).not.toContain('447700900777');
});

test('a service without the topology says what is missing and how to get it', async () => {
  const loaded = loadConfig(rig.configFile);
  const config = {
    ...loaded.config,
    providers: { ...loaded.config.providers, unheard: loaded.config.providers.sandbox! },
  };
  const starting = hostServices([router], { loaded: { ...loaded, config }, amqpUrl: rig.amqpUrl, adminPort: 0 });
  await expect(starting).rejects.toThrow(/^RabbitMQ has no egress\.unheard\.urgent: run `hermod setup`/);
});

test('what stops is live and not ready until it has finished', async () => {
  let finish = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const slow: Service = { name: 'slow', start: async () => ({ stop: () => finished }) };
  const loaded = loadConfig(rig.configFile);
  const other = await hostServices([slow], { loaded, amqpUrl: rig.amqpUrl, adminPort: 0 });
  expect((await get('/ready', other)).status).toBe(200);
  const stopped = other.stop();
  expect(await get('/ready', other)).toEqual({ status: 503, body: 'stopping\n' });
  expect((await get('/live', other)).status).toBe(200);
  finish();
  await stopped;
});

test('after a stop the port is closed', async () => {
  const other = await hostServices([router], {
    loaded: loadConfig(rig.configFile),
    amqpUrl: rig.amqpUrl,
    adminPort: 0,
  });
  await other.stop();
  await until('refused', () =>
    fetch(`http://127.0.0.1:${other.adminPort}/live`).then(
      () => false,
      () => true,
    ),
  );
});
