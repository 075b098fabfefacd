// The bench's command line: what it can be asked, and the runs that follow from it.
import { parseArgs } from 'node:util';
import type { Case } from './case.ts';
import { CASES, type Lengths, WARM_UP } from './compared.ts';
import { STORES } from './kannel.ts';
import { MARKS, pageFault } from './page.ts';

export const HELP = `Measures the gateway: a load generator at its HTTP or SMPP door, an SMSC at its SMPP end, each a process of its own.

  npm run bench                      a standard series of less than a minute
  npm run bench -- --rate 1000       one run at a fixed rate, latency counted from when a message was due
  npm run bench -- --full            one run at full speed
  npm run bench -- --door both       full speed at the HTTP and at the SMPP door, in turn
  npm run bench -- --scale           1, 2 and 4 routers and egress workers, 1, 8 and 100 providers, some minutes
  npm run bench -- --against kannel  Hermod beside Debian's Kannel, in turn: one table with ratios, a quarter of an hour

  --door NAME         http, smpp (one session) or both (http)
  --connections N     keep-alive connections, a request at a time on each (50); at the SMPP door its window (100)
  --seconds S         length of a run (5)
  --messages N        most messages of a run
  --receipts          dlr-mask=31: the SMSC sends a receipt for each
  --callbacks         and each message is told to a URL twice: accepted by the SMSC, and delivered
  --window N          window of the SMPP session (100)
  --processes LIST    services by process, such as "ingress-http,router,egress-smpp|ledger"; each: one process for each;
                      box: as npm start has them (box)
  --warm-up N         messages before anything is measured (40000; beside Kannel with and without
                      callbacks so many each, and a tenth for Kannel)
  --access-log off    no access log (on: to a file)
  --broker-pid PID    the broker's process, where its port does not tell
  --profile DIR       writes a CPU profile of each process of the gateway
  --rig               measures the rig's own capacity only
  --json              results as JSON

With --scale and against Kannel --seconds (2) is the length of the runs at full speed, and
  --write FILE        puts the table between the lines ${MARKS.join(' and ')} of a page

Against Kannel also
  --fixed-seconds S   length of the runs at a fixed rate (6)
  --backlog N         messages that wait while the SMSC refuses binds (50000)
  --wait S            how long after a load what is missing is waited for (2)
  --rounds N          how often each case is measured, in turn (3)
  --stores LIST       Kannels by their store (none,file,spool)
  --only LIST         some of the cases: ${CASES.join(', ')}

The broker is the one in AMQP_URL, which no other gateway may use, or a private node.
It exits with 1 when a message was lost or came twice.
`;

const LIMITS = {
  rate: 50_000,
  connections: 1_000,
  seconds: 600,
  messages: 5_000_000,
  window: 5_000,
  'broker-pid': 2 ** 22,
  'fixed-seconds': 600,
  backlog: 1_000_000,
  wait: 600,
  rounds: 20,
  'warm-up': 1_000_000,
};
/** No gateway on one machine is faster: room for a run at full speed. */
const FASTEST = 60_000;
const SECONDS = 5;
const LENGTHS: Lengths = {
  seconds: 2,
  fixedSeconds: 6,
  messages: LIMITS.messages,
  backlog: 50_000,
  waitSeconds: 2,
  warmUp: WARM_UP.messages,
};

/** A wrong command line: one line for its writer. */
export class Misuse extends Error {}

export type Options = ReturnType<typeof readOptions>;

export function readOptions(argv: string[]) {
  const values = parse(argv);
  const number = (name: keyof typeof LIMITS): number | undefined => {
    const given = values[name];
    if (given === undefined) return undefined;
    if (/^\d{1,9}$/.test(given) && Number(given) >= 1 && Number(given) <= LIMITS[name]) return Number(given);
    throw new Misuse(`--${name} takes a whole number from 1 to ${LIMITS[name]}`);
  };
  if (values.rate !== undefined && values.full) throw new Misuse('--rate or --full, not both');
  if (!['on', 'off'].includes(values['access-log'])) throw new Misuse('--access-log takes on or off');
  if (!isDoor(values.door)) throw new Misuse('--door takes http, smpp or both');
  if (values.callbacks && values.door !== 'http') throw new Misuse('--callbacks are made for the HTTP door only');
  if (![undefined, 'kannel'].includes(values.against)) throw new Misuse('--against takes kannel');
  const fault = values.write && pageFault(values.write);
  if (fault) throw new Misuse(`--write: ${fault}`);
  return {
    ...values,
    rate: number('rate'),
    door: values.door,
    connections: number('connections'),
    seconds: number('seconds') ?? SECONDS,
    messages: number('messages'),
    window: number('window') ?? 100,
    brokerPid: number('broker-pid'),
    warmUp: number('warm-up') ?? WARM_UP.messages,
    rounds: number('rounds') ?? 3,
    stores: listOf('stores', values.stores, STORES),
    only: listOf('only', values.only, CASES),
    lengths: {
      seconds: number('seconds') ?? LENGTHS.seconds,
      fixedSeconds: number('fixed-seconds') ?? LENGTHS.fixedSeconds,
      backlog: number('backlog') ?? LENGTHS.backlog,
      waitSeconds: number('wait') ?? LENGTHS.waitSeconds,
      warmUp: number('warm-up') ?? LENGTHS.warmUp,
      messages: number('messages') ?? LENGTHS.messages,
    },
  };
}

