// `hermod broker-users FOLDER`: a user of the broker for each service, with the least rights that it needs.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import type { Command } from 'commander';
import { loadConfig } from '#shared/config/load.ts';
import { ADMINISTRATOR, definitionsOf } from '../broker/definitions.ts';
import { rightsOf } from '../broker/rights.ts';
import { usageFault } from './fault.ts';
import { configFile, type Options, optionsOf } from './gateway.ts';
import { count, say, sayJson } from './output.ts';

const DEFINITIONS = 'definitions.json';
const URLS = 'broker.env';
const OWNER_ONLY = 0o600;

export function addBrokerUsers(program: Command): void {
  program
    .command('broker-users <folder>')
    .description('write a user of the broker for each service, with the least rights that it needs')
    .option('--broker <url>', 'where the services find the broker, without a user', 'amqp://rabbitmq:5672/')
    .addHelpText(
      'after',
      `
FOLDER/${DEFINITIONS}  for RabbitMQ: rabbitmqctl import_definitions FILE
FOLDER/${URLS}        AMQP_URL_ROUTER=amqp://router:…, and so on; that of \`hermod\` is for set-up
Again after a change of providers or clients: the passwords in ${URLS} stay, the rights follow.

Example:
  hermod broker-users deploy/users --broker amqps://rabbit.example.net/`,
    )
    .action((folder: string, _options, command: Command) => write(folder, optionsOf(command)));
}

/** `AMQP_URL_EGRESS_SMPP` for `egress-smpp`. */
export const variableOf = (user: string) => `AMQP_URL_${user.toUpperCase().replaceAll('-', '_')}`;

function write(folder: string, options: Options & { broker: string }): void {
  const { config } = loadConfig(configFile(options));
  const broker = brokerOf(options.broker);
  const rights = rightsOf(config);
  const users = [...rights.keys(), ADMINISTRATOR];
  const file = join(folder, URLS);
  const before = existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {};
  const passwords = new Map(users.map((user) => [user, passwordIn(before[variableOf(user)]) ?? newPassword()]));
  const vhost = decodeURIComponent(broker.pathname.slice(1)) || '/';
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const urls = users.map((user) => {
    const url = new URL(broker);
    [url.username, url.password] = [user, passwords.get(user)!];
    return `${variableOf(user)}=${url.href}\n`;
  });
  writeFileSync(file, urls.join(''), { mode: OWNER_ONLY });
  const definitions = `${JSON.stringify(definitionsOf(rights, passwords, vhost), undefined, 2)}\n`;
  writeFileSync(join(folder, DEFINITIONS), definitions, { mode: OWNER_ONLY });
  if (options.json) sayJson({ folder, users });
  else say(`${folder}: ${DEFINITIONS} and ${URLS} with ${count(users.length, 'user')}`);
}

function brokerOf(given: string): URL {
  const url = URL.parse(given);
  if (!url || !/^amqps?:$/.test(url.protocol) || !url.hostname)
    throw usageFault('--broker is an address such as amqps://rabbit.example.net:5671/');
  if (url.username || url.password) throw usageFault('--broker has no user in it: each service gets its own');
  return url;
}

const newPassword = () => randomBytes(24).toString('base64url');
const passwordIn = (url: string | undefined) => (url && URL.parse(url)?.password) || undefined;
