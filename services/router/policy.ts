// The routes, compiled once from the configuration: which route a message takes, and who on it may have the message.
import { ranksOf } from '#shared/config/routes.ts';
import type { Config, Provider, Route as Written } from '#shared/config/schema.ts';
import { senderFor } from '#shared/sms/sender.ts';
import { type Condition, conditionsOf, type Facts, listed, oneOf, prefixed } from './conditions.ts';
import { hash } from './pick.ts';
import type { Tell } from './steps.ts';

/** A provider on a route. */
export type Candidate = {
  name: string;
  /** Lower ranks first; candidates of one rank share it by weight. */
  rank: number;
  weight: number;
  /** Its own part in every draw. */
  seed: number;
  /** All must hold, or it is not asked. */
  limits: Condition[];
  /** Where this holds, the provider comes ahead of the rest of its route. */
  prefers: Condition | undefined;
  /** The sender as this provider gets it. */
  sender(from: string): string;
};

export type Route = {
  name: string;
  conditions: Condition[];
  /** In the order of their ranks. */
  candidates: Candidate[];
  /** Whether some candidate has limits or preferences. */
  particular: boolean;
  pinMs: number | undefined;
  /** Where its messages go once more when no receipt comes, and after how many ms. */
  fallback?: { after: number; to: string[] };
};

export type Policy = {
  routes: Route[];
  otherwise: Route | undefined;
  /** The way of a message for which no receipt came, over these of its providers that there are. */
  fallback(to: readonly string[]): Route;
};

type Settings = { [K in keyof Provider]?: Provider[K] };
const AHEAD = 1_000;

export function compilePolicy({
  routes,
  providers,
}: {
  routes: Config['routes'];
  providers: Record<string, Settings>;
}): Policy {
  const chosen = Object.keys(providers).find((name) => providers[name]!.default);
  const settings = (name: string): Settings => (Object.hasOwn(providers, name) ? providers[name]! : {});
  const compile = (written: Written, name: string) => compileRoute(written, name, settings);
  const fallbacks = new Map<string, Route>();
  return {
    routes: routes.map((written, i) => compile(written, `route ${i + 1}`)),
    otherwise: chosen === undefined ? undefined : compile({ when: {}, to: [chosen] }, 'the default'),
    fallback(to) {
      const key = to.join(' ');
      const known = fallbacks.get(key);
      if (known) return known;
      const there = to.filter((name) => Object.hasOwn(providers, name));
      const route = compile({ when: {}, to: there }, 'the fallback');
      fallbacks.set(key, route);
      return route;
    },
  };
}

function compileRoute(written: Written, name: string, settings: (name: string) => Settings): Route {
  const candidates = ranksOf(written).flatMap((group, rank) =>
    group.map(([provider, weight]): Candidate => {
      const { prefer, senders, ...limits } = settings(provider);
      return {
        name: provider,
        rank,
        weight,
        seed: hash(provider),
        limits: limitsOf(limits, written.maxCost),
        prefers: preferenceOf(prefer),
        sender: senderFor(senders),
      };
    }),
  );
  const particular = candidates.some(({ limits, prefers }) => limits.length > 0 || prefers);
  const { pin: pinMs, fallbackAfter: after, fallback: to } = written;
  const fallback = after === undefined || to === undefined ? {} : { fallback: { after, to } };
  return { name, conditions: conditionsOf(written), candidates, particular, pinMs, ...fallback };
}

const clientOf = ({ message }: Facts) => message.client;

/** As in Kannel: of clients, `deny` counts only without `allow`; of prefixes, `allow` names exceptions from `deny`. */
function limitsOf({ allow, deny, maxSegments, cost }: Settings, maxCost: number | undefined): Condition[] {
  const limits: (Condition | undefined)[] = [
    allow?.clients ? oneOf('client', allow.clients, clientOf) : not('client', deny?.clients),
    prefixLimit(allow?.prefixes, deny?.prefixes),
    maxSegments === undefined ? undefined : atMost(maxSegments, 'it takes at most'),
    maxCost === undefined ? undefined : atMost(segmentsFor(maxCost, cost), 'the cost ceiling allows'),
  ];
  return limits.filter((limit) => limit !== undefined);
}

