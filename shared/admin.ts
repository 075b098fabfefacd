// The port for probes and Prometheus: /live, /ready and /metrics, which only read. Node's own server is enough for them,
// and a door that was killed takes messages sooner where no framework is loaded beside it.
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { reasonOf } from './telemetry/log.ts';
import { registry } from './telemetry/metrics.ts';

export type Admin = { port: number; close(): Promise<void> };
export type AdminAddress = { host: string; port: number };

/** `notReady` says why the process is not ready. Rejects with the listener's own error. */
export async function openAdmin({ host, port }: AdminAddress, notReady: () => string | undefined): Promise<Admin> {
  const server = createServer((request, response) => {
    request.resume();
    const path = request.url?.split('?', 1)[0] ?? '';
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (!isRead) return end(response, 404, 'no such path\n');
    answer(path, response, notReady).catch((error) => end(response, 500, `${reasonOf(error)}\n`));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

async function answer(path: string, response: ServerResponse, notReady: () => string | undefined): Promise<void> {
  if (path === '/live') return end(response, 200, 'ok\n');
  if (path === '/ready') {
    const reason = notReady();
    return end(response, reason ? 503 : 200, `${reason ?? 'ok'}\n`);
  }
  if (path === '/metrics') return end(response, 200, await registry.metrics(), registry.contentType);
  end(response, 404, 'no such path\n');
}

function end(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) }).end(text);
}
