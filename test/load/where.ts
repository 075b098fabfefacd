// Where the CPU time of one message goes: the profiles of the gateway's processes (`--profile`), by what each sample was
// in, scaled to the CPU time per message that the kernel counted for the process.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Process } from './run.ts';

type Frame = { functionName: string; url: string };
type Node = { id: number; callFrame: Frame; children?: number[] };
/** A V8 CPU profile: `samples` are node ids, `timeDeltas` the µs before each. */
export type Profile = { nodes: Node[]; samples: number[]; timeDeltas: number[] };

const SOCKET = /^(write(v|Buffer|Utf8String|Latin1String|AsciiString|Ucs2String)|shutdown|readStart)$/;
/** The first that fits: a name for what a frame does. */
const PLACES: [name: string, fits: (frame: Frame) => boolean][] = [
  ['kernel: sockets written', ({ url, functionName }) => url === '' && SOCKET.test(functionName)],
  ['kernel: files written', ({ url, functionName }) => url === '' && functionName === 'writeString'],
  ['garbage collection', ({ functionName }) => functionName === '(garbage collector)'],
  ['engine: sockets read, wake-ups', ({ functionName }) => functionName === '(program)'],
  ['SQLite', ({ url }) => url.endsWith('services/ledger/database/sqlite.ts')],
  ['AMQP frames (amqplib)', ({ url }) => url.includes('/amqplib/')],
  ['SMPP PDUs (smpp)', ({ url }) => url.includes('/smpp/lib/')],
  ['HTTP (node, fastify, undici)', ({ url }) => /^node:_http|\/(fastify|find-my-way|undici)\//.test(url)],
  // A compiled check has neither name nor file.
  [
    'checks of envelopes (zod)',
    ({ url, functionName }) => url.includes('/zod/') || (url === '' && functionName === ''),
  ],
  [
    'logs, metrics, traces',
    ({ url }) => /\/(sonic-boom|pino|prom-client|@opentelemetry)\/|shared\/telemetry\//.test(url),
  ],
  ['bus: JSON, batches, confirms', ({ url }) => url.includes('shared/bus/')],
  ['streams, timers, promises (node)', ({ url }) => url.startsWith('node:') || url === ''],
  ['the rules of the service', () => true],
];
/** Not a message's: the process waits, or loads its modules. */
const isIdle = ({ functionName }: Frame) => functionName === '(idle)';
const isStart = ({ url }: Frame) => /^node:internal\/(modules|main)\/|^node:internal\/deps\/amaro/.test(url);

/** Share of each place in the busy time of a profile, start-up left out. */
export function sharesOf(profile: Profile): Map<string, number> {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const places = new Map<number, string>();
  const visit = (id: number, starting: boolean) => {
    const { callFrame, children = [] } = nodes.get(id)!;
    const start = starting || isStart(callFrame);
    if (!start && !isIdle(callFrame)) places.set(id, PLACES.find(([, fits]) => fits(callFrame))![0]);
    for (const child of children) visit(child, start);
  };
  visit(profile.nodes[0]!.id, false);
  const times = new Map<string, number>();
  let all = 0;
  for (const [i, id] of profile.samples.entries()) {
    const place = places.get(id);
    const time = profile.timeDeltas[i]!;
    if (place === undefined || time < 0) continue;
    times.set(place, (times.get(place) ?? 0) + time);
    all += time;
  }
  return new Map([...times].map(([place, time]) => [place, time / all]));
}

/** A Markdown table: µs of CPU per message, a column for each process that has a profile in the folder. */
export function whereTable(folder: string, processes: readonly Process[]): string {
  const columns = processes.flatMap(({ name, part, cpuUs }) => {
    if (part !== 'system' || name === 'broker') return [];
    const profile: Profile = JSON.parse(readFileSync(join(folder, `${name}.cpuprofile`), 'utf8'));
    return [{ name, cpuUs, shares: sharesOf(profile) }];
  });
  const cells = (place: string) => columns.map(({ cpuUs, shares }) => cpuUs * (shares.get(place) ?? 0));
  const line = (name: string, values: number[]) =>
    `| ${name} | ${values.map((value) => value.toFixed(1)).join(' | ')} | ${sum(values).toFixed(1)} |`;
  const totals = columns.map(({ cpuUs }) => cpuUs);
  return [
    `| µs of CPU per message | ${columns.map(({ name }) => name).join(' | ')} | together |`,
    `|---|${columns.map(() => '---:').join('|')}|---:|`,
    ...PLACES.map(([place]) => line(place, cells(place))),
    line('all', totals),
  ].join('\n');
}

const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
