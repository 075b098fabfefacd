// A stand-in of an SMS provider's HTTP API: records each request whole, and answers as the test says.
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';

export type Call = { method: string; url: string; headers: IncomingHttpHeaders; body: string };
export type Reply = { status?: number; headers?: Record<string, string>; body?: string };
/** `hang`: no answer at all. `drop`: the connection is closed without one. */
type Answer = Reply | 'hang' | 'drop';
export type Behaviour = (call: Call, count: number) => Answer | Promise<Answer>;

export type HttpProvider = {
  url: string;
  port: number;
  /** In the order in which they came. */
  calls: Call[];
  /** Connections that were ever opened. */
  connections(): number;
  /** Answers what comes from now on. */
  answer(behaviour: Behaviour | Reply): void;
  stop(): Promise<void>;
};

export function startHttpProvider(first: Behaviour | Reply = {}, tls?: ServerOptions): Promise<HttpProvider> {
  const calls: Call[] = [];
  let connections = 0;
  let behaviour = first;
  const server = (tls ? createTlsServer(tls) : createServer()).on('request', (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const { method = '', url = '', headers } = request;
      const call = { method, url, headers, body: Buffer.concat(chunks).toString() };
      calls.push(call);
      const reply = typeof behaviour === 'function' ? await behaviour(call, calls.length) : behaviour;
      if (reply === 'drop') request.socket.destroy();
      else if (reply !== 'hang') response.writeHead(reply.status ?? 200, reply.headers).end(reply.body ?? '');
    });
  });
  server.on('connection', () => connections++);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      resolve({
        url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
        port,
        calls,
        connections: () => connections,
        answer(next) {
          behaviour = next;
        },
        stop: () =>
          new Promise((done) => {
            server.close(() => done());
            server.closeAllConnections();
          }),
      });
    });
  });
}
