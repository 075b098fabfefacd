// `hermod suppressed`, `suppress` and `unsuppress`: the numbers that asked a client to stop. The ledger keeps the lists,
// and every door refuses what is on them.
import type { Command } from 'commander';
import { maskNumber, parseRecipients } from '#shared/sms/number.ts';
import { notFound, usageFault } from './fault.ts';
import { askLedger, audited, clientsIn, configFile, type Options, optionsOf, wholeNumber, withBus } from './gateway.ts';
import { clock, say, sayJson, sayTable } from './output.ts';

/** As services/ledger/answers/answers.ts gives them. */
type Suppressed = { count: number; numbers: { client: string; number: string; source: string; at: number }[] };
const MOST_SHOWN = 1_000;
const SOURCES: Record<string, string> = { word: 'by SMS', command: 'by command', console: 'at the console' };

export function addSuppressed(program: Command): void {
  program
    .command('suppressed')
    .description('list the numbers that asked a client to stop, newest first')
    .option('--client <client>', 'of this client only')
    .option('--limit <n>', 'at most so many', wholeNumber(MOST_SHOWN), 100)
    .addHelpText('after', '\nExample:\n  hermod suppressed --client shop')
    .action((_options, command: Command) => suppressed(optionsOf(command)));
  program
    .command('suppress <number>')
    .description('refuse whatever a client sends to this number from now on')
    .requiredOption('--client <client>', 'whose messages')
    .addHelpText('after', '\nExample:\n  hermod suppress +447700900123 --client shop')
    .action((number: string, _options, command: Command) => change(number, true, optionsOf(command)));
  program
    .command('unsuppress <number>')
    .description('let a client send to this number again')
    .requiredOption('--client <client>', 'whose messages')
    .addHelpText('after', '\nExample:\n  hermod unsuppress +447700900123 --client shop')
    .action((number: string, _options, command: Command) => change(number, false, optionsOf(command)));
}

async function suppressed({ client, limit, ...options }: Options & { client?: string; limit: number }): Promise<void> {
  const question = { ask: 'suppressed', limit, ...(client ? { client } : {}) };
  const { count, numbers } = await withBus(options, (bus) => askLedger<Suppressed>(bus, question));
  if (options.json) return sayJson({ count, numbers });
  if (count === 0) return say('nobody asked to be left alone');
  sayTable(
    ['SINCE', 'CLIENT', 'NUMBER', 'HOW'],
    numbers.map(({ at, client, number, source }) => [clock(at), client, number, SOURCES[source] ?? source]),
  );
  if (numbers.length < count) say(`${count} in all`);
}

async function change(given: string, active: boolean, options: Options & { client: string }): Promise<void> {
  const { client } = options;
  const read = parseRecipients(given);
  if (!read.ok) throw usageFault(read.reason);
  const [number, ...others] = read.numbers;
  if (!number || others.length > 0) throw usageFault('one number at a time');
  const names = clientsIn(configFile(options));
  const { changed } = await withBus(options, (bus) => {
    // Of a client that is no more a number can still be taken off.
    if (active && !names.includes(client))
      throw notFound(`there is no client ${client}: ${names.join(', ') || 'the configuration names none'}`);
    const question = { ask: 'suppress', client, number: number.e164, suppressed: active, source: 'command' };
    const deed = {
      action: active ? 'suppress' : 'unsuppress',
      object: `client ${client}`,
      detail: maskNumber(number.e164),
    };
    return audited(bus, deed, () => askLedger<{ changed: boolean }>(bus, question));
  });
  if (options.json) return sayJson({ changed });
  if (active) return say(`whatever ${client} sends to this number is refused${changed ? ' now' : ' already'}`);
  say(changed ? `${client} may send to this number again` : `this number is not on the list of ${client}`);
}
