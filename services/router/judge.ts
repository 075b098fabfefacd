// What to do with one message now: which provider takes it, or why it ends. Pure, so that a router which repeats itself
// decides the same. Everything that comes back (waited too long, given back, retry step over) is judged here again.
import type { Sms } from '#shared/messages/sms.ts';
import { retryStep } from '#shared/outcome.ts';
import type { Standing } from './health.ts';
import { draw, inShare, lotOf } from './pick.ts';
import { type Candidate, type Policy, select } from './policy.ts';
import { pickStep, type Step, standingStep, type Tell, whyWords } from './steps.ts';

export type Verdict =
  /** Hand it to this provider, with this sender. `handover` rises only when an earlier one may have reached a worker. */
  | {
      kind: 'send';
      provider: string;
      from: string;
      handover: number;
      attempts: number;
      tried: string[];
      refusedBy: string[];
      /** In words, where it is not simply the first choice. */
      why?: string;
      /** A first hand-over on a route with a fallback. */
      fallback?: { after: number; to: string[] };
    }
  /** Wait for a retry step, then be judged afresh. */
  | { kind: 'wait'; step: number; attempts: number; refusedBy: string[] }
  | { kind: 'end'; state: 'rejected' | 'expired' | 'failed' | 'unknown'; reason: string };

/**
 * What the router knows beside the message. `standing` tells whether a provider could take a message now, `isSuppressed`
 * whether the number asked the client to stop: since the door looked, or when it could not.
 */
export type Knowledge = {
  policy: Policy;
  standing: (provider: string) => Standing;
  isSuppressed?: (client: string, number: string) => boolean;
};

/** Each answer that was lost may have been an SMS on a handset: after so many, a person must look. */
const MOST_UNKNOWN = 5;

/** The sender that the client gave, whatever was written into the message for a provider. */
export const givenSender = (message: Sms) => message.givenFrom ?? message.from;

/** `tell` hears the steps in words; without it nothing is put into words. */
export function judge(message: Sms, { policy, standing, isSuppressed }: Knowledge, now: number, tell?: Tell): Verdict {
  if (now >= message.expiry) return end('expired', lastReason(message, 'its validity was over'));
  if (isSuppressed?.(message.client, message.to)) return end('rejected', 'the number asked this client to stop');
  const { provider, last } = message;
  const from = givenSender(message);
  const selected = select({ message, from, now }, policy, tell);
  if ('reason' in selected) return end('rejected', selected.reason);
  const refusedBy = [...(message.refusedBy ?? [])];
  if (provider && last?.outcome === 'refused') refusedBy.push(provider);
  const possible = without(selected.candidates, refusedBy);
  if (possible.length === 0) return end('rejected', lastReason(message, 'every provider refused it'));
  const answered = last?.outcome === 'retry' || last?.outcome === 'unknown';
  const attempts = message.attempts + (answered ? 1 : 0);
  if (last?.outcome === 'unknown' && attempts > MOST_UNKNOWN)
    return end('unknown', `handed over ${attempts} times, never answered: ${last.reason}`);
  const tried = [...(message.tried ?? [])];
  if (provider && !tried.includes(provider)) tried.push(provider);
  const fresh = without(possible, tried);
  if (tell) for (const { name } of possible) tell(standingStep(name, standing(name), tried.includes(name)));

  const lot = lotOf(message, selected.route.pinMs);
  const ready = (candidates: readonly Candidate[]) =>
    draw(candidates, lot, ({ name, seed }) => inShare(lot, seed, standing(name).share)) ??
    draw(candidates, lot, ({ name }) => standing(name).up);
  const send = (to: Candidate, tried: string[], handover: number): Verdict => {
    const pick = () => pickStep(to, possible, selected.route, standing(to.name));
    tell?.(pick());
    const others = possible.filter(({ name, rank }) => rank <= to.rank && name !== to.name && isOut(standing(name)));
    // The same for every message on a healthy way: then nothing is put into words.
    const plain = !provider && !message.fallback && others.length === 0 && !isOut(standing(to.name));
    const late = message.fallback ? 'no receipt came in time: ' : '';
    const why = plain ? {} : { why: late + whyWords(pick(), others, standing) };
    const isFirst = !provider && handover === 0 && attempts === 0;
    const fallback = isFirst && selected.route.fallback ? { fallback: selected.route.fallback } : {};
    return {
      kind: 'send',
      provider: to.name,
      from: to.sender(from),
      handover,
      attempts,
      tried,
      refusedBy,
      ...why,
      ...fallback,
    };
  };
  // A first judgement takes a provider that is down rather than none: what nobody fetches there in time comes back.
  const next = ready(fresh) ?? (provider ? undefined : draw(fresh, lot, anyone));
  // It keeps hand-over 0, so that a repeat of it is recognised; any later move is a new hand-over.
  if (next) return send(next, tried, message.handover + (provider ? 1 : 0));
  if (last && answered) {
    const step = retryStep(attempts, now, message.expiry);
    if (step === undefined) return end('failed', `no time left to try again: ${last.reason}`);
    return { kind: 'wait', step, attempts, refusedBy };
  }
  // Everyone on the route was tried, or none is up. Where it stays, waiting keeps the hand-over's number, so that a copy
  // that is still under way is recognised.
  const here = possible.find(({ name }) => name === provider);
  const stay = ready(possible) ?? here ?? draw(possible, lot, anyone)!;
  return send(stay, [], message.handover + (provider && stay.name !== provider ? 1 : 0));
}

/** The judgement, and its steps in words. */
export function explain(message: Sms, knowledge: Knowledge, now: number): { steps: Step[]; verdict: Verdict } {
  const steps: Step[] = [];
  const verdict = judge(message, knowledge, now, (step) => steps.push(step));
  return { steps, verdict };
}

const end = (state: Extract<Verdict, { kind: 'end' }>['state'], reason: string): Verdict => ({
  kind: 'end',
  state,
  reason,
});

const anyone = () => true;

const isOut = ({ up, share }: Standing) => !up || share < 1;

const without = (candidates: readonly Candidate[], names: readonly string[]) =>
  names.length === 0 ? candidates : candidates.filter(({ name }) => !names.includes(name));

const lastReason = (message: Sms, otherwise: string) =>
  message.last ? `${otherwise}: ${message.last.reason}` : otherwise;
