// `hermod audit`: who did what, at the console and on the command line.
import type { Command } from 'commander';
import { duration } from '#shared/config/units.ts';
import { usageFault } from './fault.ts';
import { askLedger, type Options, optionsOf, wholeNumber, withBus } from './gateway.ts';
import { clock, say, sayJson, sayTable } from './output.ts';

/** As services/ledger/answers/audit.ts gives it. */
type Entry = {
  entry: string;
  at: number;
  user: string;
  address: string;
  action: string;
  object: string;
  result: 'tried' | 'done' | 'failed' | 'refused';
  detail: string;
};
type Sought = { since: string; user?: string; action?: string; object?: string; limit: number };

const MOST_SHOWN = 1_000;

export function addAudit(program: Command): void {
  program
    .command('audit')
    .description('list who did what at the console and with this command, newest first')
    .option('--since <duration>', 'how far back: 1h, 7d', '7d')
    .option('--user <user>', 'only what this person did')
    .option('--action <action>', 'only this, such as pause, reveal or log-in')
    .option('--object <object>', "only about this, such as 'provider main'; its beginning suffices")
    .option('--limit <n>', 'at most so many', wholeNumber(MOST_SHOWN), 100)
    .addHelpText('after', '\nExample:\n  hermod audit --since 1d --action reveal')
    .action((_options, command: Command) => audit(optionsOf(command)));
}

async function audit({ since, user, action, object, limit, ...options }: Options & Sought): Promise<void> {
  const span = duration.safeParse(since);
  if (!span.success) throw usageFault('--since takes a duration with its unit, such as 1h or 7d');
  const question = { ask: 'audit', user, action, object, since: Date.now() - span.data, limit };
  const { entries } = await withBus(options, (bus) => askLedger<{ entries: Entry[] }>(bus, question));
  if (options.json) return sayJson(entries);
  if (entries.length === 0) return say(`nothing like this in the last ${since}: --since goes further back`);
  sayTable(
    ['TIME', 'WHO', 'FROM', 'ACTION', 'OBJECT', 'RESULT', 'DETAIL'],
    entries.map((e) => [clock(e.at), e.user, e.address, e.action, e.object || '-', e.result, e.detail]),
  );
  if (entries.length === limit) say(`the newest ${limit} are shown: --limit shows more`);
}
