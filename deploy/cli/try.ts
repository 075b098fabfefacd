// `hermod try`: one message to one provider, now, with what both sides said. Whoever holds a bind hands it over; when
// nobody does, this command takes a free bind itself.
import type { Command } from 'commander';
import type { Bus } from '#shared/bus/bus.ts';
import { loadConfig } from '#shared/config/load.ts';
import type { Provider } from '#shared/config/schema.ts';
import type { Bearer } from '#shared/egress/bearer.ts';
import type { Show } from '#shared/egress/dialogue.ts';
import { askHolder, conduct, sharedSender } from '#shared/egress/trial.ts';
import type { Ending } from '#shared/handover.ts';
import type { Sms } from '#shared/messages/sms.ts';
import type { TrialAnswer, TrialQuestion } from '#shared/messages/trial.ts';
import type { Context } from '#shared/service.ts';
import { maskNumber, parseRecipients } from '#shared/sms/number.ts';
import { bindSlot } from '#shared/topology.ts';
import { Fault, notFound, usageFault } from './fault.ts';
import { audited, configFile, log, type Options, optionsOf, whoAmI, withBus } from './gateway.ts';
import { paint, say, sayJson } from './output.ts';

type TryOptions = Options & { from?: string };
type Make = (name: string, row: never, context: Context) => Bearer<unknown>;

/** How long the hand-over may take on a bind of our own, and its end. */
const ANSWER_WITHIN_MS = 75_000;
const DRAIN_MS = 5_000;

const BEARERS: Record<Provider['bearer'], () => Promise<unknown>> = {
  smpp: async () => (await import('../../services/egress-smpp/bearer.ts')).smppBearer,
  http: async () => (await import('../../services/egress-http/bearer.ts')).httpBearer,
  smtp: async () => (await import('../../services/egress-smtp/bearer.ts')).smtpBearer,
  script: async () => (await import('../../services/egress-script/bearer.ts')).scriptBearer,
  push: async () => (await import('../../services/egress-push/bearer.ts')).pushBearer,
  modem: async () => (await import('../../services/egress-modem/bearer.ts')).modemBearer,
};

export function addTry(program: Command): void {
  program
    .command('try <provider> <number> <text>')
    .description('hand one SMS to a provider now, and show what both sides say and what it means')
    .option('--from <sender>', "sender; the one that the configuration's clients share unless given")
    .addHelpText(
      'after',
      `
It is a real SMS, ahead of the backlog: rate, ledger and audit apply, routes and
limits of clients do not. Passwords and keys are hidden. Paused providers are
tried too. Exit code 0 when the provider accepted it, 1 when not.

Example:
  hermod try sms4-main +447700900123 'Does this arrive?'`,
    )
    .action((provider: string, number: string, text: string, _options, command: Command) =>
      tryOut(provider, number, text, optionsOf(command)),
    );
}

async function tryOut(name: string, number: string, text: string, options: TryOptions): Promise<void> {
  const { config, file, dir } = loadConfig(configFile(options));
  const provider = Object.hasOwn(config.providers, name) ? config.providers[name] : undefined;
  if (!provider)
    throw notFound(`there is no provider ${name}: ${Object.keys(config.providers).join(', ') || 'there are none'}`);
  const question = questionOf(number, text, options.from ?? sharedSender(config.clients));
  // Its own terminal is no access log.
  process.env.HERMOD_ACCESS_LOG ??= 'off';
  const deed = { action: 'try', object: `provider ${name}`, detail: `to ${maskNumber(question.to)}` };
  await withBus(options, (bus) =>
    audited(bus, deed, async () => {
      const answer =
        (await askHolder(bus, name, provider.binds, question)) ??
        (await onBindOfOurs(name, provider, question, { config, file, dir, bus, log }));
      if (options.json) sayJson(answer);
      else sayAnswer(answer);
      if (answer.verdict !== 'accepted') throw new Fault(`${name}: ${answer.verdict}: ${answer.reason}`);
    }),
  );
}

function questionOf(number: string, text: string, from: string): TrialQuestion {
  const parsed = parseRecipients(number);
  if (!parsed.ok) throw usageFault(parsed.reason);
  const [recipient, second] = parsed.numbers;
  if (!recipient || second) throw usageFault('one number, not several');
  if (text === '' || text.length > 1_600) throw usageFault('a text has 1 to 1600 characters');
  if (from.length > 20) throw usageFault('a sender has at most 20 characters');
  return { ask: 'try', to: recipient.e164, given: recipient.given, text, from, by: whoAmI().user.slice(0, 64) };
}

async function onBindOfOurs(
  name: string,
  provider: Provider,
  question: TrialQuestion,
  context: Context,
): Promise<TrialAnswer> {
  const claim = await freeBind(context.bus, name, provider.binds);
  try {
    const make = (await BEARERS[provider.bearer]()) as Make;
    const bearer = make(name, provider as never, context);
    return await conduct(question, { name, provider, bus: context.bus }, (message, show) =>
      handOver(bearer, message, show),
    );
  } finally {
    await claim.release();
  }
}

async function freeBind(bus: Bus, name: string, binds: number) {
  for (let n = 1; n <= binds; n++) {
    const claim = await bus.tryClaim(bindSlot(name, n), () => {});
    if (claim) return claim;
  }
  throw new Fault(
    `every bind of ${name} is held by a worker that does not answer: see hermod providers, or is it of an older version?`,
  );
}

async function handOver(bearer: Bearer<unknown>, message: Sms, show: Show): Promise<Ending> {
  let ended: (ending: Ending) => void = () => {};
  const over = new Promise<Ending>((resolve) => {
    ended = resolve;
  });
  let prepared: unknown;
  try {
    prepared = bearer.prepare(message);
  } catch (error) {
    return { kind: 'refused', reason: (error as Error).message, scope: 'message' };
  }
  const link = await bearer.open((reason) => ended({ kind: 'unknown', reason }));
  const timer = setTimeout(() => ended({ kind: 'unknown', reason: 'no answer in time' }), ANSWER_WITHIN_MS);
  link.submit(
    prepared,
    (outcome) => ended(outcome.kind === 'throttled' ? { kind: 'retry', reason: outcome.reason } : outcome),
    show,
  );
  const ending = await over;
  clearTimeout(timer);
  await link.close(DRAIN_MS);
  return ending;
}

function sayAnswer({
  id,
  provider,
  bearer,
  said,
  verdict,
  class: kind,
  providerIds,
  todo,
  ms,
  reason,
}: TrialAnswer): void {
  say(`${provider} (${bearer}), message ${id}`);
  for (const { by, lines } of said) {
    say();
    for (const line of lines) say(by === 'hermod' ? `> ${line}` : paint('dim', `< ${line}`));
  }
  say();
  const id1 = providerIds.length > 0 ? `; the provider's id: ${providerIds.join(', ')}` : '';
  if (verdict === 'accepted') say(`${paint('green', 'accepted')} in ${ms} ms${id1}`);
  else say(`${paint('red', verdict)}${kind ? ` (${kind})` : ''}: ${reason}`);
  say(todo);
  say(`Its story: hermod status ${id}`);
}
