// The settings of one thing in the source: each is read once and leaves a note; what nobody read has no counterpart.
import { type Draft, faultAt, type Place, type Row } from './draft.ts';

export type Settings = {
  /** Where it begins. */
  place: Place;
  at(key: string): Place;
  has(key: string): boolean;
  /** All that there are. */
  keys: readonly string[];
  /** As it stands; without a note. */
  raw(key: string): unknown;
  /** A text that is not empty, a number or a truth value as text. `into` names the setting here that it becomes. */
  text(key: string, into?: string): string | undefined;
  /** A whole number. */
  number(key: string, into?: string): number | undefined;
  /** Its value is put aside; nothing when it is empty. */
  secret(key: string, into?: string): unknown;
  taken(key: string, into: string): void;
  changed(key: string, how: string): void;
  dropped(key: string, why: string): void;
  warn(key: string, what: string): void;
  fail(key: string, message: string): never;
  /** A note for each setting that was not read yet. */
  rest(why?: (key: string) => string): void;
};

const MOST_KEY = 60;
/** A key is the source's: only what cannot steer a terminal or hold much is shown. */
const shown = (key: string) => (key.length > MOST_KEY ? `${key.slice(0, MOST_KEY)}…` : key);

/** `owner` is in the names of its secrets. */
export function settingsOf(
  draft: Draft,
  owner: string,
  place: Place,
  row: Row,
  lineOf: (key: string) => number,
): Settings {
  const read = new Set<string>();
  const at = (key: string): Place => ({ file: place.file, line: lineOf(key) });
  const raw = (key: string): unknown => {
    read.add(key);
    return Object.hasOwn(row, key) ? row[key] : undefined;
  };
  const tell = (verdict: 'taken' | 'changed' | 'left out' | 'warning') => (key: string, what: string) => {
    read.add(key);
    draft.note(at(key), verdict, `${shown(key)}: ${what}`);
  };
  const fail = (key: string, message: string): never => {
    throw faultAt(at(key), `${shown(key)}: ${message}`);
  };
  const plain = (key: string): string | undefined => {
    const value = raw(key);
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value === 'object') return fail(key, 'a text belongs here, not a list or an object');
    return String(value);
  };
  const settings: Settings = {
    place,
    at,
    raw,
    fail,
    has: (key) => Object.hasOwn(row, key),
    keys: Object.keys(row),
    text(key, into) {
      const value = plain(key);
      if (into !== undefined && settings.has(key)) settings.taken(key, value === undefined ? 'empty, as unset' : into);
      return value;
    },
    number(key, into) {
      const value = settings.text(key, into)?.trim();
      if (value === undefined) return undefined;
      const n = /^0[xX][0-9a-fA-F]{1,8}$|^\d{1,9}$/.test(value) ? Number(value) : undefined;
      return n ?? fail(key, 'a whole number belongs here: is this still a placeholder?');
    },
    secret(key, into) {
      const value = plain(key);
      if (value === undefined) return undefined;
      if (/^[*x]{3,}$|^__CENSORED__$/i.test(value))
        settings.warn(key, 'the source hides it: write it into the file of the secrets');
      const given = draft.secret(at(key), `${owner}_${key}`, value);
      if (into !== undefined) settings.taken(key, into);
      return given;
    },
    taken: (key, into) => tell('taken')(key, `is ${into}`),
    changed: tell('changed'),
    dropped: tell('left out'),
    warn: tell('warning'),
    rest(why = () => 'no counterpart') {
      for (const key of Object.keys(row)) if (!read.has(key)) settings.dropped(key, why(key));
    },
  };
  return settings;
}
