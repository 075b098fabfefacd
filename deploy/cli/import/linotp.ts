// `hermod import linotp`: definitions of SMS providers as JSON or in the ini form, their bare configuration as the
// documentation prints it, policies that choose among them, and gnokii's configuration.
import { type Draft, faultAt, type Place, type Row } from './draft.ts';
import { type IniSection, isIni, readIni } from './ini.ts';
import { CLASSES } from './linotp-classes.ts';
import { isPolicy, type Policy, routesOf } from './linotp-policies.ts';
import { isObject, type Json, type Loose, readLoose } from './loose-json.ts';
import { settingsOf } from './settings.ts';
import { addClient, type Choices, type Source } from './source.ts';

type Definition = {
  name: string;
  place: Place;
  class?: string;
  config: Row;
  lineOf: (key: string) => number;
  timeout?: string;
  standby: boolean;
};

/** Adds the rows of all files to the draft. */
export function importLinotp(draft: Draft, sources: readonly Source[], choices: Choices): void {
  const definitions: Definition[] = [];
  const policies: Policy[] = [];
  for (const source of sources) {
    if (isIni(source.text)) fromIni(draft, source, definitions, policies);
    else fromJson(draft, source, definitions, policies);
  }
  for (const definition of definitions) addProvider(draft, definition);
  const first = { file: sources[0]?.file ?? '', line: 1 };
  if (Object.keys(draft.providers).length === 0)
    throw faultAt(first, 'there is no SMS provider in it: LinOTP shows its configuration under Provider Config');
  chooseDefault(draft, definitions, first);
  draft.routes.push(...routesOf(draft, policies));
  addClient(draft, 'linotp', first, choices);
}

const textOf = (value: Json | undefined): string | undefined =>
  value === undefined || value === null || typeof value === 'object' ? undefined : String(value);
const byName = (row: Row, name: string) => Object.keys(row).find((key) => key.toLowerCase() === name) ?? name;

function fromJson(draft: Draft, { file, name, text }: Source, definitions: Definition[], policies: Policy[]): void {
  const place = { file, line: 1 };
  const bare = /^\s*"[^"]*"\s*:/.test(text);
  if (bare) draft.note(place, 'warning', 'the braces around the settings are missing: taken as if they were there');
  const loose = readLoose(draft, place, bare ? `{${text}}` : text);
  const { value, path } = insideAnswer(loose.value);
  for (const { found, where, called } of itemsIn(value, path, name)) {
    const at = { file, line: loose.lineOf(where) };
    if (isPolicy(found)) policies.push({ name: called, place: at, values: found });
    else if (Object.hasOwn(found, byName(found, 'config')))
      definitions.push(definitionOf(draft, found, loose, where, at, called));
    else if (classOf(undefined, found)) {
      const lineOf = (key: string) => loose.lineOf([...where, key]);
      definitions.push({ name: called, place: at, config: found, lineOf, standby: false });
    } else draft.note(at, 'left out', 'this is no SMS provider and no policy');
  }
}

/** LinOTP's API wraps its answers: `{result: {value: …}}`. */
function insideAnswer(answer: Json): { value: Json; path: string[] } {
  let value = answer;
  const path: string[] = [];
  for (const step of ['result', 'value']) {
    if (!isObject(value) || !isObject(value[step])) break;
    value = value[step];
    path.push(step);
  }
  return { value, path };
}

type Item = { found: Row; where: string[]; called: string };

/** One thing, a list of them, or several by their names. */
function itemsIn(value: Json, path: string[], name: string): Item[] {
  if (
    isObject(value) &&
    (isPolicy(value) || classOf(undefined, value) || Object.hasOwn(value, byName(value, 'config')))
  )
    return [{ found: value, where: path, called: nameIn(value) ?? name }];
  const isList = Array.isArray(value);
  return Object.entries(value ?? {}).flatMap(([key, one]) => {
    if (!isObject(one)) return [];
    return [
      { found: one, where: [...path, key], called: nameIn(one) ?? (isList ? `${name}-${Number(key) + 1}` : key) },
    ];
  });
}

const nameIn = (value: Json) => (isObject(value) ? textOf(value[byName(value, 'name')]) : undefined);

function definitionOf(draft: Draft, found: Row, loose: Loose, where: string[], place: Place, name: string): Definition {
  const [classKey, configKey, timeoutKey, defaultKey] = ['class', 'config', 'timeout', 'default'].map((key) =>
    byName(found, key),
  ) as [string, string, string, string];
  const inner = found[configKey] as Json;
  const line = loose.lineOf([...where, configKey]);
  const parsed = typeof inner === 'string' ? readLoose(draft, { file: place.file, line }, inner, true) : undefined;
  const config = parsed ? parsed.value : inner;
  if (!isObject(config)) throw faultAt({ file: place.file, line }, 'Config: an object in braces belongs here');
  const known = [classKey, configKey, timeoutKey, defaultKey, byName(found, 'name')];
  for (const key of Object.keys(found))
    if (!known.includes(key))
      draft.note(
        { file: place.file, line: loose.lineOf([...where, key]) },
        'left out',
        `${key.slice(0, 60)}: no counterpart`,
      );
  const timeout = textOf(found[timeoutKey] as Json);
  return {
    name,
    place,
    class: textOf(found[classKey] as Json) ?? '',
    config,
    lineOf: (key) => (parsed ? line : loose.lineOf([...where, configKey, key])),
    ...(timeout === undefined ? {} : { timeout }),
    standby: /^(true|1|yes|on)$/i.test(textOf(found[defaultKey] as Json) ?? ''),
  };
}

