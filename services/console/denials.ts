// Who was refused at which door, why and when: what the doors remember, asked for again while someone looks, and put
// together by client, address and reason.
import type { Bus } from '#shared/bus/bus.ts';
import { askRefusals, type RefusalsOf } from '#shared/doors/refusals.ts';

export type Denial = {
  /** Undefined for a caller that is no client as far as is known. */
  client?: string;
  /** It only says that it is this client. */
  claimed: boolean;
  door: string;
  address: string;
  reason: string;
  detail: string;
  count: number;
  /** Epoch ms. */
  firstAt: number;
  lastAt: number;
};

export type Denials = {
  /** As far as is known now; asks again in the background when that is old. */
  known(): Denial[];
  fresh(): Promise<Denial[]>;
};

const EVERY_MS = 5_000;
const ANSWER_WITHIN_MS = 500;
/** What makes the words of a limit other words each second. */
const WAIT = /: try again in \d+ s$/;

export function openDenials(bus: Bus): Denials {
  let known: Denial[] = [];
  let asking: { at: number; done: Promise<Denial[]> } | undefined;
  const fresh = () => {
    if (!asking || performance.now() - asking.at > EVERY_MS) {
      const done = askRefusals(bus, ANSWER_WITHIN_MS).then((answers) => {
        known = together(answers);
        return known;
      });
      asking = { at: performance.now(), done };
    }
    return asking.done;
  };
  return {
    known() {
      fresh().catch(() => {});
      return known;
    },
    fresh,
  };
}

/** The latest first. */
export function together(answers: readonly RefusalsOf[]): Denial[] {
  const denials = new Map<string, Denial>();
  for (const { door, refusals } of answers) {
    for (const { at, address, client = undefined, claimed, reason, detail: said = '' } of refusals) {
      const detail = said.replace(WAIT, '');
      const who = client ?? claimed;
      const key = JSON.stringify([door, address, who, reason, detail]);
      const one = denials.get(key) ?? {
        ...(who === undefined ? {} : { client: who }),
        ...{ claimed: client === undefined && claimed !== undefined, door, address, reason, detail },
        ...{ count: 0, firstAt: at, lastAt: at },
      };
      one.count++;
      one.firstAt = Math.min(one.firstAt, at);
      one.lastAt = Math.max(one.lastAt, at);
      denials.set(key, one);
    }
  }
  return [...denials.values()].sort((a, b) => b.lastAt - a.lastAt);
}
