// `hermod providers`, `pause`, `drain` and `resume`: what the workers say about their providers, and who may take messages.
import { setTimeout as pass } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Bus } from '#shared/bus/bus.ts';
import type { NewsOf } from '#shared/bus/health.ts';
import { type ProviderRow, providerRows } from '#shared/egress/heard.ts';
import { notFound } from './fault.ts';
import {
  askLedger,
  audited,
  configFile,
  findConfig,
  type Options,
  optionsOf,
  providersIn,
  withBus,
} from './gateway.ts';
import { cut, paintState, say, sayJson, sayTable } from './output.ts';

/** A worker speaks every second. */
const LISTEN_MS = 1_500;

export function addProviders(program: Command): void {
  program
    .command('providers')
    .description('show binds, load and errors of every provider, as its workers tell them now')
    .addHelpText('after', '\nExample:\n  hermod providers')
    .action((_options, command: Command) => providers(optionsOf(command)));
  program
    .command('pause <provider>')
    .description('hand nothing to a provider until it is resumed')
    .addHelpText('after', '\nExample:\n  hermod pause sms4-main')
    .action((provider: string, _options, command: Command) => setPaused(provider, true, optionsOf(command)));
  program
    .command('drain <provider>')
    .description('hand nothing new to a provider while another one can take it, and finish what waits for it')
    .addHelpText('after', '\nExample:\n  hermod drain sms4-main')
    .action((provider: string, _options, command: Command) => drain(provider, optionsOf(command)));
  program
    .command('resume <provider>')
    .description('hand messages to a paused or draining provider again')
    .addHelpText('after', '\nExample:\n  hermod resume sms4-main')
    .action((provider: string, _options, command: Command) => setPaused(provider, false, optionsOf(command)));
}

async function providers(options: Options): Promise<void> {
  const config = findConfig(options);
  const rows = await withBus(options, (bus) => hear(bus, config ? providersIn(config) : []));
  if (options.json) return sayJson(rows);
  if (rows.length === 0) return say('no worker speaks, and there is no configuration here that names providers');
  sayTable(
    ['PROVIDER', 'STATE', 'BINDS', 'WAITING', 'IN FLIGHT', 'SENT/S', 'ERRORS/S'],
    rows.map((row) => {
      const { provider, state, bound, allowed, waiting, inFlight, sentPerSecond, errorsPerSecond } = row;
      if (state === 'no worker') return [provider, paintState(state), '-', '-', '-', '-', '-'];
      const loads = [waiting, inFlight, round(sentPerSecond), round(errorsPerSecond)];
      return [provider, paintState(state), `${bound}/${allowed}`, ...loads.map(String)];
    }),
  );
  for (const { provider, balance } of rows)
    if (balance) say(`${provider}: ${balance.amount} ${balance.currency ?? 'credits'} left`);
  for (const { provider, lastError } of rows) if (lastError) say(cut(`${provider}: last error: ${lastError}`, 100));
}

const round = (n: number) => Math.round(n * 10) / 10;

/** One row per provider, from what its workers say in `LISTEN_MS`. */
async function hear(bus: Bus, names: readonly string[]): Promise<ProviderRow[]> {
  const heard = new Map<string, NewsOf<'provider'>>();
  await bus.listen((item) => {
    if (item.kind === 'provider') heard.set(`${item.provider} ${item.worker}`, item);
  });
  const [paused, draining] = await Promise.all([
    askLedger<string[]>(bus, { ask: 'paused' }, LISTEN_MS).catch(() => []),
    askLedger<string[]>(bus, { ask: 'draining' }, LISTEN_MS).catch(() => []),
    pass(LISTEN_MS),
  ]);
  return providerRows(names, [...heard.values()], paused, draining);
}

async function drain(provider: string, options: Options): Promise<void> {
  const names = providersIn(configFile(options));
  if (!names.includes(provider)) throw notFound(`there is no provider ${provider}: ${names.join(', ') || 'none'}`);
  const draining = await withBus(options, (bus) =>
    audited(bus, { action: 'drain', object: `provider ${provider}` }, () =>
      askLedger<string[]>(bus, { ask: 'drain', provider }),
    ),
  );
  if (options.json) return sayJson({ draining });
  say(`${provider} drains: it gets only what no other provider of the route can take, and finishes what waits for it`);
  say(
    `hermod providers shows what is left; hermod pause ${provider} stops the rest, hermod resume ${provider} ends this.`,
  );
}

async function setPaused(provider: string, paused: boolean, options: Options): Promise<void> {
  const names = providersIn(configFile(options));
  const { before, now } = await withBus(options, async (bus) => {
    const [held, drained] = [
      await askLedger<string[]>(bus, { ask: 'paused' }),
      await askLedger<string[]>(bus, { ask: 'draining' }),
    ];
    const before = paused ? held : [...held, ...drained];
    // One that was removed from the configuration while it was paused can still be resumed.
    if (!names.includes(provider) && !(before.includes(provider) && !paused))
      throw notFound(`there is no provider ${provider}: ${names.join(', ') || 'the configuration names none'}`);
    const deed = { action: paused ? 'pause' : 'resume', object: `provider ${provider}` };
    const now = await audited(bus, deed, () => askLedger<string[]>(bus, { ask: 'pause', provider, paused }));
    return { before, now };
  });
  if (options.json) return sayJson({ paused: now });
  const already = before.includes(provider) === paused ? ' already' : '';
  if (!paused) return say(already ? `${provider} was not paused` : `${provider} takes messages again`);
  say(`${provider} is paused${already}: nothing new is handed to it`);
  say('Its messages go to the next provider on their route; without one they wait until their validity ends.');
  say(`hermod resume ${provider} ends this.`);
}
