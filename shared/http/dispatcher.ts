// Pools of keep-alive connections for calls that we make: directly, through an HTTP proxy, or through a SOCKS5 proxy.
import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { SocksClient } from 'socks';
import { Agent, buildConnector, type Dispatcher, ProxyAgent } from 'undici';

/** Shorter than the idle time of common servers, so that a call seldom meets a connection that is being closed. */
const IDLE_MS = 4_000;

export type DispatcherOptions = {
  /** http, https or socks5 URL, with user and password where the proxy asks for them. */
  proxy?: string | undefined;
  tls?: Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'servername' | 'rejectUnauthorized'>;
  lookup?: ConnectionOptions['lookup'];
  /** To each origin. */
  connections: number;
  connectMs: number;
  /** Between the octets of an answer; a limit for the whole call is the caller's. */
  idleMs: number;
};

export function openDispatcher({ proxy, tls, lookup, connections, connectMs, idleMs }: DispatcherOptions): Dispatcher {
  const towards = { rejectUnauthorized: true, ...tls, timeout: connectMs };
  const pool = { connections, keepAliveTimeout: IDLE_MS, headersTimeout: idleMs, bodyTimeout: idleMs };
  if (proxy === undefined) return new Agent({ ...pool, connect: { ...towards, ...(lookup ? { lookup } : {}) } });
  if (proxy.startsWith('socks5:')) return new Agent({ ...pool, connect: throughSocks(new URL(proxy), towards) });
  // Through a tunnel for https; in the proxy's own form for http, for which few proxies open a tunnel.
  return new ProxyAgent({
    ...pool,
    uri: proxy,
    proxyTunnel: false,
    requestTls: towards,
    proxyTls: { timeout: connectMs, rejectUnauthorized: true },
  });
}

const SOCKS_PORT = 1_080;
const PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/** RFC 1928 with RFC 1929's user and password. The proxy resolves the name. */
function throughSocks(
  proxy: URL,
  towards: buildConnector.BuildOptions & { timeout: number },
): buildConnector.connector {
  const secure = buildConnector(towards);
  const user = decodeURIComponent(proxy.username);
  return (options, callback) => {
    SocksClient.createConnection({
      proxy: {
        type: 5,
        host: proxy.hostname.replace(/^\[|\]$/g, ''),
        port: Number(proxy.port) || SOCKS_PORT,
        ...(user ? { userId: user, password: decodeURIComponent(proxy.password) } : {}),
      },
      command: 'connect',
      destination: { host: options.hostname, port: Number(options.port) || PORTS[options.protocol]! },
      timeout: towards.timeout,
      set_tcp_nodelay: true,
    }).then(
      ({ socket }: { socket: Socket }) => {
        if (options.protocol === 'https:') secure({ ...options, httpSocket: socket }, callback);
        else callback(null, socket);
      },
      (error: Error) => callback(error, null),
    );
  };
}
