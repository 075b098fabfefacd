// Which services run on one box, and which of them share a process: fewest processes cost least there.
import type { Config } from '#shared/config/schema.ts';

/**
 * In the order of their start, measured on two cores (test/load). They stop in reverse. The notifier is not with the
 * ledger: a transaction of SQLite keeps its process for up to 0.1 s, and each call of a receiver would wait for some.
 */
const PROCESSES: readonly (readonly string[])[] = [
  ['ledger', 'console'],
  [
    'notifier',
    'router',
    'egress-smpp',
    'egress-http',
    'egress-smtp',
    'egress-script',
    'egress-push',
    'ingress-dlr',
    'egress-modem',
    'ingress-smtp',
    'ingress-smpp',
    'ingress-http',
  ],
];

/** The services that a configuration asks for, by process. */
export const processesOf = (config: Config): string[][] =>
  PROCESSES.map((group) => group.filter((name) => isWanted(name, config)));

/** Doors that the configuration does not open are not started, nor bearers without a provider. */
function isWanted(name: string, { listen, providers }: Config): boolean {
  if (name.startsWith('egress-')) return Object.values(providers).some(({ bearer }) => name === `egress-${bearer}`);
  if (name === 'console') return listen.console !== undefined;
  if (name === 'ingress-dlr') return listen.dlr !== undefined;
  if (name === 'ingress-smtp') return listen.smtp !== undefined || listen.smtps !== undefined;
  if (name === 'ingress-smpp') return listen.smpp !== undefined;
  return true;
}
