// What one run asks of a system, and what that means for the load generator.
import type { BehaviourUpdate } from '../../services/sandbox/behaviour.ts';
import { NUMBER } from './callers.ts';
import { CLIENT } from './configuration.ts';
import type { GeneratorApi, Job } from './generator.ts';
import type { Rig } from './rig.ts';
import type { SinkApi } from './sink.ts';
import { RECIPIENT_PREFIX, type SmscApi } from './smsc.ts';
import type { System } from './system.ts';

export type Case = {
  title: string;
  /** At which door: HTTP with a request at a time per connection, or one SMPP session with so many submits under way. */
  door: 'http' | 'smpp';
  /** Messages a second; undefined: full speed. */
  rate: number | undefined;
  connections: number;
  most: number;
  seconds: number;
  /** dlr-mask 31: the SMSC sends a receipt for each. */
  receipts: boolean;
  /** And each is told twice to the sink: accepted by the SMSC, and delivered. */
  callbacks: boolean;
  /** How the SMSC behaves during this run, beside as usual. */
  smsc?: BehaviourUpdate;
  /** Nothing leaves before all is accepted: until then the SMSC cuts every line and refuses every bind. */
  backlog?: boolean;
  /** So many ms after the load the run ends, whatever is still missing then; undefined: while anything still comes. */
  within?: number;
};

export type Rigs = {
  generator: Rig<GeneratorApi>;
  smsc: Rig<SmscApi>;
  smscPort: number;
  sink: Rig<SinkApi>;
  sinkPort: number;
};

/** A message with dlr-mask 31 is told twice: accepted by the SMSC, and delivered. */
export const CALLBACKS_EACH = 2;
const TEXT = 'Your one-time password is 482913. It is valid for two minutes.';

/** `first`: the number of its first message. */
export function jobOf(what: Case, first: number, system: System, rigs: Rigs): Job {
  const { door, receipts, connections, rate, most, seconds } = what;
  const { hostname: host, port, pathname, search } = new URL(system.url);
  const words = `&from=12345&to=${RECIPIENT_PREFIX}${NUMBER}&text=${TEXT.replaceAll(' ', '+')}`;
  return {
    door,
    host,
    port: door === 'smpp' ? system.smppPort : Number(port),
    target: `${pathname}${search}${words}${wishes(what, rigs)}`,
    account: { systemId: CLIENT.name, password: CLIENT.password },
    text: TEXT,
    receipts,
    first,
    connections,
    rate,
    most,
    seconds,
  };
}

function wishes({ receipts, callbacks }: Case, { sinkPort }: Rigs): string {
  if (!receipts) return '';
  if (!callbacks) return '&dlr-mask=31';
  return `&dlr-mask=31&dlr-url=http%3A%2F%2F127.0.0.1%3A${sinkPort}%2F${NUMBER}%3Ftype%3D%25d`;
}
