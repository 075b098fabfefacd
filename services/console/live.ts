// What is known now, to everyone who watches: server-sent events, one reading for all.
import type { FastifyInstance, FastifyReply } from 'fastify';
import { type Log, reasonOf } from '#shared/telemetry/log.ts';
import { cookieName, tokenIn } from './cookie.ts';
import { EVERY_MS, type Watch } from './now.ts';
import { Refusal } from './server.ts';
import type { Sessions } from './sessions.ts';

const MOST_WATCHERS = 200;
/** What a browser has not read yet; one that reads nothing is let go, and asks again. */
const MOST_UNREAD = 256 * 1_024;

type Watcher = { reply: FastifyReply; token: string | undefined };

export function addLive(
  scope: FastifyInstance,
  watch: Watch,
  sessions: Sessions,
  listener: Parameters<typeof cookieName>[0],
  log: Log,
): void {
  const watchers = new Set<Watcher>();
  const tell = ({ reply }: Watcher, event: string, data: string) =>
    reply.raw.write(`event: ${event}\ndata: ${data}\n\n`);

  async function round(to: Iterable<Watcher>): Promise<void> {
    try {
      const data = JSON.stringify(await watch.now());
      for (const watcher of to) {
        if (!sessions.find(watcher.token, false)) {
          tell(watcher, 'ended', '{}');
          watcher.reply.raw.end();
        } else if (watcher.reply.raw.writableLength > MOST_UNREAD) watcher.reply.raw.destroy();
        else tell(watcher, 'now', data);
      }
    } catch (error) {
      log.error({ reason: reasonOf(error) }, 'nothing to show: a fault of this program');
    }
  }
  const timer = setInterval(() => watchers.size > 0 && void round([...watchers]), EVERY_MS);

  scope.get('/now', { config: { byItself: true } }, () => watch.now());
  scope.get('/live', { config: { byItself: true } }, (request, reply) => {
    if (watchers.size >= MOST_WATCHERS) throw new Refusal(503, 'too many watch already');
    reply.hijack();
    const watcher = { reply, token: tokenIn(request, cookieName(listener)) };
    const headers = reply.getHeaders() as Record<string, string>;
    reply.raw.writeHead(200, { ...headers, 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
    reply.raw.flushHeaders();
    watchers.add(watcher);
    reply.raw.on('close', () => watchers.delete(watcher));
    reply.raw.on('error', () => {});
    void round([watcher]);
  });
  scope.addHook('preClose', async () => {
    clearInterval(timer);
    for (const { reply } of watchers) reply.raw.end();
  });
}
