// `hermod cancel`: takes back a scheduled message. `hermod receipts`: those that match no message.
import type { Command } from 'commander';
import { Fault, notFound } from './fault.ts';
import { askLedger, audited, type Options, optionsOf, wholeNumber, withBus } from './gateway.ts';
import { messageId } from './messages.ts';
import { clock, say, sayJson, sayTable } from './output.ts';

type Cancelled = { state: 'cancelled' | 'too late' | 'unknown' };
/** As services/ledger/answers/answers.ts gives them. */
type Unmatched = {
  counts: { provider: string; n: number }[];
  receipts: { provider: string; providerId: string; at: number; state: string; stat: string; to: string }[];
};
const MOST_SHOWN = 1_000;

export function addCancel(program: Command): void {
  program
    .command('cancel <id>')
    .description('take back a message that waits for its time')
    .addHelpText('after', '\nExample:\n  hermod cancel 019aa8b2-7c1e-7d3a-9f00-5d2f0c7b1a44')
    .action((id: string, _options, command: Command) => cancel(id, optionsOf(command)));
  program
    .command('receipts')
    .description('list receipts that match no message, newest first; they are tried again for 72 hours')
    .option('--limit <n>', 'at most so many', wholeNumber(MOST_SHOWN), 20)
    .action((_options, command: Command) => receipts(optionsOf(command)));
}

async function cancel(given: string, options: Options): Promise<void> {
  const id = messageId(given);
  const answer = await withBus(options, (bus) =>
    audited(bus, { action: 'cancel', object: `message ${id}` }, async () => {
      const answer = await askLedger<Cancelled>(bus, { ask: 'cancel', id });
      if (answer.state === 'unknown') throw notFound(`no message has the id ${id}`);
      if (answer.state === 'too late') throw new Fault('too late: the message is on its way, or at its end');
      return answer;
    }),
  );
  if (options.json) return sayJson(answer);
  say(`${id}  cancelled`);
}

async function receipts(options: Options & { limit: number }): Promise<void> {
  const question = { ask: 'receipts', limit: options.limit };
  const { counts, receipts } = await withBus(options, (bus) => askLedger<Unmatched>(bus, question));
  if (options.json) return sayJson({ counts, receipts });
  if (receipts.length === 0) return say('every receipt has found its message');
  sayTable(
    ['TIME', 'PROVIDER', 'ID', 'TO', 'STATE'],
    receipts.map(({ at, provider, providerId, to, state }) => [clock(at), provider, providerId, to || '-', state]),
  );
  say(counts.map(({ provider, n }) => `${provider}: ${n}`).join(', '));
}