/** Those of `all` that a comma-separated list names, in the order of `all`; all of them when absent. */
function listOf<Name extends string>(option: string, text: string | undefined, all: readonly Name[]): Name[] {
  const wanted = text?.split(',').map((name) => name.trim());
  const unknown = wanted?.find((name) => !all.includes(name as Name));
  if (unknown !== undefined) throw new Misuse(`--${option} takes some of ${all.join(',')}, not "${unknown}"`);
  return all.filter((name) => wanted === undefined || wanted.includes(name));
}

function parse(argv: string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  try {
    return parseArgs({
      args: argv,
      options: {
        rate: text,
        full: flag,
        connections: text,
        seconds: text,
        messages: text,
        receipts: flag,
        callbacks: flag,
        window: text,
        processes: { type: 'string', default: 'box' },
        door: { type: 'string', default: 'http' },
        'access-log': { type: 'string', default: 'on' },
        'broker-pid': text,
        profile: text,
        rig: flag,
        json: flag,
        against: text,
        scale: flag,
        'fixed-seconds': text,
        backlog: text,
        wait: text,
        rounds: text,
        'warm-up': text,
        stores: text,
        only: text,
        write: text,
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    throw new Misuse((error as Error).message);
  }
}

type Door = 'http' | 'smpp' | 'both';
const isDoor = (name: string): name is Door => ['http', 'smpp', 'both'].includes(name);
/** Requests under way at once, where --connections does not say. */
const UNDER_WAY = { http: 50, smpp: 100 };

/** Whether no single run was asked for. */
export const isSeries = ({ rate, full }: Options) => rate === undefined && !full;

const doorsOf = ({ door }: Options): Case['door'][] => (door === 'both' ? ['http', 'smpp'] : [door]);

/** The window that the SMPP door must give its session; undefined: it stays closed. */
export const smppWindowOf = (options: Options): number | undefined =>
  doorsOf(options).includes('smpp') ? (options.connections ?? UNDER_WAY.smpp) : undefined;

/** So that services run compiled code, as they do minutes after a start. Not part of any result. */
export function warmUps(options: Options): Case[] {
  return doorsOf(options).map((door) => ({
    ...caseOf(options, door, undefined, options.receipts),
    title: 'warm-up',
    most: options.warmUp,
    seconds: WARM_UP.seconds,
  }));
}

export function casesOf(options: Options): Case[] {
  const { rate, receipts, callbacks } = options;
  const at = (speed: number | undefined, asked: boolean) =>
    doorsOf(options).map((door) => caseOf(options, door, speed, asked));
  if (!isSeries(options)) return at(rate, receipts);
  // Between doors, what counts is what they carry.
  const speeds = options.door === 'http' ? [200, 1_000, undefined] : [undefined];
  const cases = speeds.flatMap((speed) => at(speed, receipts));
  return receipts || callbacks ? cases : [...cases, ...at(undefined, true)];
}

function caseOf(options: Options, door: Case['door'], rate: number | undefined, receipts: boolean): Case {
  const { seconds, messages, callbacks } = options;
  const connections = options.connections ?? UNDER_WAY[door];
  const load = rate === undefined ? 'Full speed' : `${rate} messages a second`;
  const way = door === 'http' ? `${connections} connections` : `one SMPP session with a window of ${connections}`;
  const extra = callbacks ? ', receipts and callbacks' : receipts ? ', receipts' : '';
  return {
    title: `${load}, ${way}${extra}`,
    door,
    rate,
    connections,
    most: messages ?? (rate ?? FASTEST) * seconds,
    seconds,
    receipts: receipts || callbacks,
    callbacks,
  };
}
