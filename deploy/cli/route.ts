// `hermod route`: which provider a message would take and why, by the router's own judgement, without sending it.
import { setTimeout as pass } from 'node:timers/promises';
import type { Command } from 'commander';
import { loadConfig } from '#shared/config/load.ts';
import type { Config } from '#shared/config/schema.ts';
import { prepare, type Request } from '#shared/doors/accept.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { parseRecipients } from '#shared/sms/number.ts';
import { LANES, type Lane } from '#shared/topology.ts';
import { Health, type Standing } from '../../services/router/health.ts';
import { explain, type Verdict } from '../../services/router/judge.ts';
import { compilePolicy } from '../../services/router/policy.ts';
import type { Step } from '../../services/router/steps.ts';
import { Fault, notFound, usageFault } from './fault.ts';
import { configFile, type Options, optionsOf, withBus } from './gateway.ts';
import { count, paint, say, sayJson } from './output.ts';
import { fallbackLines, fallbackOf } from './route/fallback.ts';

/** A worker speaks every second. */
const LISTEN_MS = 1_500;
const TEXT = 'Your code is 123456';

type RouteOptions = Options & {
  to: string;
  client?: string;
  from?: string;
  text: string;
  door: string;
  lane?: string;
  smsc?: string;
  user?: string;
  realm?: string;
  tag?: string[];
  address?: string;
  at?: string;
  live?: boolean;
};

export function addRoute(program: Command): void {
  program
    .command('route')
    .description('show step by step which provider a message would take and why, without sending it')
    .requiredOption('--to <number>', 'recipient, as the client would write it')
    .option('--client <name>', 'client that sends; the only one of the configuration unless given')
    .option('--from <sender>', "sender; the client's own unless given")
    .option('--text <text>', 'the message', TEXT)
    .option('--door <door>', 'http, smtp or smpp', 'http')
    .option('--lane <lane>', "urgent or bulk; the client's own unless given")
    .option('--smsc <provider>', 'provider that the client asks for')
    .option('--user <user>', 'user that the client names (x-user)')
    .option('--realm <realm>', 'realm that the client names (x-realm)')
    .option('--tag <tag...>', 'marks of the message (x-tag)')
    .option('--address <address>', 'where the request comes from')
    .option('--at <time>', 'at another time than now, such as 2026-11-23T08:00 or, in UTC, 2026-11-23T08:00Z')
    .option('--live', 'with what the workers of the running gateway say now; every provider is taken as up otherwise')
    .addHelpText(
      'after',
      `
Where a group shares messages by weight, each run is another message and may draw another provider.

Example:
  hermod route --to +447700900123 --client ise --at 2026-11-23T08:00`,
    )
    .action((_options, command: Command) => route(optionsOf(command)));
}

async function route(options: RouteOptions): Promise<void> {
  const { config } = loadConfig(configFile(options));
  const now = timeOf(options.at);
  const message = messageOf(options, config, now);
  const standing = options.live ? await present(options) : () => UP;
  const knowledge = { policy: compilePolicy(config), standing };
  const { steps, verdict } = explain(message, knowledge, now);
  const fallback = verdict.kind === 'send' ? fallbackOf(message, verdict, config, knowledge, now) : undefined;
  if (options.json) return sayJson({ message: { ...message, text: undefined }, steps, verdict, fallback });
  sayMessage(message, now);
  for (const step of steps) sayStep(step);
  sayVerdict(verdict, message);
  const lines = fallback ? fallbackLines(fallback, message, now) : [];
  for (const [i, line] of lines.entries()) say(`${i === 0 ? 'fallback' : '        '}  ${line}`);
}

const UP: Standing = { up: true, share: 1, words: 'taken as up' };

function timeOf(at: string | undefined): number {
  const time = at === undefined ? Date.now() : Date.parse(at);
  if (Number.isNaN(time)) throw usageFault('--at is a time such as 2026-11-23T08:00 or 2026-11-23T08:00Z');
  return time;
}

/** As a door would make it. */
function messageOf(options: RouteOptions, config: Config, now: number): Sms {
  const name = clientOf(options, config);
  const client = config.clients[name]!;
  const read = parseRecipients(options.to, client.country ? { defaultCountry: client.country } : {});
  if (!read.ok) throw usageFault(`--to: ${read.reason}`);
  if (read.numbers.length > 1) throw usageFault('--to: one number at a time');
  const from = options.from ?? client.sender;
  if (!from) throw usageFault(`client ${name} has no sender of its own: give one with --from`);
  if (!['http', 'smtp', 'smpp'].includes(options.door)) throw usageFault('--door is http, smtp or smpp');
  if (options.lane !== undefined && !LANES.includes(options.lane as Lane)) throw usageFault('--lane is urgent or bulk');
  const { door, text, address = '', smsc, user, realm, tag } = options;
  const request: Request = {
    ...{ door, address, from, text, recipients: read.numbers },
    ...(options.lane ? { lane: options.lane as Lane } : {}),
    ...(smsc ? { smsc } : {}),
    ...(user ? { user } : {}),
    ...(realm ? { realm } : {}),
    ...(tag ? { tags: tag } : {}),
  };
  const prepared = prepare(request, { name, client }, now);
  if (!Array.isArray(prepared)) throw new Fault(`the door refuses it: ${prepared.refused}`);
  return prepared[0]!;
}

function clientOf({ client }: RouteOptions, { clients }: Config): string {
  const names = Object.keys(clients);
  if (client === undefined && names.length === 1) return names[0]!;
  if (client === undefined) throw usageFault(`--client: which of ${names.join(', ') || 'none'}?`);
  if (!Object.hasOwn(clients, client))
    throw notFound(`there is no client ${client}: ${names.join(', ') || 'there is none'}`);
  return client;
}

/** How the providers stand by the news of their workers, without the memory that the router has of earlier faults. */
async function present(options: Options): Promise<(provider: string) => Standing> {
  const health = new Health(Number.NEGATIVE_INFINITY);
  await withBus(options, async (bus) => {
    await bus.listen((item) => {
      if (item.kind === 'provider') health.hear(item, Date.now());
    });
    await pass(LISTEN_MS);
  });
  const heardAt = Date.now();
  return (provider) => health.standing(provider, heardAt);
}

function sayMessage({ client, door, lane, to, from, segments }: Sms, now: number): void {
  say(`message   to +${to} from ${from}, client ${client}, door ${door}, lane ${lane}, ${count(segments, 'segment')}`);
  say(`time      ${new Date(now).toISOString()}`);
}

function sayStep({ about, name, ok, words }: Step): void {
  if (about !== 'pick')
    say(
      `${paint(ok ? 'green' : 'dim', ok ? 'yes' : 'no ')}       ${about === 'route' ? '' : 'provider '}${name}: ${words}`,
    );
  else say(`${paint(ok ? 'green' : 'yellow', 'takes it')}  ${name}: ${words}`);
}

function sayVerdict(verdict: Verdict, { from }: Sms): void {
  if (verdict.kind === 'end') say(`${paint('red', verdict.state.padEnd(8))}  ${verdict.reason}`);
  if (verdict.kind === 'send' && verdict.from !== from) say(`sender    ${verdict.from} instead of ${from}`);
}
