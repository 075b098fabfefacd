// A receiver of callbacks on loopback: records every request and answers as the test says.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TlsOptions } from 'node:tls';

export type Seen = { method: string; url: string; headers: [name: string, value: string][]; body: string };
export type Receiver = {
  port: number;
  /** Requests in the order in which they came. */
  seen: Seen[];
  /** Connections that were ever opened. */
  connections(): number;
  stop(): Promise<void>;
};
/** Answers one request; `count` says which it is, from 1. */
export type Answer = (response: ServerResponse, request: IncomingMessage, count: number) => void;

const ok: Answer = (response) => response.end('ok');

export function startReceiver(answer: Answer = ok, tls?: TlsOptions): Promise<Receiver> {
  const seen: Seen[] = [];
  let connections = 0;
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const raw = request.rawHeaders;
    const headers = raw.flatMap((name, i): [string, string][] => (i % 2 === 0 ? [[name, raw[i + 1]!]] : []));
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      seen.push({ method: request.method!, url: request.url!, headers, body: Buffer.concat(chunks).toString() });
      answer(response, request, seen.length);
    });
  };
  const server = tls ? createTlsServer(tls, onRequest) : createServer(onRequest);
  server.on('connection', () => connections++);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      resolve({
        port: (server.address() as AddressInfo).port,
        seen,
        connections: () => connections,
        stop: () =>
          new Promise((done) => {
            server.close(() => done());
            server.closeAllConnections();
          }),
      });
    });
  });
}
