// A TCP proxy that a test can cut or freeze: how a broker or a provider goes away.
import { connect, createServer, type Socket } from 'node:net';

/**
 * A door whose broker is away answers within 2 s, and on a busy machine a little later; one that waited for the connection
 * to be given up would need 20 s.
 */
export const ANSWERED_MS = 5_000;

export type TcpProxy = {
  port: number;
  /** Ends every connection and takes no new one until `heal`. */
  cut(): void;
  /** Keeps the connections, but nothing passes any more until `heal`. */
  freeze(): void;
  /** The same for the connections that are there; new ones work. */
  stall(): void;
  heal(): void;
  stop(): Promise<void>;
};

export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  let state: 'open' | 'cut' | 'frozen' = 'open';
  const sockets = new Set<Socket>();
  const server = createServer((from) => {
    if (state === 'cut') return void from.destroy();
    const to = connect(target);
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      sockets.add(one);
      one.setNoDelay(true);
      one.on('error', () => {});
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
      if (state === 'frozen') one.pause();
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const cut = () => {
    state = 'cut';
    for (const socket of sockets) socket.destroy();
  };
  const pause = () => {
    for (const socket of sockets) socket.pause();
  };
  return {
    port: (server.address() as { port: number }).port,
    cut,
    freeze() {
      state = 'frozen';
      pause();
    },
    stall: pause,
    heal() {
      state = 'open';
      for (const socket of sockets) socket.resume();
    },
    async stop() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
