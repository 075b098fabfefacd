// Routes that can never match, because an earlier one takes every message that they would.
import type { Config, Route } from '#shared/config/schema.ts';

type When = Route['when'];

/** Numbers count from 1, as in `hermod route`. */
export function shadowedRoutes(routes: Config['routes']): { route: number; by: number }[] {
  return routes.flatMap(({ when }, i) => {
    const by = routes.slice(0, i).findIndex((earlier) => covers(earlier.when, when));
    return by === -1 ? [] : [{ route: i + 1, by: by + 1 }];
  });
}

/** Whether every message of `narrow` is one of `wide`, as far as that can be seen from the conditions one by one. */
export const covers = (wide: When, narrow: When): boolean =>
  (Object.keys(wide) as (keyof When)[]).every((key) => {
    const [outer, inner] = [wide[key], narrow[key]];
    if (outer === undefined) return true;
    if (inner === undefined) return false;
    if (key === 'time') return JSON.stringify(inner) === JSON.stringify(outer);
    const within = key === 'prefix' ? begins : same;
    return list(inner).every((one) => list(outer).some((other) => within(one, other)));
  });

/** A pattern counts as its source. */
const list = (value: unknown) => [value].flat().map(String);
const begins = (one: string, other: string) => one.startsWith(other);
const same = (one: string, other: string) => one === other;
