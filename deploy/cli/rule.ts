// `hermod rule`: what each mail rule would make of a mail, without sending it.
import { readFileSync, statSync } from 'node:fs';
import type { Command } from 'commander';
import { loadConfig } from '#shared/config/load.ts';
import type { Config } from '#shared/config/schema.ts';
import { countSegments } from '#shared/sms/segments.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { allRules } from '../../services/ingress-smtp/built-in.ts';
import type { Mail } from '../../services/ingress-smtp/mail.ts';
import { readMail } from '../../services/ingress-smtp/read-mail.ts';
import { allowsSender } from '../../services/ingress-smtp/rights.ts';
import { judge, type Verdict } from '../../services/ingress-smtp/rules.ts';
import { messagesOf } from '../../services/ingress-smtp/take.ts';
import { Fault } from './fault.ts';
import { configFile, type Options, optionsOf } from './gateway.ts';
import { count, paint, say, sayJson } from './output.ts';

const MOST_OCTETS = 64 * 1_048_576;

type RuleOptions = Options & { from?: string; to?: string[] };
type Message = { to: string[]; text: string; encoding: string; units: number; segments: number };

export function addRule(program: Command): void {
  program
    .command('rule <mail>')
    .description('show what each mail rule would make of a mail in a file, without sending it')
    .option('--from <address>', "the envelope's sender (default: the header's From)")
    .option('--to <address...>', "the envelope's recipients (default: the header's To)")
    .addHelpText(
      'after',
      '\nThe text is shown, passwords included.\n\nExample:\n  hermod rule guest.eml --to sms@gateway',
    )
    .action((file: string, _options, command: Command) => tryRules(file, optionsOf<RuleOptions>(command)));
}

async function tryRules(file: string, options: RuleOptions): Promise<void> {
  const { config } = loadConfig(configFile(options));
  const mail = await readMail(readOctets(file)).catch((error) => {
    throw new Fault(`${file}: the mail cannot be read: ${reasonOf(error)}`);
  });
  const envelope = { from: options.from ?? mail.from, recipients: options.to ?? mail.to };
  const rules = allRules(config).filter(({ client }) => allowsSender(config.clients[client]!, envelope.from));
  if (rules.length === 0) {
    throw new Fault('no mail rule is for this sender: see mail.rules, and the mail.senders of the clients');
  }
  if (envelope.recipients.length === 0) throw new Fault(`${file} names no recipient: give one with --to`);
  // There are two built-in ones for each client: only those that take the mail are worth a line.
  const verdicts = rules
    .map((rule) => judge(rule, envelope, mail, (client) => config.clients[client]?.country))
    .filter(({ rule, takes }) => takes || config.mail.rules.includes(rule));
  if (options.json)
    return sayJson({ ...envelope, subject: mail.subject, rules: verdicts.map((one) => asJson(one, config.clients)) });
  sayMail(mail, envelope);
  let taken = false;
  for (const verdict of verdicts) {
    sayVerdict(verdict, config.clients, taken);
    taken ||= verdict.takes;
  }
}

function readOctets(file: string): Buffer {
  try {
    if (statSync(file).size > MOST_OCTETS) throw new Fault(`it is over ${MOST_OCTETS / 1_048_576} MiB`);
    return readFileSync(file);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new Fault(`${file}: ${missing ? 'there is no such file' : reasonOf(error)}`);
  }
}

function sayMail({ subject, text }: Mail, { from, recipients }: { from: string; recipients: string[] }): void {
  say(`from     ${from || '<>'}`);
  say(`to       ${recipients.join(', ')}`);
  say(`subject  ${subject}`);
  say(`body     ${count(text.trimEnd().split('\n').length, 'line')}`);
}

function sayVerdict(verdict: Verdict, clients: Config['clients'], taken: boolean): void {
  const { rule, fields } = verdict;
  const outcome = outcomeOf(verdict, clients);
  say();
  const takes = taken ? paint('yellow', 'would take it, but an earlier rule does') : paint('green', 'takes it');
  const refused =
    'reason' in outcome ? `${paint('red', verdict.takes ? 'refuses it' : 'no')}: ${outcome.reason}` : takes;
  say(`${rule.name} (client ${rule.client}): ${refused}`);
  for (const [name, value] of Object.entries(fields)) say(`  {${name}}  ${JSON.stringify(value)}`);
  if ('reason' in outcome) return;
  for (const { to, text, encoding, units, segments } of outcome.messages) {
    const size = `${count(units, encoding === 'gsm7' ? 'septet' : 'character')}, ${count(segments, 'segment')}`;
    say(`  to       ${to.join(', ')}`);
    say(`  text     ${JSON.stringify(text)}`);
    say(`  as       ${encoding}, ${size}`);
  }
}

/** What the door would send, or why it would not. */
function outcomeOf(verdict: Verdict, clients: Config['clients']): { messages: Message[] } | { reason: string } {
  if (!verdict.takes) return { reason: verdict.reason };
  const prepared = messagesOf(verdict, '', clients);
  if (!Array.isArray(prepared)) return { reason: prepared.refused };
  // Those with the same text are one line.
  const byText = Map.groupBy(prepared, ({ text }) => text);
  return {
    messages: Array.from(byText, ([text, all]) => ({ to: all.map(({ to }) => to), text, ...countSegments(text) })),
  };
}

const asJson = (verdict: Verdict, clients: Config['clients']) => ({
  rule: verdict.rule.name,
  client: verdict.rule.client,
  fields: verdict.fields,
  ...outcomeOf(verdict, clients),
});
