// `hermod check`, `setup`, `password`, `key` and `webhook-secret`: the configuration, and what the broker must have for it.
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { parseDocument } from 'yaml';
import { declareTopology } from '#shared/bus/declared.ts';
import { brokerName } from '#shared/bus/dial.ts';
import type { Line } from '#shared/bus/line.ts';
import { ConfigError, type Loaded, loadConfig } from '#shared/config/load.ts';
import { ranksOf } from '#shared/config/routes.ts';
import { type Config, jsonSchema, type Route } from '#shared/config/schema.ts';
import { hashPassword } from '#shared/doors/credentials.ts';
import { newKey, newWebhookSecret } from '#shared/doors/keys.ts';
import { pemsFault } from '#shared/doors/pems.ts';
import { readPems } from '#shared/http/pems.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { type Topology, topologyOf } from '#shared/topology.ts';
import { type Back, goBack } from './back.ts';
import { Fault, usageFault } from './fault.ts';
import { amqpUrl, configFile, type Options, openPlainLine, optionsOf } from './gateway.ts';
import { count, paint, say, sayJson, warn } from './output.ts';
import { readSecret } from './prompt.ts';
import { shadowedRoutes } from './shadow.ts';

/** The doors look at no longer password than this. */
const MOST_PASSWORD = 256;
const FLUSH = "rabbitmqctl eval '[dets:sync(T) || T <- [ra_directory_reverse, ra_log_meta]].'";

export function addConfiguration(program: Command): void {
  program
    .command('check [file]')
    .description('check the configuration: its faults, and what it probably does not mean')
    .option('--schema', 'print the JSON Schema of the file, for editors, and check nothing')
    .addHelpText('after', '\nExample:\n  hermod check gateway.yaml')
    .action((file: string | undefined, _options, command: Command) => check(file, optionsOf(command)));
  program
    .command('setup')
    .description('declare the exchanges and queues for the configuration at the broker in AMQP_URL')
    .option('--back', 'before an older version takes over: give it back the queues that this version replaced')
    .addHelpText('after', '\nExample:\n  AMQP_URL=amqp://hermod:secret@rabbit/ hermod setup --config gateway.yaml')
    .action((_options, command: Command) => setUp(optionsOf(command)));
  program
    .command('password')
    .description("hash a client's password for the configuration; asks for it, or reads it from stdin")
    .addHelpText('after', '\nExample:\n  hermod password < secret.txt')
    .action((_options, command: Command) => password(optionsOf(command)));
  program
    .command('key')
    .description(
      'make an API key for a client of the REST API: the key, and the line for its `keys` in the configuration',
    )
    .action((_options, command: Command) => key(optionsOf(command)));
  program
    .command('webhook-secret')
    .description("make a secret that signs a client's events, for its `callbacks.secret` in the configuration")
    .action((_options, command: Command) => webhookSecret(optionsOf(command)));
}

function check(given: string | undefined, options: Options & { schema?: boolean }): void {
  if (options.schema) sayJson(jsonSchema());
  else checkFile(given ?? configFile(options), options);
}

function checkFile(file: string, { json }: Options): void {
  let config: Config;
  try {
    const loaded = loadConfig(file);
    config = loaded.config;
    const fault = certificateFault(loaded);
    if (fault) throw new ConfigError(`${file}: ${fault}`);
  } catch (error) {
    if (json && error instanceof ConfigError) sayJson({ file, ok: false, faults: error.message.split('\n') });
    throw error;
  }
  const numbers = {
    clients: Object.keys(config.clients).length,
    providers: Object.keys(config.providers).length,
    routes: config.routes.length,
  };
  const warnings = warningsOf(config, file);
  if (json) {
    sayJson({ file, ok: true, ...numbers, warnings });
  } else {
    const parts = Object.entries(numbers).map(([noun, n]) => count(n, noun.slice(0, -1)));
    say(`${file}: ${paint('green', 'fine')}: ${parts.join(', ')}`);
    for (const warning of warnings) warn(`${file}: warning: ${warning}`);
  }
}

/** The first listener whose certificate or key clients could not use, or provider whose files we could not. */
export function certificateFault({ config: { listen, providers }, dir }: Loaded): string | undefined {
  for (const [name, listener] of Object.entries(listen)) {
    const tls = listener && 'tls' in listener ? listener.tls : undefined;
    const fault = tls && pemsFault(name, tls, dir);
    if (fault) return fault;
  }
  for (const [name, row] of Object.entries(providers)) {
    try {
      if ('tls' in row && row.tls) readPems(`providers.${name}.tls`, row.tls, dir);
    } catch (error) {
      return reasonOf(error);
    }
  }
  return undefined;
}

