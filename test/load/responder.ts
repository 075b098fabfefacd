// The least that can answer HTTP: every GET gets the same short answer. The bench's sink of callbacks, and what the
// generator is measured against.
import { createServer, type Server } from 'node:net';

const END = '\r\n\r\n';

/** Listens on a free port of loopback. `request` gets each target (path and query); without it nothing is looked at. */
export function startResponder(
  status: string,
  request?: (target: string) => void,
): Promise<{ port: number; server: Server }> {
  const one = Buffer.from(`HTTP/1.1 ${status}\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nok`);
  const server = createServer({ noDelay: true }, (socket) => {
    let rest = '';
    socket.on('error', () => {}); // 'close' follows
    socket.on('data', (chunk) => {
      const requests = (rest + chunk.toString('latin1')).split(END);
      rest = requests.pop()!;
      if (requests.length === 0) return;
      if (request) for (const head of requests) request(head.slice(head.indexOf(' ') + 1, head.indexOf(' HTTP/')));
      socket.write(requests.length === 1 ? one : Buffer.concat(requests.map(() => one)));
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve({ port: (server.address() as { port: number }).port, server }));
  });
}