function not(what: string, refused: readonly string[] | undefined): Condition | undefined {
  const among = oneOf(what, refused, clientOf);
  return among && { holds: (facts) => !among.holds(facts), words: () => `it denies ${listed(refused!)}` };
}

function prefixLimit(allowed?: readonly string[], denied?: readonly string[]): Condition | undefined {
  const allow = allowed && prefixed(allowed);
  const deny = denied && prefixed(denied);
  if (!deny) return allow;
  return {
    holds: (facts) => !deny.holds(facts) || (allow?.holds(facts) ?? false),
    words: () => `it denies numbers that begin with ${listed(denied)}`,
  };
}

const atMost = (most: number, words: string): Condition => ({
  holds: ({ message }) => message.segments <= most,
  words: ({ message }) => `segments: ${message.segments}, ${words} ${most}`,
});

/** Reckoned in millionths, since 3 × 0.07 is more than 0.21 in binary fractions. A cost that is not known fits under no ceiling. */
function segmentsFor(maxCost: number, cost: number | undefined): number {
  const millionths = (money: number) => Math.round(money * 1_000_000);
  if (cost === undefined) return 0;
  return cost === 0 ? Number.POSITIVE_INFINITY : Math.floor(millionths(maxCost) / millionths(cost));
}

function preferenceOf(prefer: Settings['prefer']): Condition | undefined {
  const client = oneOf('client', prefer?.clients, clientOf);
  const prefix = prefer?.prefixes && prefixed(prefer.prefixes);
  if (!client || !prefix) return client ?? prefix;
  return { holds: (facts) => client.holds(facts) || prefix.holds(facts), words: client.words };
}

export type Selected = { route: Route; candidates: readonly Candidate[] } | { reason: string };

/** The first route that matches, or the default; and those on it who may have the message. */
export function select(facts: Facts, { routes, otherwise, fallback }: Policy, tell?: Tell): Selected {
  const { fallback: ways } = facts.message;
  if (ways) return allowed(facts, fallback(ways), fallback(ways).candidates, tell);
  const route = routes.find((candidate) => matches(candidate, facts, tell)) ?? otherwise;
  if (!route) return { reason: 'no route leads to a provider' };
  if (route === otherwise) tell?.({ about: 'route', name: route.name, ok: true, words: 'takes what no route matches' });
  const { smsc } = facts.message;
  if (!route.particular && smsc === undefined) return { route, candidates: route.candidates };
  const asked = smsc === undefined ? route.candidates : route.candidates.filter(({ name }) => name === smsc);
  if (asked.length === 0)
    return { reason: `the client asked for provider ${smsc}, to which ${route.name} does not lead` };
  return allowed(facts, route, asked, tell);
}

function allowed(facts: Facts, route: Route, asked: readonly Candidate[], tell?: Tell): Selected {
  const candidates = asked.filter((candidate) => mayTake(candidate, facts, tell));
  if (candidates.length === 0) {
    const reasons = asked.map((candidate) => `${candidate.name}: ${failing(candidate.limits, facts)!.words(facts)}`);
    return { reason: `no provider of ${route.name} may take it: ${reasons.join('; ')}` };
  }
  return { route, candidates: preferredFirst(candidates, facts) };
}

const failing = (conditions: readonly Condition[], facts: Facts) =>
  conditions.find((condition) => !condition.holds(facts));

function matches({ name, conditions }: Route, facts: Facts, tell?: Tell): boolean {
  const missed = failing(conditions, facts);
  tell?.({ about: 'route', name, ok: !missed, words: missed ? missed.words(facts) : 'matches' });
  return !missed;
}

function mayTake({ name, limits }: Candidate, facts: Facts, tell?: Tell): boolean {
  const missed = failing(limits, facts);
  if (missed) tell?.({ about: 'provider', name, ok: false, words: missed.words(facts) });
  return !missed;
}

function preferredFirst(candidates: readonly Candidate[], facts: Facts): readonly Candidate[] {
  const preferred = candidates.filter(({ prefers }) => prefers?.holds(facts));
  if (preferred.length === 0) return candidates;
  const rest = candidates.filter((candidate) => !preferred.includes(candidate));
  return [...preferred.map((candidate) => ({ ...candidate, rank: candidate.rank - AHEAD })), ...rest];
}
