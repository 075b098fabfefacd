// The client's end of callbacks, which can be gone, slow or wrong; it notes who was told what.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** `refusing`: every connection is cut. `slow`: answers after 3 s. `failing`: 500. `hanging`: never answers. */
export type Mood = 'well' | 'refusing' | 'slow' | 'failing' | 'hanging';
const SLOW_MS = 3_000;
/** dlr-url types that are an end: delivered and failed. */
const ENDS = new Set(['1', '2']);

export type Receiver = {
  /** dlr-url for a recipient. */
  urlFor(to: string): string;
  mood: Mood;
  /** How often each recipient's message was told an end, successfully answered; receipts over SMPP are added by `tell`. */
  told: ReadonlyMap<string, number>;
  tell(to: string): void;
  stop(): void;
};

export async function startReceiver(): Promise<Receiver> {
  const told = new Map<string, number>();
  const tell = (to: string) => void told.set(to, (told.get(to) ?? 0) + 1);
  const server: Server = createServer((request, answer) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://x');
    const { mood } = receiver;
    if (mood === 'refusing') return void request.socket.destroy();
    if (mood === 'hanging') return;
    if (mood === 'failing') return void answer.writeHead(500).end();
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
    told,
    tell,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
  return receiver;
}
