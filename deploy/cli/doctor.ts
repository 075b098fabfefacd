// `hermod doctor`: is everything well, in lines for a person and in the form of a Nagios plugin. Looks, and changes nothing.
import type { Command } from 'commander';
import { CHECKS, type Finding, openView, type State } from './doctor/checks.ts';
import { type Options, optionsOf } from './gateway.ts';
import { paint, say, sayJson } from './output.ts';

/** As Nagios counts them, the worst last. */
const RANK: readonly State[] = ['ok', 'unknown', 'warning', 'critical'];
const EXIT_CODE: Record<State, number> = { ok: 0, warning: 1, critical: 2, unknown: 3 };
/** All checks run at once, and none of them longer; Nagios gives up after ten seconds. */
const WITHIN_MS = 8_000;

type Result = Finding & { check: string };

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('look at broker, ledger, database, queues, providers, certificates, clock, disk and configuration')
    .addHelpText(
      'after',
      `
The first line says the worst, as Nagios and its kin want it; then a line for each
check. It ends within ${WITHIN_MS / 1_000} s whatever hangs, and works without the broker.
Exit codes of this command: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.

Example:
  hermod doctor`,
    )
    .action(async (_options, command: Command) => {
      process.exitCode = await doctor(optionsOf(command));
    });
}

async function doctor(options: Options): Promise<number> {
  const view = openView(options);
  const results = await Promise.all(Object.entries(CHECKS).map(([name, check]) => inTime(name, () => check(view))));
  results.sort((a, b) => RANK.indexOf(b.state) - RANK.indexOf(a.state));
  const worst = results[0]!.state;
  if (options.json) {
    sayJson({ state: worst, checks: results });
  } else {
    say(headline(worst, results));
    const width = Math.max(...results.map(({ check }) => check.length));
    for (const { state, check, words } of results) say(`${painted(state)} ${check.padEnd(width)}  ${words}`);
  }
  return EXIT_CODE[worst];
}

/** The worst in full, the rest in numbers. Behind a bar Nagios expects measurements. */
function headline(worst: State, results: readonly Result[]): string {
  const said = results.filter(({ state }) => state === worst).map(({ check, words }) => `${check}: ${words}`);
  const rest = (['warning', 'unknown'] as const).flatMap((state) => {
    const n = state === worst ? 0 : results.filter((result) => result.state === state).length;
    return n > 0 ? [`${n} ${state}`] : [];
  });
  const what = worst === 'ok' ? `${results.length} checks` : [...said, ...rest].join('; ');
  return `HERMOD ${worst.toUpperCase()} - ${what}`.replaceAll('|', '/');
}

async function inTime(check: string, run: () => Promise<Finding>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Finding>((resolve) => {
    const words = `did not end within ${WITHIN_MS / 1_000} s`;
    timer = setTimeout(() => resolve({ state: 'unknown', words }), WITHIN_MS);
  });
  const failed = (error: unknown): Finding => ({ state: 'unknown', words: (error as Error).message.split('\n')[0]! });
  const finding = await Promise.race([run().catch(failed), late]);
  clearTimeout(timer);
  return { check, ...finding };
}

const COLOURS = { ok: 'green', warning: 'yellow', critical: 'red', unknown: 'yellow' } as const;
const painted = (state: State) => paint(COLOURS[state], state.toUpperCase().padEnd(8));
