// Passwords and texts stay out of logs, traces and the list of refusals, however they come: query, form, headers, XML, and
// requests that are not understood.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBus } from '#shared/bus/bus.ts';
import { askRefusals } from '#shared/doors/refusals.ts';
import { openLog } from '#shared/telemetry/log.ts';
import { freePort } from '../rig/port.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const MAIN = resolve(import.meta.dirname, '../../services/ingress-http/main.ts');
const SECRETS = ['pa55-marker', 'text-marker'];
let rig: Rig;
let collector: Server;
let door: ChildProcess;
let port: number;
let told = '';
let traced = '';

beforeAll(async () => {
  collector = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => {
      traced += chunk.toString('latin1');
    });
    request.on('end', () => response.end('{}'));
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  port = await freePort();
  rig = await startRig({
    services: [],
    settings: (standard) => ({
      ...standard,
      listen: { ...standard.listen, http: { port } },
      clients: { tester: { password: 'pa55-marker', sender: '12345' } },
    }),
  });
  door = spawn(process.execPath, [MAIN, '--config', rig.configFile, '--admin-port', '0'], {
    env: {
      ...process.env,
      HERMOD_LOG_LEVEL: 'trace',
      HERMOD_ACCESS_LOG: '-',
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as { port: number }).port}`,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [door.stdout!, door.stderr!]) {
    stream.on('data', (chunk: Buffer) => {
      told += chunk.toString('latin1');
    });
  }
  await until('the door is open', () => told.includes('"started"'), 60_000);
});
afterAll(async () => {
  if (door && door.exitCode === null) {
    door.kill('SIGTERM');
    await once(door, 'exit');
  }
  collector?.close();
  await rig?.stop();
});

const url = (path: string) => `http://127.0.0.1:${port}${path}`;
const status = async (path: string, init: RequestInit = {}) => (await fetch(url(path), init)).status;

test('nothing of them is told', async () => {
  const query = 'username=tester&password=pa55-marker&to=447700900123&text=text-marker';
  const post = (type: string, body: string, headers: Record<string, string> = {}) =>
    status('/cgi-bin/sendsms', { method: 'POST', body, headers: { 'content-type': type, ...headers } });
  expect(await status(`/cgi-bin/sendsms?${query}`)).toBe(202);
  expect(await status(`/cgi-bin/sendsms?${query}&coding=9`)).toBe(400);
  expect(await status(`/cgi-bin/sendsms?${query.replace('tester', 'other')}`)).toBe(403);
  expect(await status(`/nowhere?${query}`)).toBe(404);
  expect(await post('application/x-www-form-urlencoded', query)).toBe(202);
  expect(await post('application/json', `{"password":"pa55-marker","text":"text-marker"}`)).toBe(415);
  expect(await post('text/xml', '<message><submit><ud>text-marker</ud>pa55-marker')).toBe(403);
  const named = { 'x-kannel-username': 'tester', 'x-kannel-password': 'pa55-marker', 'x-kannel-to': 'abc' };
  expect(await post('text/plain', 'text-marker', named)).toBe(400);
  expect(await post('text/plain', 'text-marker '.repeat(10_000), named)).toBe(413);
  const line = await new Promise<string>((done) => {
    const socket = connect(port, '127.0.0.1', () =>
      socket.end(`GET /%zz?${query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
    );
    let answer = '';
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
    });
    socket.on('close', () => done(answer));
  });
  expect(line).toMatch(/^HTTP\/1\.1 400 /);

  const bus = await openBus(rig.amqpUrl, 'test', openLog('test'));
  const refusals = await until('the door tells its refusals', async () => {
    const all = JSON.stringify(await askRefusals(bus));
    return all.includes('content-type') && all;
  });
  await bus.close();
  await until('the access log has both', () => (told.match(/"event":"accepted"/g) ?? []).length === 2);
  await until('a trace has come', () => traced.length > 0, 15_000);
  for (const secret of [...SECRETS, '447700900123']) {
    expect(told).not.toContain(secret);
    expect(refusals).not.toContain(secret);
    expect(traced).not.toContain(secret);
  }
});
