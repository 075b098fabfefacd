// The client's end of callbacks, which can be gone, slow or wrong; it says who was told an end.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * `refusing`: every connection is cut. `slow`: answers after 3 s. `failing`: 500. `hanging`: never answers. `lying`: in turn
 * a redirect to itself, half an answer, headers without an end, and what is no HTTP.
 */
export type Mood = 'well' | 'refusing' | 'slow' | 'failing' | 'hanging' | 'lying';
const SLOW_MS = 3_000;
/** dlr-url types that are an end: delivered and failed. */
const ENDS = new Set(['1', '2']);
const LIES: ((path: string) => string)[] = [
  (path) => `HTTP/1.1 302 Found\r\nlocation: ${path}\r\ncontent-length: 0\r\n\r\n`,
  () => 'HTTP/1.1 20',
  () => `HTTP/1.1 200 OK\r\n${`x-more: ${'x'.repeat(1_000)}\r\n`.repeat(200)}`,
  () => '220 mail.test ESMTP\r\n',
];

export type Receiver = {
  /** dlr-url for a recipient. */
  urlFor(to: string): string;
  mood: Mood;
  stop(): void;
};

/** `tell` hears of each recipient whose message's end was told, and answered with success. */
export async function startReceiver(tell: (to: string) => void): Promise<Receiver> {
  let lie = 0;
  const server: Server = createServer((request, answer) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://x');
    const { mood } = receiver;
    if (mood === 'refusing') return void request.socket.destroy();
    if (mood === 'hanging') return;
    if (mood === 'failing') return void answer.writeHead(500).end();
    if (mood === 'lying') return void request.socket.end(LIES[lie++ % LIES.length]!(request.url!));
    const end = () => {
      if (ENDS.has(searchParams.get('type') ?? '')) tell(pathname.slice(1));
      answer.end();
    };
    if (mood === 'slow') setTimeout(end, SLOW_MS);
    else end();
  });
  await new Promise<void>((listening) => {
    server.listen(0, '127.0.0.1', listening);
  });
  const { port } = server.address() as AddressInfo;
  const receiver: Receiver = {
    urlFor: (to) => `http://127.0.0.1:${port}/${to}?type=%d`,
    mood: 'well',
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
  return receiver;
}
