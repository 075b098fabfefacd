// What people and machines see: lines, tables, times and JSON. Values come from clients, providers and handsets, so
// whatever could steer a terminal is taken out here, once.
import { stripVTControlCharacters, styleText } from 'node:util';

type Colour = 'green' | 'red' | 'yellow' | 'dim';

const MOST_COLUMNS = 100;
/** Everything that a terminal could obey; the first part, which is left in, matches the colours that `paint` makes. */
const STEERING = /\x1b\[(?:2|22|3[123]|39)m|[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu;

/** One line on stdout. Control characters in it, line ends included, become `·`. */
export function say(line = ''): void {
  process.stdout.write(`${harmless(line)}\n`);
}

/** One line on stderr. */
export function warn(line: string): void {
  process.stderr.write(`${harmless(line)}\n`);
}

export const harmless = (text: string) => text.replaceAll(STEERING, (found) => (found.length > 1 ? found : '·'));

/** JSON on stdout. C1 controls, which JSON allows and terminals obey, are written as escapes. */
export function sayJson(value: unknown): void {
  const text = JSON.stringify(value, undefined, 2);
  const escaped = text.replaceAll(/[\x7f-\x9f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  process.stdout.write(`${escaped}\n`);
}

/** Colour on a terminal only, and not with NO_COLOR. */
export const paint = (colour: Colour, text: string): string => styleText(colour, text, { stream: process.stdout });

const STATE_COLOURS: Record<string, Colour> = {
  delivered: 'green',
  sent: 'green',
  up: 'green',
  failed: 'red',
  rejected: 'red',
  expired: 'red',
  unknown: 'red',
  'no worker': 'red',
  'not bound': 'red',
  cancelled: 'yellow',
  paused: 'yellow',
};

export const paintState = (state: string): string => {
  const colour = STATE_COLOURS[state.trim()];
  return colour ? paint(colour, state) : state;
};

/** Columns as wide as their widest cell; the last one is cut where the line would pass 100 columns. */
export function sayTable(heads: readonly string[], rows: readonly (readonly string[])[]): void {
  const width = (text: string) => stripVTControlCharacters(text).length;
  const widths = heads.map((head, i) => Math.max(width(head), ...rows.map((row) => width(row[i] ?? ''))));
  const last = heads.length - 1;
  const before = widths.slice(0, last).reduce((sum, w) => sum + w + 2, 0);
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (i === last ? cut(cell, MOST_COLUMNS - before) : cell + ' '.repeat(widths[i]! - width(cell))))
      .join('  ')
      .trimEnd();
  say(paint('dim', line(heads)));
  for (const row of rows) say(line(row));
}

export function cut(text: string, most: number): string {
  const room = Math.max(most, 12);
  return stripVTControlCharacters(text).length > room ? `${text.slice(0, room - 1)}…` : text;
}

const two = (n: number) => String(n).padStart(2, '0');

/** Local time with seconds; the date too when it is not today. `ms` is epoch milliseconds. */
export function clock(ms: number, now = Date.now()): string {
  const at = new Date(ms);
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  if (at.toDateString() === new Date(now).toDateString()) return time;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
}

/** `12 s ago`. */
export function ago(ms: number, now = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - ms) / 1_000));
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h ago`;
  return `${Math.round(seconds / 86_400)} d ago`;
}

/** `1 client`, `2 clients`. */
export const count = (n: number, noun: string) => `${n} ${noun}${n === 1 ? '' : 's'}`;
