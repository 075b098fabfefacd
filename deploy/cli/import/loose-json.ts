// Reads JSON as people paste it from documents and exports: with trailing or missing commas, single quotes and Python's
// words too. Keeps the line of every value, and says what was not JSON.
import { type Draft, faultAt, type Place } from './draft.ts';

export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
/** A value with the lines of its members, by their names from the top. */
export type Loose = { value: Json; lineOf(path: readonly string[]): number };

const MOST_DEPTH = 50;
const WORDS: Readonly<Record<string, boolean | null>> = { true: true, false: false, null: null };
const PYTHON: Readonly<Record<string, boolean | null>> = { True: true, False: false, None: null };
/** They stand in LinOTP's documentation where the values belong. */
const PLACEHOLDERS: Readonly<Record<string, string>> = {
  'JSON-REST-DATA': 'the provider\'s JSON, such as "to": ["<phone>"], "body": "<message>"',
  'REQUIRED-HEADER-DATA': 'the headers that the provider asks for, or take HEADERS out',
};
/** Keys that the documents misprint, and what they mean. */
const MISPRINTS: Readonly<Record<string, string>> = { user_ssl: 'use_ssl', SMTPIDENTIFIED: 'SMTPIDENTIFIER' };

/** `whole`: the text is on one line of the file, however many it has itself. Throws a fault with the line. */
export function readLoose(draft: Draft, start: Place, text: string, whole = false): Loose {
  const lines = new Map<string, number>();
  let at = 0;
  let line = start.line;
  const place = (): Place => ({ file: start.file, line });
  const fail = (message: string): never => {
    throw faultAt(place(), message);
  };
  const warn = (what: string) => draft.note(place(), 'warning', what);

  const skip = () => {
    for (; at < text.length && /[\s\ufeff]/.test(text[at]!); at++) if (text[at] === '\n' && !whole) line++;
  };
  const next = () => {
    skip();
    return text[at];
  };

  const readString = (): string => {
    const quote = text[at++]!;
    if (quote !== '"') warn('single quotes, where JSON has double ones: taken');
    let raw = '';
    for (;;) {
      const c = text[at++];
      if (c === undefined) return fail('a text has no closing quote');
      if (c === quote) break;
      if (c === '\n') return fail('a text goes over the end of the line: a quote is missing');
      if (c !== '\\') raw += c === '"' ? '\\"' : c;
      else raw += text[at] === "'" ? text[at++] : `\\${text[at++] ?? ''}`;
    }
    try {
      return JSON.parse(`"${raw.replaceAll('\t', '\\t')}"`) as string;
    } catch {
      return fail('a text has a wrong escape: a backslash is written \\\\');
    }
  };

  const readWord = (): Json => {
    const word = /^[^\s,:{}[\]()"']+/.exec(text.slice(at, at + 200))?.[0] ?? '';
    const known = WORDS[word] ?? PYTHON[word];
    if (Object.hasOwn(WORDS, word) || Object.hasOwn(PYTHON, word)) {
      at += word.length;
      return known as boolean | null;
    }
    if (/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(word)) {
      at += word.length;
      return Number(word);
    }
    if (Object.hasOwn(PLACEHOLDERS, word)) return fail(`${word} is a placeholder: write ${PLACEHOLDERS[word]}`);
    return fail(
      'here JSON has a value: a text stands in double quotes, and a placeholder gives way to what it stands for',
    );
  };

  /** Calls `one` for each member up to the closing bracket. */
  const members = (close: string, one: () => void) => {
    at++;
    let first = true;
    for (;;) {
      let c = next();
      if (c === ',' && !first) {
        at++;
        c = next();
        if (c === close) warn('a comma before the closing bracket: taken');
      } else if (c !== close && c !== undefined && !first) {
        warn('a comma is missing in front: taken');
      }
      if (c === undefined) fail(`the closing ${close} is missing`);
      if (c === close) {
        at++;
        return;
      }
      if (c === ',') fail('a comma too many');
      one();
      first = false;
    }
  };

  const readObject = (path: readonly string[], depth: number): Json => {
    const entries = new Map<string, Json>();
    members('}', () => {
      const c = text[at];
      if (c !== '"' && c !== "'") readWord();
      if (text[at] !== '"' && text[at] !== "'") fail('a name in double quotes belongs here');
      const written = readString();
      const keyLine = line;
      if (next() !== ':') fail('a colon is missing between a name and its value');
      at++;
      const inner = readValue([...path, written], depth + 1);
      const key = meant(written, inner);
      if (key !== written)
        draft.note({ file: start.file, line: keyLine }, 'warning', `${written} is a misprint of ${key}: taken as that`);
      if (entries.has(key))
        draft.note({ file: start.file, line: keyLine }, 'warning', 'a name stands there twice: the last one counts');
      entries.set(key, inner);
      lines.set(JSON.stringify([...path, key]), keyLine);
    });
    return Object.fromEntries(entries);
  };

  const readValue = (path: readonly string[], depth = 0): Json => {
    if (depth > MOST_DEPTH) return fail(`over ${MOST_DEPTH} brackets inside each other`);
    const c = next();
    if (c === undefined) return fail('the text ends where a value belongs');
    if (c === '"' || c === "'") return readString();
    if (c === '{') return readObject(path, depth);
    if (c !== '[' && c !== '(') return readWord();
    const list: Json[] = [];
    members(c === '[' ? ']' : ')', () => list.push(readValue([...path, String(list.length)], depth + 1)));
    return list;
  };

  const value = readValue([]);
  if (next() !== undefined) fail('behind the closing bracket there is more');
  return {
    value,
    lineOf(path) {
      for (let n = path.length; n > 0; n--) {
        const found = lines.get(JSON.stringify(path.slice(0, n)));
        if (found !== undefined) return found;
      }
      return start.line;
    },
  };
}

/** LinOTP's documentation gives the client's key under the name of its certificate. */
const meant = (key: string, value: Json): string =>
  key === 'certfile' && typeof value === 'string' && /\.key$|\/private\//.test(value)
    ? 'keyfile'
    : Object.hasOwn(MISPRINTS, key)
      ? MISPRINTS[key]!
      : key;

export const isObject = (value: unknown): value is { [name: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
