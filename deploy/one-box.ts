// `npm start`: the whole gateway on this one machine. Finds or sets up RabbitMQ, declares the topology, runs the services
// in few processes, starts again what dies, and on Ctrl-C or SIGTERM stops everything in order.
import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { declareTopology } from '#shared/bus/declared.ts';
import { firstSms } from '#shared/config/first-sms.ts';
import { type Loaded, loadConfig } from '#shared/config/load.ts';
import { collectAtRest } from '#shared/idle-memory.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { topologyOf } from '#shared/topology.ts';
import { type Sandbox, startSandbox } from '../services/sandbox/main.ts';
import { type Broker, findBroker } from './broker/find.ts';
import { type Child, startChild } from './child.ts';
import { writeFirstConfig } from './first-run.ts';
import { processesOf } from './processes.ts';

const ROOT = resolve(import.meta.dirname, '..');
const HELP = `Runs the whole gateway on this machine.

  npm start                          with var/gateway.yaml, written at the first start
  npm start -- --config FILE         with another configuration
  npm start -- --no-install          never installs RabbitMQ, says what is missing instead
  npm start -- --log FILE            service logs to FILE ('-' for the terminal; default: var/log/hermod.log)

RabbitMQ is the one in AMQP_URL, else a private node of the program on this host, else it is installed.
`;

const say = (line: string) => process.stdout.write(`${line}\n`);
const fail = (line: string): never => {
  process.stderr.write(`${line}\n`);
  process.exit(1);
};

const { config: configFile, install, logFile } = options();
const first = writeFirstConfig(configFile);
let loaded: Loaded;
try {
  loaded = loadConfig(configFile);
} catch (error) {
  fail((error as Error).message);
}
const started: { broker?: Broker; sandbox?: Sandbox; children: Child[] } = { children: [] };
/** Of the console's first link. */
const consoleEntry = randomBytes(24).toString('base64url');
const urlFile = join(loaded!.dir, 'broker.url');
let ending: Promise<void> | undefined;

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (ending) {
      say('Ending now.');
      for (const child of started.children) child.kill();
      return;
    }
    say('\nStopping: the doors close, what is under way is finished. Once more to end now.');
    ending = stop().then(() => process.exit(0));
  });
}

try {
  await start();
} catch (error) {
  if (!ending) {
    process.stderr.write(`${error instanceof Error ? error.message : reasonOf(error)}\n`);
    ending = stop().then(() => process.exit(1));
  }
}

function options(): { config: string; install: boolean; logFile: string } {
  try {
    const { values } = parseArgs({
      options: {
        config: { type: 'string' },
        'no-install': { type: 'boolean' },
        log: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) {
      say(HELP);
      process.exit(0);
    }
    const config = resolve(values.config ?? process.env.HERMOD_CONFIG ?? join(ROOT, 'var/gateway.yaml'));
    return { config, install: !values['no-install'], logFile: values.log ?? join(dirname(config), 'log/hermod.log') };
  } catch (error) {
    process.stderr.write(`${reasonOf(error)}\n\n${HELP}`);
    process.exit(2);
  }
}

async function start(): Promise<void> {
  const { config, file } = loaded;
  if (first) say(`Wrote ${relative(process.cwd(), file)}: one client, and a sandbox SMSC as its provider.`);
  const broker = await findBroker({ dir: loaded.dir, allowInstall: install, say });
  watch(broker);
  if (ending) return;
  const { fresh } = await declareTopology(broker.url, topologyOf(config));
  if (fresh) await broker.flushDeclarations();
  writeFileSync(urlFile, broker.url, { mode: 0o600 });
  const { sandbox } = config;
  if (sandbox) {
    const account = Object.values(config.providers).find((row) => row.bearer === 'smpp' && row.port === sandbox.port);
    started.sandbox = await startSandbox({
      smppPort: sandbox.port,
      httpPort: sandbox.page,
      ...(account?.bearer === 'smpp' ? { systemId: account.systemId, password: account.password } : {}),
      log: say,
    });
  }
  const output = logWriter();
  let adminPort = config.listen.admin.port;
  for (const services of processesOf(config)) {
    if (ending) return;
    // A console that is started again does not know the link any more: it may have been used.
    const knows = services.includes('console') && namesNobody(config);
    const firstEnv: Record<string, string> = knows ? { HERMOD_CONSOLE_ENTRY: consoleEntry } : {};
    const child = startChild({ services, configFile: file, amqpUrl: broker.url, adminPort, firstEnv, output, say });
    started.children.push(child);
    await child.ready;
    if (adminPort !== 0) adminPort++;
  }
  if (ending) return;
  welcome();
  collectAtRest();
}

/** A broker of ours that dies is started again: the services keep what they hold and come back to it. */
function watch(broker: Broker): void {
  started.broker = broker;
  void broker.exited?.then(async () => {
    if (ending) return;
    say('RabbitMQ ended unexpectedly, starting it again');
    try {
      watch(await findBroker({ dir: loaded.dir, allowInstall: false, say }));
    } catch (error) {
      process.stderr.write(`${reasonOf(error)}\n`);
      ending ??= stop().then(() => process.exit(1));
    }
  });
}

function welcome(): void {
  const { config, file } = loaded;
  say(`
Hermod is running.

  Send an SMS       ${firstSms(config)}
  ${config.listen.console ? `${consoleLine(config)}\n  ` : ''}${config.sandbox ? `See it arrive     http://127.0.0.1:${config.sandbox.page}/ (and in this terminal)\n  ` : ''}Its story         npm run hermod -- status ID      (ID: the x-message-id of the answer)
  Configuration     ${relative(process.cwd(), file)}
  Logs              ${logFile === '-' ? 'here' : relative(process.cwd(), logFile)}
  Stop              Ctrl-C
`);
}

/** Whether nobody could log in at the console without the link. */
function namesNobody({ console: { users, oidc } }: Loaded['config']): boolean {
  return !oidc && Object.keys(users).length === 0;
}

/** Where the console is. Without an account the link logs in as an admin: once, and within half an hour. */
function consoleLine(config: Loaded['config']): string {
  const { host, port, tls, url } = config.listen.console!;
  const name = { '0.0.0.0': '127.0.0.1', '::': 'localhost' }[host] ?? (host.includes(':') ? `[${host}]` : host);
  const address = url?.replace(/\/$/, '') ?? `http${tls ? 's' : ''}://${name}:${port}`;
  if (!namesNobody(config)) return `Console           ${address}/`;
  return `Console           ${address}/#enter=${consoleEntry}   (this link: once, within 30 min)`;
}

/** Service logs go to a file, so that the terminal stays readable; faults are shown there too. */
function logWriter(): (line: string) => void {
  if (logFile === '-') return say;
  mkdirSync(dirname(logFile), { recursive: true, mode: 0o700 });
  let waiting = '';
  const flush = () => {
    if (waiting) appendFileSync(logFile, waiting, { mode: 0o600 });
    waiting = '';
  };
  setInterval(flush, 200).unref();
  process.on('exit', flush);
  return (line) => {
    waiting += `${line}\n`;
  };
}

/** Doors first, the ledger last, then the broker. */
async function stop(): Promise<void> {
  for (const child of started.children.toReversed()) await child.stop();
  await started.sandbox?.stop();
  await started.broker?.stop();
  rmSync(urlFile, { force: true });
}
