// Every exchange, queue and binding of the gateway, as plain data. Nothing else in the code spells a queue's name.
// Arguments are constants: RabbitMQ answers 406 to a changed argument, so what configuration decides travels with the
// message, and a changed argument here means a new queue name and a line in SUCCEEDED.
import type { Config } from './config/schema.ts';
import { RETRY_STEPS_MS } from './outcome.ts';

export const LANES = ['urgent', 'bulk'] as const;
export type Lane = (typeof LANES)[number];

export const DEAD_KINDS = ['message', 'report', 'callback'] as const;
export type DeadKind = (typeof DEAD_KINDS)[number];

/** Kinds of report, the keys of the `report` exchange. */
export const REPORT_KINDS = [
  'submitted',
  'given-back',
  'final',
  'receipt',
  'incoming',
  'fallback',
  'told',
  'audit',
  'mark',
  'lease',
] as const;
export type ReportKind = (typeof REPORT_KINDS)[number];

/** Where a publish goes. The default exchange ('') routes by queue name. */
export type Address = { exchange: string; key: string };

export const toSubmit = (lane: Lane): Address => ({ exchange: 'submit', key: lane });
/** Messages that are not due yet: to the ledger only, which releases them. */
export const toSchedule: Address = { exchange: 'submit', key: 'scheduled' };
/** The exchange of news for the ledger. */
export const REPORT = 'report';
export const toReport = (kind: ReportKind): Address => ({ exchange: REPORT, key: kind });
export const toHealth: Address = { exchange: 'health', key: '' };
export const toQueue = (name: string): Address => ({ exchange: '', key: name });

export const routerQueue = (lane: Lane) => `router.${lane}`;
export const egressQueue = (provider: string, lane: Lane) => `egress.${provider}.${lane}`;
export const retryQueue = (lane: Lane, step: number) => `retry.${lane}.${RETRY_STEPS_MS[step]! / 1000}s`;
export const bindSlot = (provider: string, n: number) => `bind.${provider}.${n}`;
export const deadQueue = (kind: DeadKind) => `dead.${kind}`;
/** Claimed, like a bind slot, by whoever reads dead letters: meanwhile they are out of everyone else's sight. */
export const DEAD_READER = 'dead.reader';
export const LEDGER = 'ledger';
export const LEDGER_RPC = 'ledger.rpc';
/** Claimed, like a bind slot, by the ledger that works; others stand by. */
export const LEDGER_TURN = 'ledger.turn';
export const NOTIFIER = 'notifier';
/** Receipts for a client's SMPP sessions. */
export const deliverQueue = (client: string) => `deliver.${client}`;

/**
 * Queues that took the place of others because an argument changed, as `[/^ledger\.2$/, 'ledger']`: set-up binds them in
 * the place of the others, and who reads them reads the others too. A line goes with the version after its own.
 */
const SUCCEEDED: readonly (readonly [name: RegExp, former: string])[] = [];

/** The queue whose place this one took; undefined for one that never changed. */
export function formerQueue(name: string): string | undefined {
  const line = SUCCEEDED.find(([now]) => now.test(name));
  return line && name.replace(...line);
}

export type Queue = { name: string; arguments: Record<string, string | number | boolean> };
export type Exchange = { name: string; type: 'direct' | 'fanout' };
export type Binding = { exchange: string; key: string; queue: string };
export type Topology = { exchanges: Exchange[]; queues: Queue[]; bindings: Binding[] };

/** A crash of the broker's own delivery limit; the bus takes poison out long before (see bus/consume.ts). */
const DELIVERY_LIMIT = 20;

/**
 * A quorum queue that refuses rather than drops, and hands what it cannot keep to a queue that always exists.
 * `reject-publish` is what makes `at-least-once` real: without it the strategy is silently not kept.
 */
function workQueue(name: string, deadLetterTo: string, more: Queue['arguments'] = {}): Queue {
  return {
    name,
    arguments: {
      'x-queue-type': 'quorum',
      'x-delivery-limit': DELIVERY_LIMIT,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': deadLetterTo,
      'x-dead-letter-strategy': 'at-least-once',
      'x-overflow': 'reject-publish',
      ...more,
    },
  };
}

/** The topology that a configuration asks for. */
export const topologyOf = ({
  providers,
  clients,
  listen,
}: Pick<Config, 'providers' | 'clients' | 'listen'>): Topology =>
  topology(Object.keys(providers), listen.smpp ? Object.keys(clients) : []);

/** The whole topology for these providers and SMPP clients (their names are all that configuration adds). Pure. */
export function topology(providers: readonly string[], smppClients: readonly string[] = []): Topology {
  const queues: Queue[] = [
    workQueue(LEDGER, deadQueue('report'), { 'x-single-active-consumer': true }),
    workQueue(NOTIFIER, deadQueue('callback')),
    // What no session took in time goes on to the notifier, which cannot deliver it either, and tells the ledger so.
    ...smppClients.map((client) => workQueue(deliverQueue(client), NOTIFIER)),
    { name: LEDGER_RPC, arguments: { 'x-queue-type': 'classic', 'x-message-ttl': 10_000 } },
    // Listing dead letters delivers and returns them: RabbitMQ 4 would drop them after its default limit of 20.
    ...DEAD_KINDS.map((kind) => ({
      name: deadQueue(kind),
      arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 1_000_000 },
    })),
  ];
  for (const lane of LANES) {
    queues.push(workQueue(routerQueue(lane), deadQueue('message')));
    for (const [step, ttl] of RETRY_STEPS_MS.entries()) {
      queues.push(workQueue(retryQueue(lane, step), routerQueue(lane), { 'x-message-ttl': ttl }));
    }
    for (const provider of providers) queues.push(workQueue(egressQueue(provider, lane), routerQueue(lane)));
  }
  return {
    exchanges: [
      { name: 'submit', type: 'direct' },
      { name: REPORT, type: 'direct' },
      { name: 'health', type: 'fanout' },
    ],
    queues,
    bindings: [
      ...LANES.flatMap((lane) => [
        { exchange: 'submit', key: lane, queue: routerQueue(lane) },
        { exchange: 'submit', key: lane, queue: LEDGER },
      ]),
      { ...toSchedule, queue: LEDGER },
      ...REPORT_KINDS.map((kind) => ({ exchange: REPORT, key: kind, queue: LEDGER })),
    ],
  };
}
