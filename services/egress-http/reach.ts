// Whether a provider can be reached before messages are taken for it: a connection to it, with TLS where its address says
// so, or to the proxy in between.
import { buildConnector } from 'undici';
import type { DispatcherOptions } from '#shared/http/dispatcher.ts';
import { failureText } from '#shared/http/failures.ts';
import type { HttpRow } from '#shared/providers/api.ts';

const PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443', 'socks5:': '1080' };

/** Rejects with one line that names the host. */
export function reach(row: HttpRow, tls: DispatcherOptions['tls']): Promise<void> {
  const { protocol, hostname, port } = new URL(row.proxy ?? addressOf(row.url));
  const host = hostname.replace(/^\[|\]$/g, '');
  const secure = protocol === 'https:';
  const connect = buildConnector({ ...(row.proxy ? {} : tls), timeout: row.connectTimeout });
  const target = { hostname: host, host, protocol: secure ? 'https:' : 'http:', port: port || PORTS[protocol]! };
  return new Promise((resolve, reject) => {
    connect(target, (error, socket) => {
      if (error) return reject(new Error(`${row.proxy ? 'proxy ' : ''}${host}:${target.port}: ${failureText(error)}`));
      socket.destroy();
      resolve();
    });
  });
}

/** A template's path may hold tags, its host may not. */
const addressOf = (url: string) => /^https?:\/\/[^/?#]+/.exec(url)![0];
