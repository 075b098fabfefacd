// The steps of a judgement in words, for `hermod route` and a message's story.
import type { Standing } from './health.ts';
import type { Candidate, Route } from './policy.ts';

/** `ok`: the route matches, the provider could take it now, the picked provider is up. */
export type Step = { about: 'route' | 'provider' | 'pick'; name: string; ok: boolean; words: string };
export type Tell = (step: Step) => void;

export const standingStep = (name: string, { up, words }: Standing, tried: boolean): Step => ({
  about: 'provider',
  name,
  ok: up && !tried,
  words: tried ? `tried already; ${words}` : words,
});

/** Why this one of `possible`. */
export function pickStep(picked: Candidate, possible: readonly Candidate[], route: Route, standing: Standing): Step {
  const rank = possible.filter(({ rank }) => rank === picked.rank);
  const weights = rank.reduce((sum, { weight }) => sum + weight, 0);
  const chance = `weight ${picked.weight} of ${weights}`;
  const how =
    rank.length === 1
      ? `the first that can take it${picked.rank < 0 ? ', since it prefers such messages' : ''}`
      : route.pinMs === undefined
        ? `drawn with ${chance} by message id and hand-over`
        : `drawn with ${chance} by number, which keeps it for ${Math.round(route.pinMs / 60_000)} min`;
  const words = standing.up ? how : 'none is up: it waits there, and is judged again if nobody fetches it in time';
  return { about: 'pick', name: picked.name, ok: standing.up, words };
}

const MOST_WORDS = 300;

/** Why it goes there, and what keeps the others from it. */
export function whyWords(pick: Step, others: readonly Candidate[], standing: (provider: string) => Standing): string {
  const out = others.map(({ name }) => `${name}: ${standing(name).words}`);
  return [pick.words, ...out].join('; ').slice(0, MOST_WORDS);
}
