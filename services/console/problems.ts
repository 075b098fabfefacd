// What is wrong, in words, the worst first: pure, from what is known now.
import type { ProviderRow } from '#shared/egress/heard.ts';
import { egressQueue, LANES, LEDGER, NOTIFIER, routerQueue } from '#shared/topology.ts';
import type { Denial } from './denials.ts';
import { type Depth, deadCounts } from './depths.ts';
import type { Flow } from './flow.ts';

/** `bad` needs someone now; `note` is worth knowing. `page` is where to go on. */
export type Problem = { level: 'bad' | 'note'; text: string; page?: string };

export type Known = {
  /** Why the broker or the ledger cannot be asked. */
  broker?: string | undefined;
  ledger?: string | undefined;
  providers: readonly ProviderRow[];
  /** By provider, the part of receipts (0 to 1) that took more than 15 minutes. */
  lateReceipts: ReadonlyMap<string, number>;
  depths: readonly Depth[];
  denials: readonly Denial[];
  clients: Flow['clients'];
};

const LATE_SHARE = 0.2;
const ERROR_SHARE = 0.2;
/** AMQP messages of the urgent lane that wait to be judged: a router takes thousands a second. */
const MOST_URGENT = 100;

export function problemsOf({ broker, ledger, providers, lateReceipts, depths, denials, clients }: Known): Problem[] {
  if (broker) return [{ level: 'bad', text: `RabbitMQ: ${broker}. Doors answer "try again" meanwhile.` }];
  const problems: Problem[] = [];
  const add = (level: Problem['level'], text: string, page?: string) =>
    problems.push({ level, text, ...(page ? { page } : {}) });

  if (ledger) add('bad', `The ledger does not answer: ${ledger}`);
  for (const { queue, waiting, readers } of depths) {
    if (waiting < 0) add('bad', `There is no queue ${queue} at the broker: run hermod setup`, '/queues');
    else if (readers === 0 && READ.has(queue))
      add('bad', `Nobody reads the queue ${queue}: ${READ.get(queue)}`, '/queues');
    else if (queue === routerQueue('urgent') && waiting > MOST_URGENT)
      add('bad', `Urgent messages wait for the router: ${waiting} in its queue`, '/queues');
  }
  for (const row of providers) {
    const { provider, state, sentPerSecond, errorsPerSecond, lastError } = row;
    const all = sentPerSecond + errorsPerSecond;
    const said = lastError ? `: ${lastError}` : '';
    if (state === 'no worker')
      add('bad', `No worker speaks for ${provider}: is its egress service running?`, '/providers');
    else if (state === 'not bound') add('bad', `${provider} is not connected${said}`, '/providers');
    else if (state === 'paused') {
      const n = queuedFor(provider, depths);
      if (n > 0) add('bad', `${provider} is paused, and ${n} in its queues wait for it`, '/providers');
      else add('note', `${provider} is paused: its messages take the next provider, or wait`, '/providers');
    } else if (state === 'draining')
      add('note', `${provider} drains: it gets only what no other provider can take`, '/providers');
    else if (errorsPerSecond > ERROR_SHARE * all)
      add(
        'bad',
        `${provider} fails ${Math.round((100 * errorsPerSecond) / all)} % of what it is given${said}`,
        '/providers',
      );
    const late = lateReceipts.get(provider) ?? 0;
    if (late > LATE_SHARE)
      add(
        'note',
        `Receipts of ${provider} come late: ${Math.round(100 * late)} % after more than 15 min`,
        '/providers',
      );
  }
  const dead = Object.values(deadCounts(depths)).reduce((total, n) => total + n, 0);
  if (dead > 0)
    add('bad', `${dead} ${dead === 1 ? 'dead letter waits' : 'dead letters wait'} for someone to decide`, '/queues');
  for (const { level, text } of denialProblems(denials, clients, Date.now())) add(level, text, '/clients');
  return problems.sort((a, b) => Number(a.level === 'note') - Number(b.level === 'note'));
}

/** Queues that a service always reads, and what its absence means. */
const READ = new Map([
  [LEDGER, 'nothing is written down, and no client is told'],
  [NOTIFIER, 'callbacks wait'],
  ...LANES.map((lane) => [routerQueue(lane), `no ${lane} message goes on`] as const),
]);

const queuedFor = (provider: string, depths: readonly Depth[]) => {
  const queues = new Set(LANES.map((lane) => egressQueue(provider, lane)));
  return depths.reduce((sum, { queue, waiting }) => (queues.has(queue) ? sum + Math.max(0, waiting) : sum), 0);
};

const RECENT_MS = 15 * 60_000;
const MOST_DENIALS = 5;
/** Refusals of callers that are no client: fewer are the noise of any open port. */
const MANY_STRANGERS = 20;
/** A limit that does its work; anything else keeps a client out until someone does something. */
const PASSING = new Set(['rate', 'number', 'repeat', 'broker']);

function denialProblems(denials: readonly Denial[], clients: Flow['clients'], now: number): Problem[] {
  const recent = denials.filter(({ lastAt }) => lastAt > now - RECENT_MS);
  const known = recent.filter(({ client }) => client !== undefined);
  const problems = known
    .slice(0, MOST_DENIALS)
    .map(({ client, door, address, detail, reason, count, lastAt }): Problem => {
      const times = count === 1 ? 'once' : `${count} times`;
      const text = `Client ${client} was refused ${times} at the ${door} door (${address}): ${detail || reason}`;
      const isIn = clients.some((one) => one.client === client && one.lastAt > lastAt);
      return {
        level: isIn || PASSING.has(reason) ? 'note' : 'bad',
        text: isIn ? `${text}; it was let in since` : text,
      };
    });
  const strangers = recent.reduce((sum, { client, count }) => (client === undefined ? sum + count : sum), 0);
  if (strangers >= MANY_STRANGERS)
    problems.push({ level: 'note', text: `${strangers} requests of callers that are no client were refused lately` });
  return problems;
}