/** What is allowed, but hardly meant. */
function warningsOf(config: Config, file: string): string[] {
  const { clients, providers, routes } = config;
  const standby = Object.keys(providers).find((name) => providers[name]!.default);
  const last: Route[] = standby ? [{ when: {}, to: [standby] }] : [];
  const written = parseDocument(readFileSync(file, 'utf8'));
  const plain = (section: string, name: string) => {
    const password = String(written.getIn([section, name, 'password']) ?? '');
    return password !== '' && !password.startsWith('scrypt$') && !password.includes('${');
  };
  const open = Object.keys(clients).filter((name) => plain('clients', name));
  const account = Object.entries(providers)
    .filter(([name]) => plain('providers', name))
    .filter(([, row]) => !(row.bearer === 'smpp' && row.port === config.sandbox?.port))
    .map(([name]) => name);
  const ways = [...routes, ...last];
  const has = (wanted: string | readonly string[] | undefined, one: string) =>
    wanted === undefined || [wanted].flat().includes(one);
  const stranded = Object.entries(clients)
    .filter(([name, { lane }]) => !ways.some(({ when }) => has(when.client, name) && has(when.lane, lane)))
    .map(([name]) => name);
  const used = new Set(ways.flatMap((route) => ranksOf(route).flatMap((rank) => rank.map(([name]) => name))));
  const unused = Object.keys(providers).filter((name) => !used.has(name));
  return [
    ...each(open, (names) => `clients ${names}: password in plain text: write what \`hermod password\` prints instead`),
    ...each(account, (names) => `providers ${names}: password in plain text: write \${NAME} or \${file:…} instead`),
    ...stranded.map(
      (name) => `client ${name} (lane ${clients[name]!.lane}): no route can match, its messages are rejected`,
    ),
    ...Object.entries(clients).flatMap(([name, { forcedSmsc }]) =>
      forcedSmsc && !Object.hasOwn(providers, forcedSmsc)
        ? [`client ${name}: its forcedSmsc ${forcedSmsc} is no provider: every request is refused`]
        : [],
    ),
    ...unused.map((name) => `provider ${name}: no route leads to it`),
    ...shadowedRoutes(ways).map(({ route, by }) => {
      const what =
        route > routes.length ? `provider ${standby}: it is the default, but` : `route ${route} can never match:`;
      return `${what} route ${by} takes all of its messages`;
    }),
  ];
}

const each = (names: string[], tell: (names: string) => string) => (names.length > 0 ? [tell(names.join(', '))] : []);

async function setUp(options: Options & { back?: boolean }): Promise<void> {
  const { config, file } = loadConfig(configFile(options));
  const url = amqpUrl(options);
  const wanted = topologyOf(config);
  const line = await openPlainLine(options);
  if (options.back) return setBack(line, wanted, options);
  await line.close();
  const { fresh } = await declareTopology(url, wanted);
  const { exchanges, queues, bindings } = wanted;
  if (options.json)
    return sayJson({ file, fresh, exchanges: exchanges.length, queues: queues.length, bindings: bindings.length });
  const parts = [count(exchanges.length, 'exchange'), count(queues.length, 'queue'), count(bindings.length, 'binding')];
  say(`${brokerName(url)}: ${parts.join(', ')}: ${fresh ? 'declared, some of them new' : 'all there already'}`);
  if (!fresh) return;
  say('A RabbitMQ 3 node can lose new queues, with their messages, if it is killed soon after. On its host, once:');
  say(`  ${FLUSH}`);
}

async function setBack(line: Line, wanted: Topology, options: Options): Promise<void> {
  const back: Back[] = [];
  try {
    await line.onUp(async (model) => {
      const channel = await model.createConfirmChannel();
      channel.on('error', () => {}); // Whoever waits for an answer on it hears of it.
      back.push(...(await goBack(channel, wanted)));
    });
  } finally {
    await line.close();
  }
  if (options.json) return sayJson(back);
  if (back.length === 0) return say('this version replaced no queue: there is nothing to give back');
  for (const { queue, former, batches } of back)
    say(`${queue}  deleted, ${count(batches, 'batch')} of messages moved to ${former}`);
}

async function password(options: Options): Promise<void> {
  const typed = await readSecret('Password: ');
  if (typed === '') throw usageFault('an empty password is none');
  if (typed.length > MOST_PASSWORD) throw usageFault(`a password has at most ${MOST_PASSWORD} characters`);
  if (process.stdin.isTTY && typed !== (await readSecret('Once more: '))) throw new Fault('the two are not the same');
  const line = await hashPassword(typed);
  if (options.json) sayJson({ password: line });
  else say(line);
}

function key(options: Options): void {
  const { key, digest } = newKey();
  if (options.json) {
    sayJson({ key, digest });
  } else {
    say(`${paint('dim', 'for the client')}  ${key}`);
    say(`${paint('dim', 'for its `keys`')}  ${digest}`);
  }
}

function webhookSecret(options: Options): void {
  const secret = newWebhookSecret();
  if (options.json) sayJson({ secret });
  else say(secret);
}
