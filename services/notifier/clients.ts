// How calls are made for each client: its address rule, its certificates, its proxy, its password; one pool of
// connections for each set of such settings.
import type { Dispatcher } from 'undici';
import type { Config } from '#shared/config/schema.ts';
import { openDispatcher } from '#shared/http/dispatcher.ts';
import { readPems } from '#shared/http/pems.ts';
import { basic } from '#shared/providers/encode.ts';
import { type AddressRule, openAddressRule } from './addresses.ts';

export type Caller = {
  dispatcher: Dispatcher;
  rule: AddressRule;
  /** The proxy resolves names itself. */
  proxied: boolean;
  authorization?: string;
};

type Settings = NonNullable<Config['clients'][string]['callbacks']>;

const CONNECT_MS = 3_000;

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
    dispatcher: openDispatcher({
      proxy,
      tls: readPems(path, settings, dir),
      lookup: rule.lookup,
      connections: perHost,
      connectMs: Math.min(CONNECT_MS, timeout),
      idleMs: timeout,
    }),
    rule,
    proxied: proxy !== undefined,
    ...(user === undefined ? {} : { authorization: basic(user, password) }),
  };
}
