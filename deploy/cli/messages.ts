// `hermod status` and `find`: what the ledger knows about messages.
import type { Command } from 'commander';
import { duration } from '#shared/config/units.ts';
import { FINAL_STATES } from '#shared/messages/report.ts';
import { maskNumber } from '#shared/sms/number.ts';
import { notFound, usageFault } from './fault.ts';
import { askLedger, type Options, optionsOf, wholeNumber, withBus } from './gateway.ts';
import { ago, clock, count, paint, paintState, say, sayJson, sayTable } from './output.ts';

/** As services/ledger/answers/answers.ts gives it: numbers are masked, times are epoch milliseconds. */
export type Message = {
  id: string;
  client: string;
  door: string;
  lane: string;
  to: string;
  from: string;
  segments: number;
  acceptedAt: number;
  expiry: number;
  state: string;
  stateAt: number;
  final: boolean;
  provider: string;
  reason: string;
};
type Attempt = {
  handover: number;
  part: number;
  at: number;
  provider: string;
  providerId: string | null;
  outcome: string;
  reason: string;
  receipt: string | null;
  receiptAt: number | null;
  receiptStat: string | null;
  receiptError: string | null;
};
export type Story = Message & { attempts: Attempt[]; callbacksWaiting: number };

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const MOST_FOUND = 1_000;
/** Longer than any short code, so a leading zero is a trunk prefix: numbers are kept in their international form. */
const NATIONAL_LENGTH = 7;

export function addMessages(program: Command): void {
  program
    .command('status <id>')
    .description('tell the story of one message')
    .addHelpText('after', '\nExample:\n  hermod status 019aa8b2-7c1e-7d3a-9f00-5d2f0c7b1a44')
    .action((id: string, _options, command: Command) => status(id, optionsOf(command)));
  program
    .command('find <number>')
    .description('list messages to a number, newest first; its last digits (3 or more) suffice')
    .option('--since <duration>', 'how far back: 30min, 1h, 7d', '24h')
    .option('--limit <n>', 'at most so many', wholeNumber(MOST_FOUND), 100)
    .addHelpText('after', '\nExample:\n  hermod find 900123 --since 1h')
    .action((number: string, _options, command: Command) => find(number, optionsOf(command)));
}

/** As the ledger knows it; a fault when it is no id. */
export function messageId(given: string): string {
  if (UUID.test(given)) return given.toLowerCase();
  throw usageFault(`${given} is no message id: it looks like 019aa8b2-7c1e-7d3a-9f00-5d2f0c7b1a44`);
}

async function status(id: string, options: Options): Promise<void> {
  const question = { ask: 'message', id: messageId(id) };
  const story = await withBus(options, (bus) => askLedger<Story | null>(bus, question));
  if (!story) throw notFound(`no message has the id ${id} (a new one may take a moment)`);
  if (options.json) return sayJson(story);
  const when = `${ago(story.stateAt)}${story.final ? '' : `, valid until ${clock(story.expiry)}`}`;
  say(`${story.id}  ${paintState(story.state)} ${when}`);
  for (const line of eventsOf(story)) say(line);
  const { callbacksWaiting: waiting } = story;
  if (waiting > 0)
    say(`${count(waiting, 'callback')} to ${story.client} ${waiting === 1 ? 'waits' : 'wait'} to be made`);
}

/** What happened, one line each, in the order of time. */
export function eventsOf(story: Story): string[] {
  const { client, door, lane, to, from, segments, attempts } = story;
  const events = [
    {
      at: story.acceptedAt,
      what: 'accepted',
      text: `${door} door, client ${client}, to ${to} from ${from}, ${count(segments, 'segment')}, ${lane}`,
    },
    ...attempts.flatMap((attempt) => eventsOfAttempt(attempt, attempts)),
  ];
  if (story.final) {
    const at = story.provider && story.reason ? `${story.provider}: ` : '';
    const why = story.state === 'sent' ? 'no receipt was asked for' : `${at}${story.reason}`;
    events.push({ at: story.stateAt, what: story.state, text: why || 'final' });
  }
  return events
    .sort((a, b) => a.at - b.at)
    .map(({ at, what, text }) => `${paint('dim', clock(at))}  ${paintState(what.padEnd(9))}  ${text}`);
}

function eventsOfAttempt(attempt: Attempt, all: readonly Attempt[]): { at: number; what: string; text: string }[] {
  const { at, handover, part, provider, providerId, outcome, reason, receipt } = attempt;
  if (part === 0) {
    // The end of the message stands in its last line.
    if ((FINAL_STATES as readonly string[]).includes(outcome) && outcome !== 'unknown') return [];
    return [{ at, what: outcome, text: `${provider}: ${reason}` }];
  }
  const parts = all.filter((other) => other.handover === handover && other.part > 0).length;
  const which = parts > 1 ? `, part ${part} of ${parts}` : '';
  const events = [{ at, what: 'submitted', text: `${provider} took it as ${providerId ?? '(no id)'}${which}` }];
  if (receipt) {
    const { receiptAt, receiptStat, receiptError } = attempt;
    const detail = [receiptStat, receiptError && `error ${receiptError}`].filter(Boolean).join(', ');
    events.push({
      at: receiptAt ?? at,
      what: 'receipt',
      text: `${provider} ${providerId}: ${receipt} (${detail})${which}`,
    });
  }
  return events;
}

async function find(number: string, options: Options & { since: string; limit: number }): Promise<void> {
  const since = duration.safeParse(options.since);
  if (!since.success) throw usageFault('--since takes a duration with its unit, such as 30min, 1h or 7d');
  const written = number.replaceAll(/[ +()./-]/g, '');
  const digits = written.length >= NATIONAL_LENGTH ? written.replace(/^0+/, '') : written;
  if (!/^\d{3,15}$/.test(digits)) throw usageFault('give 3 to 15 digits: the last ones of the number, or all of it');
  const question = { ask: 'find', digits, since: Date.now() - since.data, limit: options.limit };
  const found = await withBus(options, (bus) => askLedger<Message[]>(bus, question));
  if (options.json) sayJson(found);
  if (found.length === 0)
    throw notFound(`no message to ${maskNumber(digits)} in the last ${options.since}: --since goes further back`);
  if (options.json) return;
  sayTable(
    ['TIME', 'ID', 'TO', 'CLIENT', 'PROVIDER', 'STATE'],
    found.map((m) => [clock(m.acceptedAt), m.id, m.to, m.client, m.provider || '-', paintState(m.state)]),
  );
  if (found.length === options.limit) say(`the newest ${options.limit} are shown: --limit shows more`);
}
