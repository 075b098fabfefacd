// What an import builds up: rows for our configuration, the secrets that they name, and a note for each line of the source.
// The rows it gives have passed the configuration's own check.
import { stringify } from 'yaml';
import { ConfigError, parseConfig } from '#shared/config/load.ts';
import { Fault } from '../fault.ts';

export type Place = { file: string; line: number };
/** What became of a line: as it was, with another meaning, without a counterpart here, or to be looked at. */
export type Verdict = 'taken' | 'changed' | 'left out' | 'warning';
export type Note = Place & { verdict: Verdict; what: string };
export type Row = Record<string, unknown>;
export type Imported = { yaml: string; env: Record<string, string>; notes: Note[] };

/** One secret of the source: in the rows it is `${name}`. */
class Secret {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** A source that cannot be imported: where, what is wrong, and what to do. Never with a value of the source. */
export const faultAt = ({ file, line }: Place, message: string) => new Fault(`${file}:${line}: ${message}`);

export type Draft = {
  /** Sections in the order in which they are written. */
  listen: Row;
  clients: Record<string, Row>;
  providers: Record<string, Row>;
  routes: Row[];
  scripts?: Row;
  incoming?: Row;
  note(place: Place, verdict: Verdict, what: string): void;
  /** Puts the value aside; what is given stands for it in a row. `hint` becomes the variable's name. */
  secret(place: Place, hint: string, value: string): unknown;
  /** Adds a row under the nearest name that the configuration allows, and gives that name. */
  add(section: 'clients' | 'providers', place: Place, name: string, row: Row): string;
  /** The name that `add` gave to a provider of the source. */
  providerOf(name: string): string | undefined;
  finish(): Imported;
};

const MOST_NAME = 32;

/** `withSecrets`: write them into the rows. */
export function newDraft({ withSecrets = false } = {}): Draft {
  const notes: Note[] = [];
  const env: Record<string, string> = {};
  const origins = new Map<string, Place>();
  const names = new Map<string, string>();
  const draft: Draft = {
    listen: {},
    clients: {},
    providers: {},
    routes: [],
    note: (place, verdict, what) => notes.push({ file: place.file, line: place.line, verdict, what }),
    secret(place, hint, value) {
      if (/[\0\r\n]/.test(value))
        throw faultAt(place, 'a secret with a line break or NUL cannot go into the environment');
      if (withSecrets && !value.includes('${')) return value;
      const name = unique(variable(hint), env, '_');
      env[name] = value;
      return new Secret(name);
    },
    add(section, place, name, row) {
      const fitting = unique(nameOf(name), draft[section], '-');
      const what = section === 'clients' ? 'client' : 'provider';
      if (fitting !== name) draft.note(place, 'changed', `the ${what} is called ${fitting} here`);
      draft[section][fitting] = row;
      origins.set(`${section}.${fitting}`, place);
      if (section === 'providers' && !names.has(name)) names.set(name, fitting);
      return fitting;
    },
    providerOf: (name) => names.get(name),
    finish() {
      const { listen, clients, providers, routes, scripts, incoming } = draft;
      const sections = { listen, clients, providers, scripts, routes, incoming };
      const filled = Object.fromEntries(
        Object.entries(sections).filter(([, part]) => part && Object.keys(part).length > 0),
      );
      const yaml = stringify(written(filled, draft), { lineWidth: 0, aliasDuplicateObjects: false });
      check(yaml, env, origins);
      const files = [...new Set(notes.map(({ file }) => file))];
      notes.sort((a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line);
      return { yaml, env, notes };
    },
  };
  return draft;
}

const NOWHERE = { file: 'import', line: 1 };

/** What a terminal could obey, but for line ends and tabs. */
const STEERING = /[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

/** Secrets become `${NAME}`; so does any text that the configuration would take for one. */
function written(value: unknown, draft: Draft): unknown {
  if (value instanceof Secret) return `\${${value.name}}`;
  if (typeof value === 'string' && STEERING.test(value))
    throw faultAt(NOWHERE, 'a text has a control character, which cannot be imported');
  if (typeof value === 'string' && value.includes('${')) return written(draft.secret(NOWHERE, 'TEXT', value), draft);
  if (Array.isArray(value)) return value.map((one) => written(one, draft));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  for (const [key] of entries)
    if (key.includes('${') || STEERING.test(key))
      throw faultAt(NOWHERE, 'a name with a control character or `${` cannot stand in the configuration');
  return Object.fromEntries(entries.map(([key, one]) => [key, written(one, draft)]));
}

/** The rows as `hermod check` sees them; a fault is told at the place that the row came from. */
function check(yaml: string, env: Record<string, string>, origins: ReadonlyMap<string, Place>): void {
  try {
    parseConfig(yaml, 'rows', env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const [, path = '', words = error.message] = /^rows:\d+: ([^\s:]+): (.*)/.exec(error.message.split('\n')[0]!) ?? [];
    const place = origins.get(path.split('.').slice(0, 2).join('.')) ?? NOWHERE;
    throw faultAt(place, `this gives no row that Hermod takes: ${path}: ${words}`);
  }
}

const nameOf = (name: string) =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, MOST_NAME)
    .replaceAll(/^-+|-+$/g, '') || 'imported';

const variable = (hint: string) => {
  const words = hint.toUpperCase().replaceAll(/[^A-Z0-9]+/g, '_');
  return /^[A-Z]/.test(words) ? words : `HERMOD_${words}`;
};

function unique(name: string, taken: object, between: string): string {
  if (!Object.hasOwn(taken, name)) return name;
  for (let n = 2; ; n++) {
    const next = `${name.slice(0, MOST_NAME - 4)}${between}${n}`;
    if (!Object.hasOwn(taken, next)) return next;
  }
}
