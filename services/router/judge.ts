// What to do with one message now: which provider takes it, or why it ends. Pure, so that a router which repeats itself
// decides the same. Everything that comes back (waited too long, given back, retry step over) is judged here again.
import type { Config, Route } from '#shared/config/schema.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { retryStep } from '#shared/outcome.ts';

export type Verdict =
  /** Hand it to this provider. `handover` rises only when an earlier one may have reached a worker. */
  | { kind: 'send'; provider: string; handover: number; attempts: number; tried: string[]; refusedBy: string[] }
  /** Wait for a retry step, then be judged afresh. */
  | { kind: 'wait'; step: number; attempts: number; refusedBy: string[] }
  | { kind: 'end'; state: 'rejected' | 'expired' | 'failed' | 'unknown'; reason: string };

/** What the router knows beside the message. `up` tells whether a provider could take a message now. */
export type Knowledge = Pick<Config, 'routes'> & { up: (provider: string) => boolean };

/** Each answer that was lost may have been an SMS on a handset: after so many, a person must look. */
const MOST_UNKNOWN = 5;

const matches = ({ when }: Route, message: Sms) =>
  (when.client === undefined || when.client === message.client) &&
  (when.lane === undefined || when.lane === message.lane) &&
  (when.prefix === undefined || message.to.startsWith(when.prefix));

/** First match wins. A provider that the client asked for must be on the route. */
export function providersFor(message: Sms, routes: readonly Route[]): readonly string[] {
  const route = routes.find((candidate) => matches(candidate, message));
  if (!route) return [];
  if (message.smsc === undefined) return route.to;
  return route.to.includes(message.smsc) ? [message.smsc] : [];
}

export function judge(message: Sms, knowledge: Knowledge, now: number): Verdict {
  if (now >= message.expiry)
    return { kind: 'end', state: 'expired', reason: lastReason(message, 'its validity was over') };
  const { provider, last } = message;
  const refusedBy = [...(message.refusedBy ?? [])];
  if (provider && last?.outcome === 'refused') refusedBy.push(provider);
  const possible = providersFor(message, knowledge.routes).filter((name) => !refusedBy.includes(name));
  if (possible.length === 0) {
    const reason =
      refusedBy.length > 0 ? lastReason(message, 'every provider refused it') : 'no route leads to a provider';
    return { kind: 'end', state: 'rejected', reason };
  }
  const answered = last?.outcome === 'retry' || last?.outcome === 'unknown';
  const attempts = message.attempts + (answered ? 1 : 0);
  if (last?.outcome === 'unknown' && attempts > MOST_UNKNOWN) {
    return { kind: 'end', state: 'unknown', reason: `handed over ${attempts} times, never answered: ${last.reason}` };
  }
  const tried = [...(message.tried ?? [])];
  if (provider && !tried.includes(provider)) tried.push(provider);
  const fresh = possible.filter((name) => !tried.includes(name));
  const next = fresh.find(knowledge.up) ?? fresh[0];
  if (next !== undefined && !(provider && !knowledge.up(next))) {
    // A first judgement keeps hand-over 0, so that a repeat of it is recognised; any later move is a new hand-over.
    return {
      kind: 'send',
      provider: next,
      handover: provider ? message.handover + 1 : message.handover,
      attempts,
      tried,
      refusedBy,
    };
  }
  if (last && answered) {
    const step = retryStep(attempts, now, message.expiry);
    if (step === undefined)
      return { kind: 'end', state: 'failed', reason: `no time left to try again: ${last.reason}` };
    return { kind: 'wait', step, attempts, refusedBy };
  }
  return again(message, possible, knowledge, { attempts, refusedBy });
}

/** Everyone on the route was tried, or none is up: stay where it is. Waiting keeps the hand-over's number, so that a copy that is still under way is recognised. */
function again(
  message: Sms,
  possible: readonly string[],
  knowledge: Knowledge,
  kept: { attempts: number; refusedBy: string[] },
): Verdict {
  const here = message.provider !== undefined && possible.includes(message.provider) ? message.provider : undefined;
  const provider = possible.find(knowledge.up) ?? here ?? possible[0]!;
  const moved = message.provider !== undefined && provider !== message.provider;
  return { kind: 'send', provider, handover: message.handover + (moved ? 1 : 0), tried: [], ...kept };
}

const lastReason = (message: Sms, otherwise: string) =>
  message.last ? `${otherwise}: ${message.last.reason}` : otherwise;
