// A loopback port that was free a moment ago, and stays so: below the range from which the kernel gives ports to clients
// (32768 on Linux), so that no connection takes it before its listener does.
import { createServer } from 'node:net';

const LEAST = 20_000;
const COUNT = 12_000;

export async function freePort(): Promise<number> {
  for (;;) {
    const port = LEAST + Math.floor(Math.random() * COUNT);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
