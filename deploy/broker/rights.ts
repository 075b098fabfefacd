// What each service may do at the broker, as RabbitMQ's permissions: three patterns of names, for what may be declared,
// written and read. Made of the topology's own names, so that a new queue cannot be forgotten here.
import type { Config } from '#shared/config/schema.ts';
import {
  bindSlot,
  DEAD_KINDS,
  DEAD_READER,
  deadQueue,
  deliverQueue,
  egressQueue,
  formerQueue,
  LANES,
  LEDGER,
  LEDGER_RPC,
  LEDGER_TURN,
  NOTIFIER,
  routerQueue,
  toHealth,
  toReport,
  toSubmit,
} from '#shared/topology.ts';

/** RabbitMQ's permissions of one user: regular expressions, anchored here. */
export type Rights = { configure: string; write: string; read: string };
type Names = { configure?: string[]; write?: string[]; read?: string[] };

const exact = (name: string) => name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

/**
 * The default exchange's name in permissions. RabbitMQ judges a publish by its exchange alone: whoever may write here may
 * put a message into any queue, and reads from none.
 */
const DIRECTLY = exact('amq.default');
/** Queues for news have a random name and are exclusive. */
const NEWS = `${exact(`${toHealth.exchange}.`)}[0-9a-f-]{36}`;
const HEALTH = exact(toHealth.exchange);
const REPORT = exact(toReport('final').exchange);
const SUBMIT = exact(toSubmit('urgent').exchange);
const REPLIES = `${exact('amq.rabbitmq.reply-to')}.*`;

/** Hears the news: declares a queue for them, binds it to `health`, reads it; answers who asks. */
const HEARS: Names = { configure: [NEWS], write: [NEWS, DIRECTLY], read: [NEWS, HEALTH] };
/** Every service tells which configuration it runs with. */
const TELLS: Names = { write: [HEALTH] };
const ASKS: Names = { write: [DIRECTLY], read: [REPLIES] };
/** What it reads it publishes elsewhere: onward, back, or to the dead letters. A queue's former name is read with it. */
const reads = (queues: readonly string[]): Names => ({
  read: queues.flatMap((queue) => [queue, formerQueue(queue) ?? []].flat()).map(exact),
  write: [DIRECTLY],
});
const writes = (...exchanges: string[]): Names => ({ write: exchanges });
const claims = (slots: readonly string[]): Names => ({ configure: slots.map(exact) });

function worker(bearer: string, { providers }: Pick<Config, 'providers'>): Names[] {
  const mine = Object.entries(providers).filter(([, row]) => row.bearer === bearer);
  const queues = mine.flatMap(([name]) => LANES.map((lane) => egressQueue(name, lane)));
  const slots = mine.flatMap(([name, { binds }]) => Array.from({ length: binds }, (_, i) => bindSlot(name, i + 1)));
  // On a slot that it holds it is asked to try the provider.
  return [HEARS, reads(queues), claims(slots), { read: slots.map(exact) }, writes(REPORT)];
}

type Needs = Pick<Config, 'providers' | 'clients' | 'listen'>;

/** The services by name, as in deploy/services.ts. */
const SERVICES: Record<string, (config: Needs) => Names[]> = {
  router: () => [HEARS, ASKS, reads(LANES.map(routerQueue)), writes(REPORT)],
  // What a person sends again begins at `submit`, as from a door.
  ledger: () => [reads([LEDGER, LEDGER_RPC]), claims([LEDGER_TURN]), writes(REPORT, SUBMIT)],
  notifier: () => [reads([NOTIFIER]), writes(SUBMIT, REPORT)],
  console: () => [HEARS, ASKS, reads(DEAD_KINDS.map(deadQueue)), claims([DEAD_READER]), writes(REPORT)],
  'ingress-http': () => [HEARS, ASKS, writes(SUBMIT)],
  'ingress-smtp': () => [HEARS, ASKS, writes(SUBMIT)],
  'ingress-smpp': ({ clients, listen }) => [
    HEARS,
    ASKS,
    reads(listen.smpp ? Object.keys(clients).map(deliverQueue) : []),
    writes(SUBMIT, REPORT),
  ],
  'ingress-dlr': () => [HEARS, writes(REPORT)],
  ...Object.fromEntries(
    ['smpp', 'modem', 'http', 'smtp', 'script', 'push'].map((bearer) => [
      `egress-${bearer}`,
      (config: Needs) => worker(bearer, config),
    ]),
  ),
};

const pattern = (all: Names[], of: keyof Names) => {
  const names = [...new Set(all.flatMap((each) => each[of] ?? []))];
  return names.length === 0 ? '^$' : `^(${names.join('|')})$`;
};

/** Each service's rights for this configuration, by the service's name. */
export function rightsOf(config: Needs): Map<string, Rights> {
  return new Map(
    Object.entries(SERVICES).map(([service, of]) => {
      const all = [...of(config), TELLS];
      return [
        service,
        { configure: pattern(all, 'configure'), write: pattern(all, 'write'), read: pattern(all, 'read') },
      ];
    }),
  );
}
