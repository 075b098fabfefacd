// A result as a table for people.
import { cpus, totalmem } from 'node:os';
import type { Capacity } from './capacity.ts';
import { type Spread, syncMs } from './measure.ts';
import type { Process, Result } from './run.ts';

const count = (n: number) => Math.round(n).toLocaleString('en-GB');
const ms = (n: number) => (n >= 100 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toFixed(2));
const us = (n: number) => (n >= 10 ? n.toFixed(0) : n.toFixed(1));
const percent = (n: number) => `${(n * 100).toFixed(0)} %`;
/** Room for four services in one process. */
const NAME_WIDTH = 40;
const row = (name: string, ...cells: string[]) =>
  `  ${name.padEnd(NAME_WIDTH)}${cells.map((cell) => cell.padStart(11)).join('')}`;

export function machineLine(): string {
  const cores = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  const sync = ms(syncMs(import.meta.dirname));
  return `${cores.length} × ${cores[0]?.model ?? 'unknown CPU'}, ${memory} GiB, ${sync} ms for a synced write, Node ${process.version}`;
}

export function capacityTable(rows: readonly Capacity[]): string {
  return [
    'Capacity of the rig alone',
    row('', 'per s', 'CPU µs'),
    ...rows.map(({ name, perSecond, cpuUs }) => row(name, count(perSecond), us(cpuUs))),
    '',
  ].join('\n');
}

export function resultTable(result: Result): string {
  const { case: what, elsewhere, settledAfter, late } = result;
  return [
    what.title,
    row('', 'messages', 'per s', 'lost', 'duplicated'),
    row(
      what.door === 'http' ? 'accepted (202)' : 'accepted (submit_sm_resp)',
      count(result.accepted),
      count(result.acceptedPerSecond),
    ),
    row(
      'to the SMSC',
      count(result.delivered),
      count(result.toSmscPerSecond),
      count(result.lost),
      count(result.duplicated),
    ),
    ...(result.receipts === undefined ? [] : [row('receipts taken', count(result.receipts))]),
    ...receiptsBackRows(result),
    ...callbackRows(result),
    ...oddRows(result),
    row('latency in ms', 'p50', 'p95', 'p99', 'max'),
    spreadRow('request → SMSC', result.toSmsc),
    spreadRow('request → answer', result.answer),
    ...(what.rate === undefined ? [] : [spreadRow('(generator behind schedule)', late)]),
    row('process', 'CPU µs/msg', 'of a core', 'resident MB'),
    ...result.processes.map(processRow),
    totalRow(result.processes),
    `  all work done ${settledAfter === undefined ? 'not within a minute' : `${ms(settledAfter)} ms`} after the last answer; ` +
      `all else on this machine used ${percent(elsewhere.busy)} of a core, its host kept ${percent(elsewhere.stolen)}`,
    '',
  ].join('\n');
}

const spreadRow = (name: string, { p50, p95, p99, max }: Spread) => row(name, ms(p50), ms(p95), ms(p99), ms(max));

const processRow = ({ name, part, cpuUs, busy, residentMb }: Process) =>
  row(part === 'rig' ? `(${name})` : name, us(cpuUs), percent(busy), residentMb.toFixed(0));

function totalRow(processes: readonly Process[]): string {
  const system = processes.filter(({ part }) => part === 'system');
  const sum = (of: (process: Process) => number) => system.reduce((total, process) => total + of(process), 0);
  const name = system.some((process) => process.name === 'broker') ? 'together' : 'together, without the broker';
  return row(
    name,
    us(sum((process) => process.cpuUs)),
    percent(sum((process) => process.busy)),
    sum((process) => process.residentMb).toFixed(0),
  );
}

function receiptsBackRows({ receiptsBack }: Result): string[] {
  if (!receiptsBack) return [];
  const { count: back, afterMs } = receiptsBack;
  return [`${row('receipts at the client', count(back))}   the last ${ms(afterMs)} ms after the last answer`];
}

function callbackRows({ callbacks }: Result): string[] {
  if (!callbacks) return [];
  return [
    row(
      'callbacks',
      count(callbacks.made),
      count(callbacks.perSecond),
      count(callbacks.lost),
      count(callbacks.duplicated),
    ),
  ];
}

/** What a good run does not have. */
function oddRows({ refused, uncertain, brokenConnections }: Result): string[] {
  return [
    ...Object.entries(refused).map(([status, n]) =>
      row(status === '0' ? 'not answered' : `refused with ${status}`, count(n)),
    ),
    ...(uncertain > 0 ? [row('of these at the SMSC', count(uncertain))] : []),
    ...(brokenConnections > 0 ? [row('connections that broke', count(brokenConnections))] : []),
  ];
}
