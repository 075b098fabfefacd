// `hermod refusals`: what the doors refused or found odd lately, asked of every door that runs.
import type { Command } from 'commander';
import { askRefusals, type Refusal } from '#shared/doors/refusals.ts';
import { type Options, optionsOf, withBus } from './gateway.ts';
import { clock, say, sayJson, sayTable } from './output.ts';

type Row = Refusal & { door: string };

export function addRefusals(program: Command): void {
  program
    .command('refusals')
    .description('show the last 200 requests that each door refused or found odd; texts and numbers are not kept')
    .option('--door <door>', 'of one door only: http, smtp or smpp')
    .addHelpText('after', '\nExample:\n  hermod refusals --door smtp')
    .action((_options, command: Command) => refusals(optionsOf(command)));
}

async function refusals(options: Options & { door?: string }): Promise<void> {
  const answers = await withBus(options, (bus) => askRefusals(bus));
  const rows = answers
    .filter(({ door }) => (options.door ?? door) === door)
    .flatMap(({ door, refusals }) => refusals.map((refusal): Row => ({ door, ...refusal })))
    .sort((a, b) => a.at - b.at);
  if (options.json) return sayJson(rows);
  if (answers.length === 0) return say('no door answered: is one running?');
  if (rows.length === 0) return say(`nothing refused since ${plural(answers.length)} started`);
  sayTable(
    ['TIME', 'DOOR', 'CLIENT', 'ADDRESS', 'REASON', 'FIELDS', 'DETAIL'],
    rows.map(({ at, door, client, address, reason, fields, detail }) => {
      return [clock(at), door, client ?? '-', address, reason, fields?.join(',') || '-', detail ?? ''];
    }),
  );
}

const plural = (doors: number) => (doors === 1 ? 'the door' : `the ${doors} doors`);
