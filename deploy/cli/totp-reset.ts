// `hermod totp-reset`: for whoever lost the phone with their second factor. The next log-in sets up another one.
import type { Command } from 'commander';
import { notFound } from './fault.ts';
import { askLedger, audited, type Options, optionsOf, withBus } from './gateway.ts';
import { say, sayJson } from './output.ts';

export function addTotpReset(program: Command): void {
  program
    .command('totp-reset <user>')
    .description('take away the second factor of an account of the console; the next log-in sets up another')
    .addHelpText('after', '\nExample:\n  hermod totp-reset anna')
    .action((user: string, _options, command: Command) => totpReset(user, optionsOf(command)));
}

async function totpReset(user: string, options: Options): Promise<void> {
  await withBus(options, (bus) =>
    audited(bus, { action: 'reset second factor', object: `account ${user}` }, async () => {
      const { state } = await askLedger<{ state: string }>(bus, { ask: 'second-factor', user, step: 'reset' });
      if (state !== 'reset') throw notFound(`${user} has no second factor`);
    }),
  );
  if (options.json) return sayJson({ user, reset: true });
  say(`${user} has no second factor now: the next log-in with the password sets one up`);
}
