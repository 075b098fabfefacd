// What a setting that does not exist was meant to be: the nearest key that the same row of the file would take.
import { schema } from './schema.ts';

type Shape = {
  properties?: Record<string, Shape>;
  required?: string[];
  const?: unknown;
  additionalProperties?: Shape | boolean;
  items?: Shape;
  anyOf?: Shape[];
  oneOf?: Shape[];
};

/** A value's part behind a step; undefined where there is none. */
const within = (value: unknown, step: PropertyKey): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, step)
    ? (value as Record<PropertyKey, unknown>)[step]
    : undefined;

/** Not the row of another bearer or preset than the value's. */
const fits = ({ properties = {}, required = [] }: Shape, value: unknown): boolean =>
  Object.entries(properties).every(([key, { const: only }]) => {
    const is = within(value, key);
    return only === undefined || is === only || (is === undefined && !required.includes(key));
  });

/** A shape and all that it may be instead, as far as the value can be of it. */
const alternatives = (shape: Shape, value: unknown): Shape[] =>
  fits(shape, value)
    ? [shape, ...[...(shape.anyOf ?? []), ...(shape.oneOf ?? [])].flatMap((one) => alternatives(one, value))]
    : [];

/** The schema's JSON Schema, made when something is wrong for the first time. */
let whole: Shape | undefined;

/** The keys that could stand at a path of this file. */
function keysAt(path: readonly PropertyKey[], content: unknown): string[] {
  let value = content;
  whole ??= schema.toJSONSchema({ io: 'input' }) as Shape;
  let shapes = [whole];
  for (const step of path) {
    value = within(value, step);
    shapes = shapes.flatMap((one) => {
      const next = typeof step === 'number' ? one.items : (one.properties?.[String(step)] ?? one.additionalProperties);
      return next && typeof next === 'object' ? alternatives(next, value) : [];
    });
  }
  return shapes.flatMap((one) => Object.keys(one.properties ?? {}));
}

/** The key that may have been meant by this one, which the schema does not know at `path`. */
export const meantKey = (key: string, path: readonly PropertyKey[], content: unknown): string | undefined =>
  nearest(key, keysAt(path, content));

/** The known key with the smallest edit distance, when it is near enough to be meant. */
function nearest(key: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(2, Math.floor(key.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(key.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}