function fromIni(draft: Draft, { file, name, text }: Source, definitions: Definition[], policies: Policy[]): void {
  for (const section of readIni(file, text)) {
    const place = { file, line: section.line };
    const sms = /^sms:(.+)$/i.exec(section.name)?.[1];
    const value = (key: string) => section.values.get(key)?.text;
    if (sms !== undefined) {
      const config = section.values.get('config');
      if (!config) throw faultAt(place, 'config is missing in this section');
      const loose = readLoose(draft, { file, line: config.line }, config.text);
      if (!isObject(loose.value))
        throw faultAt({ file, line: config.line }, 'config: an object in braces belongs here');
      definitions.push({
        name: sms.trim(),
        place,
        class: value('class') ?? '',
        config: loose.value,
        lineOf: (key) => loose.lineOf([key]),
        ...(value('timeout') ? { timeout: value('timeout')! } : {}),
        standby: /^(true|1|yes|on)$/i.test(value('default') ?? ''),
      });
    } else if (section.values.has('scope') || section.values.has('action')) {
      const values = Object.fromEntries(Array.from(section.values, ([key, { text: one }]) => [key, one]));
      policies.push({ name: section.name, place, values });
    } else if (section.name === 'global' && section.values.has('port')) {
      addPhone(draft, place, name, section, file);
    } else {
      draft.note(place, 'left out', 'this section is no SMS provider and no policy');
    }
  }
}

/** The phone of a gnokiirc, driven by Hermod itself. */
function addPhone(draft: Draft, place: Place, name: string, { values }: IniSection, file: string): void {
  const row = Object.fromEntries(Array.from(values, ([key, { text }]) => [key, text]));
  const settings = settingsOf(draft, name, place, row, (key) => values.get(key)?.line ?? place.line);
  const device = settings.text('port', 'device');
  if (settings.text('connection', 'a device of this machine') !== undefined && row.connection !== 'serial')
    settings.fail('connection', 'only serial can be a modem here: keep gnokii, with gnokii.config');
  if (settings.has('model')) settings.changed('model', 'modemType: auto asks the device');
  settings.rest();
  draft.add('providers', { file, line: place.line }, name, { bearer: 'modem', device });
}

/** The class by its name in any of its spellings, else by what the configuration has. */
function classOf(name: string | undefined, config: Row): string | undefined {
  const word = /(?:^|\.)(\w+)Provider$/.exec(name ?? '')?.[1];
  if (word && Object.hasOwn(CLASSES, word)) return word;
  return Object.keys(CLASSES).find((one) => Object.hasOwn(config, CLASSES[one]!.knownBy));
}

function addProvider(draft: Draft, definition: Definition): void {
  const { name, place, config, timeout, standby } = definition;
  const found = classOf(definition.class, config);
  if (found === undefined) {
    draft.note(place, 'left out', `${name.slice(0, 60)}: its class is none of LinOTP's`);
    return;
  }
  if (!definition.class?.includes(found))
    draft.note(place, 'changed', `read as ${found}Provider, by what its configuration has`);
  // LinOTP itself writes the definition's Timeout into the configuration.
  const row = timeout !== undefined && !Object.hasOwn(config, 'timeout') ? { ...config, timeout } : config;
  const line = (key: string) => (Object.hasOwn(config, key) ? definition.lineOf(key) : place.line);
  const settings = settingsOf(draft, name, place, row, line);
  const { read, bearer } = CLASSES[found]!;
  const made = read(draft, settings, name);
  settings.rest((key) =>
    key === 'PREFERRED_HTTPLIB'
      ? 'there is one HTTP library here'
      : 'LinOTP does not look at it, or it has no counterpart',
  );
  if (made) draft.add('providers', place, name, { bearer, ...made, ...(standby ? { default: true } : {}) });
}

/** What no route matches: the marked one, else the one that LinOTP made of an older configuration, else the only one. */
function chooseDefault(draft: Draft, definitions: readonly Definition[], first: Place): void {
  const marked = Object.values(draft.providers).filter((row) => row.default);
  for (const row of marked.slice(1)) row.default = undefined;
  if (marked.length > 1) draft.note(first, 'warning', 'several providers are the default: the first one is');
  if (marked.length > 0) return;
  const old = definitions.find(({ name }) => name === 'imported_default');
  const rows = Object.entries(draft.providers);
  const chosen = old ? draft.providerOf(old.name) : rows.length === 1 ? rows[0]![0] : undefined;
  if (chosen === undefined) {
    const what = 'no provider is the default: what no route matches is rejected; write default: true into a row';
    draft.note(first, 'warning', what);
    return;
  }
  draft.providers[chosen]!.default = true;
  draft.note(old?.place ?? first, 'changed', `${chosen} takes what no route matches (default: true)`);
}
