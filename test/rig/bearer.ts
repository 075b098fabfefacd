// One bearer without a broker: a provider's row as it stands in a configuration file, opened and given messages.
import { stringify } from 'yaml';
import { parseConfig } from '#shared/config/load.ts';
import type { Provider, ProviderOf } from '#shared/config/schema.ts';
import type { Bearer, Link } from '#shared/egress/bearer.ts';
import type { Sms } from '#shared/messages/sms.ts';
import type { Outcome } from '#shared/outcome.ts';
import type { Context } from '#shared/service.ts';
import { openLog } from '#shared/telemetry/log.ts';
import { messageAt } from '../unit/router/message.ts';
import { until } from './until.ts';

export type Make<B extends Provider['bearer'], P> = (name: string, row: ProviderOf<B>, context: Context) => Bearer<P>;

export type Opened = {
  /** Hands a message over and gives its outcome. */
  handOver(message: Sms): Promise<Outcome>;
  link: Link<unknown>;
  /** Why the link ended, once it has. */
  ended(): string | undefined;
  close(): Promise<void>;
};

/** `row` as it stands under `providers`; `more` are other sections of the file, in which paths are relative to `dir`. */
export function bearerOf<B extends Provider['bearer'], P>(
  make: Make<B, P>,
  row: { bearer: B; [key: string]: unknown },
  { dir = '/', more = {} }: { dir?: string; more?: Record<string, unknown> } = {},
): Bearer<P> {
  const config = parseConfig(stringify({ providers: { row }, ...more }), 'gateway.yaml', {});
  // These bearers speak to their provider alone.
  const context = { config, file: 'gateway.yaml', dir, log: openLog('test'), bus: undefined as never };
  return make('row', config.providers.row as ProviderOf<B>, context);
}

export async function openBearer<P>(bearer: Bearer<P>): Promise<Opened> {
  let reason: string | undefined;
  const link = await bearer.open((why) => {
    reason = why;
  });
  return {
    handOver: (message) => new Promise((resolve) => link.submit(bearer.prepare(message), resolve)),
    link: link as Link<unknown>,
    ended: () => reason,
    async close() {
      await link.close(5_000);
      await until('the link is over', () => reason !== undefined);
    },
  };
}

/** A message as a client of the HTTP door sends it, with a code that must not be seen again. */
export const sms = (change: Partial<Sms> = {}): Sms =>
  messageAt(Date.now(), { text: 'Your code is 482913', client: 'tester', ...change });
