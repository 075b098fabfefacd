// Numbers that asked a client to stop (STOP), as doors and routers know them. The ledger keeps the list and tells its
// version as news; whoever is behind asks for the changes. Until it was told for the first time, a process knows no number
// and refuses none: a router that knows the list looks again.
import { hash } from 'node:crypto';
import type { Bus } from '../bus/bus.ts';
import { type Log, reasonOf } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { LEDGER_RPC } from '../topology.ts';
import { Marks } from './marks.ts';

/** The ledger's answer to `{ask: 'suppressions', since}`: changes in their order, and up to which version they are. */
export type Suppressions = {
  /** Another one when the ledger begins anew with an empty database. */
  list: string;
  key: string;
  changes: [client: string, mark: number, active: 0 | 1][];
  version: number;
  more: boolean;
};

/** The ledger tells its version as often: then the next try is due. */
const ASK_WITHIN_MS = 2_000;

type Known = { list: string; key: string; version: number; clients: Map<string, Marks> };

const nothing = (): Known => ({ list: '', key: '', version: 0, clients: new Map() });
let known = nothing();
let asking: Promise<void> | undefined;

/** Stands for a number (E.164 digits) in the list: 53 bits of a hash with the list's key. */
export function markOf(key: string, number: string): number {
  const octets = hash('sha256', key + number, 'buffer');
  return octets.readUIntBE(0, 6) * 32 + (octets[6]! >> 3);
}

/** Whether this number (E.164 digits) is on the client's list, as far as this process knows it. */
export function isSuppressed(client: string, number: string): boolean {
  const marks = known.clients.get(client);
  return marks !== undefined && marks.size > 0 && marks.has(markOf(known.key, number));
}

/** Follows the list from now on. The first answer is not waited for. */
export async function followSuppressed(bus: Bus, log: Log): Promise<void> {
  await bus.listen((item) => {
    if (item.kind !== 'suppressions' || (item.list === known.list && item.version === known.version)) return;
    void catchUp(bus, log, item.list !== known.list || item.version < known.version);
  });
  void catchUp(bus, log, false);
}

/** Once at a time: services of one process share the list. `afresh` drops what is known when the answer is here. */
function catchUp(bus: Bus, log: Log, afresh: boolean): Promise<void> {
  asking ??= ask(bus, afresh)
    .catch((error) => log.warn({ reason: reasonOf(error) }, 'the suppression list is not known as it is now'))
    .finally(() => {
      asking = undefined;
    });
  return asking;
}

async function ask(bus: Bus, afresh: boolean): Promise<void> {
  const next = afresh ? nothing() : known;
  for (let more = true; more; ) {
    const question = { ask: 'suppressions', since: next.version };
    const answer = (await bus.ask(LEDGER_RPC, question, ASK_WITHIN_MS)) as Suppressions;
    if (next.list !== '' && answer.list !== next.list) return ask(bus, true);
    apply(next, answer);
    more = answer.more;
  }
  known = next;
  let numbers = 0;
  for (const { size } of known.clients.values()) numbers += size;
  metrics.suppressed.set(numbers);
}

function apply(next: Known, { list, key, changes, version }: Suppressions): void {
  for (const [client, mark, active] of changes) {
    let marks = next.clients.get(client);
    if (!marks) {
      marks = new Marks();
      next.clients.set(client, marks);
    }
    marks.set(mark, active === 1);
  }
  Object.assign(next, { list, key, version });
}
