// The configuration of the HTTP door and of Kannel's admin port: where they listen.
import { z } from 'zod';
import { callerNetwork, network, port } from './names.ts';
import { listenerTls } from './tls.ts';

export const httpListener = z.strictObject({
  host: z.string().default('127.0.0.1'),
  port: port.default(13_013),
  tls: listenerTls.optional(),
  /** Proxies in front of it, whose X-Forwarded-For is believed: `networks` of clients then see the address behind them. */
  proxies: z.array(network).default([]),
  /** The path of Kannel's sendsms. */
  sendsms: z
    .string()
    .regex(/^(\/[\w.~-]+)+$/, 'a path such as /cgi-bin/sendsms')
    .default('/cgi-bin/sendsms'),
});

export const kannelAdminListener = z.strictObject({
  host: z.string().default('127.0.0.1'),
  port: port.default(13_000),
  /** For everything; `scrypt$…` from `hermod password`, or plain text. */
  password: z.string().min(1),
  /** For status and store-status alone; they need the other one when it is absent. */
  statusPassword: z.string().min(1).optional(),
  /** Networks that may ask; everywhere when absent. */
  networks: z.array(callerNetwork).min(1).optional(),
});
