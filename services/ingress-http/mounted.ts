// What every door that is mounted at the HTTP port gets, and how it looks: one folder and one line in main.ts each.
import type { FastifyInstance } from 'fastify';
import type { Bus } from '#shared/bus/bus.ts';
import type { Config } from '#shared/config/schema.ts';
import type { Credentials } from '#shared/doors/credentials.ts';
import type { openKeys } from '#shared/doors/keys.ts';
import type { Log } from '#shared/telemetry/log.ts';

export type Means = {
  config: Config;
  bus: Bus;
  log: Log;
  credentials: Credentials;
  keys: ReturnType<typeof openKeys>;
};

/** Adds its routes. `app` is a scope of its own: parsers, hooks and error handlers stay in it. */
export type Mount = (app: FastifyInstance, means: Means) => void | Promise<void>;
