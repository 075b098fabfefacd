// `hermod send`: an SMS through the HTTP door, like any client's.
import type { Command } from 'commander';
import { type Loaded, loadConfig } from '#shared/config/load.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { Fault, notFound, usageFault } from './fault.ts';
import { configFile, findConfig, type Options, optionsOf, wholeNumber } from './gateway.ts';
import { eventsOf, type Story } from './messages.ts';
import { say, sayJson, warn } from './output.ts';
import { readSecret } from './prompt.ts';

type SendOptions = Options & {
  to: string;
  text: string;
  from?: string;
  client?: string;
  url?: string;
  receipt?: boolean;
  wait?: number | true;
};
type Account = { client: string; password: string };

const ANSWER_WITHIN_MS = 15_000;
const POLL_MS = 300;
const WAIT_S = { usual: 60, most: 86_400 };
/** Delivered, or failed for good. */
const DLR_MASK = '3';
/** Kannel's port, as in the schema, when there is no configuration to say another. */
const USUAL_URL = 'http://127.0.0.1:13013';

export function addSend(program: Command): void {
  program
    .command('send')
    .description("send an SMS through the gateway's HTTP door")
    .requiredOption('--to <number>', 'recipient in international form; several separated by blanks')
    .requiredOption('--text <text>', 'the message')
    .option('--from <sender>', "sender; the client's own unless given")
    .option('--client <name>', 'client to send as; the only one of the configuration unless given')
    .option('--url <url>', `the door; the configuration's, else ${USUAL_URL}`)
    .option('--receipt', 'ask the provider for a delivery receipt')
    .option(
      '--wait [seconds]',
      `follow it until its final state, ${WAIT_S.usual} s unless given`,
      wholeNumber(WAIT_S.most),
    )
    .addHelpText(
      'after',
      `
The client's password comes from HERMOD_PASSWORD, else from the configuration when
it stands there in plain text, else it is asked for.

Example:
  hermod send --to +447700900123 --text 'Your code is 123456' --receipt --wait`,
    )
    .action((_options, command: Command) => send(optionsOf(command)));
}

async function send(options: SendOptions): Promise<void> {
  const door = doorOf(options);
  const account = await accountOf(options);
  const query = new URLSearchParams({
    username: account.client,
    password: account.password,
    to: options.to,
    text: options.text,
    ...(options.from === undefined ? {} : { from: options.from }),
    ...(options.receipt ? { 'dlr-mask': DLR_MASK } : {}),
  });
  const answer = await call(`${door}/cgi-bin/sendsms?${query}`, door);
  const body = (await answer.text()).slice(0, 200);
  if (answer.status !== 202) throw new Fault(refusal(answer.status, body, account.client));
  const ids = answer.headers.get('x-message-id')?.split(',') ?? [];
  if (options.wait && ids.length > 0) return follow(door, account, ids, options);
  if (options.json) return sayJson({ ids, answer: body });
  say(body);
  for (const id of ids) say(`${id}  watch it: hermod status ${id}`);
}

function refusal(status: number, body: string, client: string): string {
  if (status === 403 && body.startsWith('Authorization'))
    return `the door refuses client ${client}: wrong name or password, or this host is not in its networks`;
  return `the door refuses it: ${status} ${body}`;
}

/** Without the slash at its end. */
function doorOf(options: SendOptions): string {
  if (options.url === undefined) {
    if (!findConfig(options)) return USUAL_URL;
    const { host, port } = configurationOf(options).config.listen.http;
    const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
    return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
  }
  const url = URL.parse(options.url);
  if (!url || !/^https?:$/.test(url.protocol)) throw usageFault('--url is a door such as http://127.0.0.1:13013');
  if (url.username || url.password) throw usageFault('no password in --url: others can see it. Use HERMOD_PASSWORD');
  if (url.protocol === 'http:' && !/^(localhost|127\..*|\[::1\])$/.test(url.hostname))
    warn(`hermod: warning: text and password travel to ${url.hostname} in the clear: use https`);
  return url.href.replace(/\/+$/, '');
}

async function accountOf(options: SendOptions): Promise<Account> {
  const given = process.env.HERMOD_PASSWORD;
  if (options.client && given) return { client: options.client, password: given };
  const { config, file } = configurationOf(options);
  const names = Object.keys(config.clients);
  const client = options.client ?? (names.length === 1 ? names[0]! : undefined);
  if (!client) throw usageFault(`--client: which of ${names.join(', ') || 'none'} in ${file}?`);
  const known = config.clients[client];
  if (!known) throw notFound(`there is no client ${client} in ${file}: ${names.join(', ') || 'it has none'}`);
  if (given) return { client, password: given };
  if (!known.password.startsWith('scrypt$')) return { client, password: known.password };
  if (!process.stdin.isTTY)
    throw usageFault(`the password of ${client} is hashed in ${file}: set HERMOD_PASSWORD, or run this at a terminal`);
  return { client, password: await readSecret(`Password of ${client}: `) };
}

const configurationOf = (options: Options): Loaded => loadConfig(configFile(options));

async function call(url: string, door: string, headers: Record<string, string> = {}): Promise<Response> {
  try {
    // A redirect would carry the password elsewhere.
    return await fetch(url, { headers, redirect: 'manual', signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  } catch (error) {
    const cause = (error as Error).cause ?? error;
    const reason = (cause as NodeJS.ErrnoException).code ?? reasonOf(cause);
    throw new Fault(`no answer from ${door} (${reason}): is the gateway running?`);
  }
}

/** Prints what happens to the messages until all are final. Asks the door, so it needs no broker. */
async function follow(door: string, account: Account, ids: readonly string[], options: SendOptions): Promise<void> {
  const seconds = options.wait === true || options.wait === undefined ? WAIT_S.usual : options.wait;
  const deadline = performance.now() + seconds * 1_000;
  const told = new Set<string>();
  const stories = new Map<string, Story>();
  if (!options.json) for (const id of ids) say(id);
  for (;;) {
    for (const id of ids.filter((one) => !stories.get(one)?.final)) {
      const story = await storyOf(door, account, id);
      if (!story) continue;
      stories.set(id, story);
      if (!options.json) tell(story, told, ids.length > 1);
    }
    const open = ids.filter((id) => !stories.get(id)?.final);
    if (open.length === 0) break;
    if (performance.now() > deadline) {
      if (options.json) sayJson([...stories.values()]);
      throw new Fault(`no final state after ${seconds} s: go on with hermod status ${open[0]}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  if (options.json) sayJson([...stories.values()]);
  const bad = [...stories.values()].find(({ state }) => state !== 'delivered' && state !== 'sent');
  if (bad) throw new Fault(`${bad.state}${bad.reason ? `: ${bad.reason}` : ''}`);
}

function tell(story: Story, told: Set<string>, several: boolean): void {
  for (const line of eventsOf(story).map((event) => (several ? `${story.id.slice(-4)}  ${event}` : event))) {
    if (told.has(line)) continue;
    told.add(line);
    say(line);
  }
}

async function storyOf(door: string, { client, password }: Account, id: string): Promise<Story | undefined> {
  const authorization = `Basic ${Buffer.from(`${client}:${password}`).toString('base64')}`;
  const answer = await call(`${door}/v1/messages/${id}`, door, { authorization });
  if (answer.status === 200) return (await answer.json()) as Story;
  await answer.text();
  // 404: the ledger has not read it yet. 503: it does not answer now.
  if (answer.status === 404 || answer.status === 503) return undefined;
  throw new Fault(`the door does not tell what became of ${id}: ${answer.status}`);
}
