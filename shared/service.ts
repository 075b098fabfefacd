// How every service runs: read the configuration, connect, check the topology, start, tell whether it is live and
// ready, and stop in reverse order on SIGTERM. A service's main.ts is its `Service` and one call of runService.
import { flushCompileCache } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Admin, openAdmin } from './admin.ts';
import { type Bus, openBus } from './bus/bus.ts';
import { ConfigError, type Loaded, loadConfig } from './config/load.ts';
import type { Config } from './config/schema.ts';
import { collectAtRest } from './idle-memory.ts';
import { tellRunning } from './running.ts';
import { type Log, openLog, reasonOf } from './telemetry/log.ts';
import { flushTraces, openTraces } from './telemetry/spans.ts';
import { topologyOf } from './topology.ts';

export type Context = {
  config: Config;
  /** The configuration file, and its folder. */
  file: string;
  dir: string;
  bus: Bus;
  log: Log;
};
export type Running = {
  /** Why it cannot do its work right now, or undefined. The broker's absence is added by the host. */
  notReady?(): string | undefined;
  /** Finishes what it holds, then lets go. */
  stop(): Promise<void>;
};
export type Service = {
  name: string;
  /** Begins what takes long and needs neither configuration nor broker: they come meanwhile. */
  prepare?(): void;
  start(context: Context): Promise<Running>;
};

/** A service that gave up what it holds may end the rest within this, such as a bind. */
const GIVEN_UP_MS = 1_000;

export type HostOptions = { loaded: Loaded; amqpUrl: string; adminPort?: number };
export type Host = { adminPort: number; stop(): Promise<void> };

/** Starts services in order in this process; `stop` ends them in reverse. A failure on the way stops what had started. */
export async function hostServices(
  services: readonly Service[],
  { loaded, amqpUrl, adminPort }: HostOptions,
): Promise<Host> {
  const { config, file, dir, mark } = loaded;
  const started: { name: string; running: Running; bus: Bus }[] = [];
  let admin: Admin | undefined;
  const notReady = () => {
    for (const { name, running, bus } of started) {
      const reason = bus.notReady() ?? running.notReady?.();
      if (reason) return `${name}: ${reason}`;
    }
    // Nobody can ask before all have started.
    return started.length < services.length ? 'stopping' : undefined;
  };

  let untell = () => {};
  const stop = async () => {
    untell();
    const ending = started.splice(0).reverse();
    const givenUp = ending.map(({ bus, running }) =>
      bus.end(() => running.notReady?.()).then(() => pause(GIVEN_UP_MS)),
    );
    for (const [i, { name, running, bus }] of ending.entries()) {
      const log = openLog(name);
      log.info('stopping');
      const stopped = running.stop().catch((error) => log.error({ reason: reasonOf(error) }, 'did not stop cleanly'));
      await Promise.race([stopped, givenUp[i]]);
      await bus.close();
    }
    await admin?.close();
    await flushTraces();
  };
  try {
    await openTraces(config.traces, openLog('traces'));
    for (const service of services) {
      const log = openLog(service.name);
      const bus = await openBus(amqpUrl, service.name, log);
      try {
        if (started.length === 0) await requireTopology(bus, config);
        started.push({ name: service.name, running: await service.start({ config, file, dir, bus, log }), bus });
      } catch (error) {
        await bus.close();
        throw error;
      }
      log.info('started');
    }
    const address = { host: config.listen.admin.host, port: adminPort ?? config.listen.admin.port };
    admin = await openAdmin(address, notReady).catch((error) => {
      throw portError(error, 'listen.admin');
    });
    untell = tellRunning(started, mark);
  } catch (error) {
    await stop();
    throw error;
  }
  return { adminPort: admin.port, stop };
}

/** A listener's error as a line that says what to do. `setting` is the configuration's name for the address. */
export function portError(error: unknown, setting: string): Error {
  const { code, port, address } = error as { code?: string; port?: number; address?: string };
  if (code === 'EADDRINUSE')
    return new Error(`port ${port} on ${address} is taken by another program: end it, or set ${setting}`);
  if (code === 'EACCES')
    return new Error(`port ${port} needs more rights than this user has: set ${setting} to one above 1023`);
  if (code === 'EADDRNOTAVAIL') return new Error(`${address} is not an address of this host: set ${setting}`);
  return error as Error;
}

async function requireTopology(bus: Bus, config: Config): Promise<void> {
  const missing = await bus.missing(topologyOf(config));
  if (missing) throw new Error(`RabbitMQ has no ${missing}: run \`hermod setup\` with this configuration first`);
}

/** Runs services as this process until SIGTERM or SIGINT. Faults end in one line on stderr and exit code 1. */
export async function runServices(services: readonly Service[], argv = process.argv.slice(2)): Promise<void> {
  let host: Host | undefined;
  let stopping = false;
  const end = async (signal: string) => {
    if (stopping) return process.exit(1);
    stopping = true;
    if (process.stdout.isTTY) process.stderr.write(`\n${signal}: finishing what is under way; once more to end now\n`);
    await host?.stop();
    process.exit(0);
  };
  process.on('SIGTERM', () => void end('SIGTERM'));
  // Ctrl-C reaches the whole process group: under a supervisor it is the supervisor who stops us, in order.
  process.on('SIGINT', () => process.send === undefined && void end('SIGINT'));
  // A supervisor that vanished cannot stop us later: without it nobody owns this process.
  process.on('disconnect', () => void end('supervisor gone'));
  process.on('message', (message) => {
    if (message === 'ping') process.send?.('pong');
  });
  try {
    const { values } = parseArgs({
      args: argv,
      options: { config: { type: 'string' }, 'admin-port': { type: 'string' } },
      strict: true,
    });
    for (const service of services) service.prepare?.();
    const loaded = loadConfig(values.config ?? process.env.HERMOD_CONFIG ?? 'gateway.yaml');
    const amqpUrl = process.env.AMQP_URL;
    if (!amqpUrl)
      throw new ConfigError('AMQP_URL is not set: it names the broker, such as amqp://user:password@host:5672/');
    const adminPort = values['admin-port'] === undefined ? undefined : Number(values['admin-port']);
    host = await hostServices(services, { loaded, amqpUrl, ...(adminPort === undefined ? {} : { adminPort }) });
    if (stopping) await host.stop();
    else process.send?.({ ready: true, adminPort: host.adminPort });
    // Where Node has a cache for compiled code it would write it at a clean end: a killed service starts fast too.
    flushCompileCache();
    collectAtRest();
  } catch (error) {
    const name = services.map((service) => service.name).join(', ');
    process.stderr.write(`hermod ${name}: ${reasonLines(error)}\n`);
    process.exit(1);
  }
}

const reasonLines = (error: unknown) => (error instanceof ConfigError ? error.message : reasonOf(error));
