// Which gateway a command talks to: its configuration file and its broker, from options, environment or the usual places.
import { existsSync, readFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import pino from 'pino';
import { parseDocument } from 'yaml';
import { type Actor, audited as auditedBy, type Deed } from '#shared/audit.ts';
import { type Bus, openBus } from '#shared/bus/bus.ts';
import { type Line, openLine } from '#shared/bus/line.ts';
import { LEDGER_RPC } from '#shared/topology.ts';
import { Fault } from './fault.ts';

/** What every command takes. */
export type Options = { config?: string; json?: boolean };

const USUAL_PLACES = ['gateway.yaml', join('var', 'gateway.yaml')];
/** A person waits: a broker that is not there is said at once. */
const PATIENCE_MS = 0;
/** What matters reaches the person as the command's own line. */
export const log = pino({ level: 'silent' });

export const optionsOf = <T extends Options>(command: Command): T => command.optsWithGlobals<T>();

export const findConfig = ({ config }: Options): string | undefined =>
  config ?? (process.env.HERMOD_CONFIG || USUAL_PLACES.find((path) => existsSync(path)));

export function configFile(options: Options): string {
  const file = findConfig(options);
  if (file) return file;
  throw new Fault(`no configuration: name it with --config or HERMOD_CONFIG (looked for ${USUAL_PLACES.join(', ')})`);
}

/**
 * Names of the providers in the file, without a check and without its secrets: whoever pauses a provider need not be able
 * to read them.
 */
export const providersIn = (file: string): string[] => namesIn(file, 'providers');
export const clientsIn = (file: string): string[] => namesIn(file, 'clients');

function namesIn(file: string, section: 'providers' | 'clients'): string[] {
  try {
    return Object.keys(Object(Object(parseDocument(readFileSync(file, 'utf8')).toJS())[section]));
  } catch {
    throw new Fault(`${file} cannot be read: name the configuration with --config or HERMOD_CONFIG`);
  }
}

/** AMQP_URL, else the file that a gateway started with `npm start` keeps beside its configuration while it runs. */
export function amqpUrl(options: Options): string {
  if (process.env.AMQP_URL) return process.env.AMQP_URL;
  const config = findConfig(options);
  const state = join(config ? dirname(config) : '.', 'broker.url');
  try {
    return readFileSync(state, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES')
      throw new Fault(`AMQP_URL is not set, and no gateway runs here (there is no ${state}): set it, or use --config`);
    throw new Fault(`${state} cannot be read by this user: be the user who runs the gateway, or set AMQP_URL`);
  }
}

export async function withBus<T>(options: Options, work: (bus: Bus) => Promise<T>): Promise<T> {
  const bus = await openBus(amqpUrl(options), 'cli', log, PATIENCE_MS);
  try {
    return await work(bus);
  } finally {
    await bus.close();
  }
}

/** Does `work` once the audit log has it; see shared/audit.ts. */
export const audited = <T>(bus: Bus, what: Deed, work: () => Promise<T>): Promise<T> =>
  auditedBy(bus, whoAmI(), what, work);

/** The account at this machine; with sudo the person's own. */
export function whoAmI(): Actor {
  const { SUDO_USER } = process.env;
  const host = hostname();
  try {
    return { user: `${SUDO_USER || userInfo().username}@${host}`, address: 'command line' };
  } catch {
    // A container's user need not have a name.
    return { user: `${process.getuid?.() ?? 'unknown'}@${host}`, address: 'command line' };
  }
}

/** A plain connection, for what the bus does not do. */
export const openPlainLine = (options: Options): Promise<Line> =>
  openLine(amqpUrl(options), 'cli', 'consume', log, PATIENCE_MS);

/** The caller says what shape the ledger's answer to this question has (services/ledger/answers/answers.ts). */
export const askLedger = <T>(bus: Bus, question: Record<string, unknown>, timeoutMs?: number): Promise<T> =>
  bus.ask(LEDGER_RPC, question, timeoutMs) as Promise<T>;

/** For commander: a whole number from 1 to `most`. */
export const wholeNumber = (most: number) => (text: string) => {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1 || n > most) throw new InvalidArgumentError(`A whole number from 1 to ${most}.`);
  return n;
};
