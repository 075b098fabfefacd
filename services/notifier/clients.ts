// How calls are made for each client: its address rule, its certificates, its proxy, its password; one pool of
// connections for each set of such settings.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import type { Config } from '#shared/config/schema.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { type AddressRule, openAddressRule } from './addresses.ts';
import { basic } from './target.ts';

export type Caller = {
  dispatcher: Dispatcher;
  rule: AddressRule;
  /** The proxy resolves names itself. */
  proxied: boolean;
  authorization?: string;
};

type Settings = NonNullable<Config['clients'][string]['callbacks']>;

const CONNECT_MS = 3_000;
/** Shorter than the idle time of common servers, so that a call seldom meets a connection that is being closed. */
const IDLE_MS = 4_000;

export type Callers = { of(client: string): Caller; close(): Promise<void> };

/** `dir`: PEM files are relative to it. Throws one line when such a file cannot be used. */
export function openCallers({ clients, callbacks }: Config, dir: string): Callers {
  const { perHost, timeout } = callbacks;
  const own = new Map<string, Caller>();
  for (const [name, { callbacks: settings }] of Object.entries(clients)) {
    if (settings)
      own.set(name, callerOf(`clients.${name}.callbacks`, settings, callbacks.allow, perHost, timeout, dir));
  }
  const common = callerOf('callbacks', { allow: [] }, callbacks.allow, perHost, timeout, dir);
  return {
    of: (client) => own.get(client) ?? common,
    close: async () =>
      void (await Promise.all([common, ...own.values()].map(({ dispatcher }) => dispatcher.destroy()))),
  };
}

function callerOf(
  path: string,
  settings: Settings,
  allow: readonly string[],
  perHost: number,
  timeout: number,
  dir: string,
): Caller {
  const rule = openAddressRule([...allow, ...settings.allow]);
  const { user, password = '', proxy } = settings;
  return {
    dispatcher: dispatcherOf(proxy, pemsOf(path, settings, dir), rule, perHost, timeout),
    rule,
    proxied: proxy !== undefined,
    ...(user === undefined ? {} : { authorization: basic(user, password) }),
  };
}

type Pems = { ca?: Buffer; cert?: Buffer; key?: Buffer };

function dispatcherOf(
  proxy: string | undefined,
  pems: Pems,
  { lookup }: AddressRule,
  perHost: number,
  timeout: number,
): Dispatcher {
  const connectMs = Math.min(CONNECT_MS, timeout);
  const tls = { ...pems, rejectUnauthorized: true, timeout: connectMs };
  const pool = { connections: perHost, keepAliveTimeout: IDLE_MS, headersTimeout: timeout, bodyTimeout: timeout };
  if (proxy === undefined) return new Agent({ ...pool, connect: { ...tls, lookup } });
  // Through a tunnel for https; in the proxy's own form for http, for which few proxies open a tunnel.
  return new ProxyAgent({
    ...pool,
    uri: proxy,
    proxyTunnel: false,
    requestTls: tls,
    proxyTls: { timeout: connectMs, rejectUnauthorized: true },
  });
}

function pemsOf(path: string, settings: Settings, dir: string): Pems {
  const pems: Pems = {};
  for (const kind of ['ca', 'cert', 'key'] as const) {
    const file = settings[kind];
    if (file === undefined) continue;
    try {
      pems[kind] = readFileSync(resolve(dir, file));
    } catch (error) {
      throw new Error(`${path}.${kind}: ${reasonOf(error)}`);
    }
  }
  if ((pems.cert === undefined) !== (pems.key === undefined)) throw new Error(`${path}: cert and key belong together`);
  try {
    // A secure context takes an authority's file without complaint, whatever is in it.
    if (pems.ca) new X509Certificate(pems.ca);
    createSecureContext(pems);
  } catch (error) {
    throw new Error(`${path}: its ca, cert or key cannot be used: ${reasonOf(error)}`);
  }
  return pems;
}
