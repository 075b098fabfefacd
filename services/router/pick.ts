// Which provider of a rank gets a message: a draw by weight that needs no memory. The lot is a hash, so a router that
// repeats itself, and every other router, draws the same; and each provider draws for itself (rendezvous hashing), so
// that one which leaves or comes back moves its own messages only.
import type { Sms } from '#shared/messages/sms.ts';
import type { Candidate } from './policy.ts';

/** What is drawn with: 32 bits. */
export type Lot = number;

/** Two draws from one lot: which provider of a rank, and whether one that is still recovering takes part. */
const DRAW = { provider: 0, share: 0x9e3779b9 } as const;

/**
 * From message and hand-over; with `pinMs` from number and time instead, so that a handset keeps its provider. A pin is a
 * span of time and not a memory, because a memory would have to be shared by all routers: within its span a number stays
 * where it is, and each number's spans begin at another moment, so that not all of them move at once.
 */
export function lotOf({ id, handover, to, at }: Sms, pinMs: number | undefined): Lot {
  if (pinMs === undefined) return scramble(hash(id) + handover);
  const number = hash(to);
  return scramble(number + Math.floor((at + (number % pinMs)) / pinMs));
}

/**
 * Draws in the first rank that has a candidate which `admits` lets in; chances within it are as their weights. The
 * candidates are in the order of their ranks.
 */
export function draw(
  candidates: readonly Candidate[],
  lot: Lot,
  admits: (candidate: Candidate) => boolean,
): Candidate | undefined {
  let best: Candidate | undefined;
  let longest = Number.NEGATIVE_INFINITY;
  for (const candidate of candidates) {
    if (best && candidate.rank !== best.rank) break;
    if (!admits(candidate)) continue;
    // The largest of ln(u)/w wins with the chance w/Σw, for u drawn evenly from 0 to 1.
    const straw = Math.log(chance(lot, candidate.seed, DRAW.provider)) / candidate.weight;
    if (straw > longest) [best, longest] = [candidate, straw];
  }
  return best;
}

/** Whether a message of this lot is of the share (0 to 1) that a candidate may have now. */
export const inShare = (lot: Lot, seed: number, share: number): boolean =>
  share >= 1 || (share > 0 && chance(lot, seed, DRAW.share) < share);

/** Evenly from 0 to 1, both excluded. */
const chance = (lot: Lot, seed: number, draw: number) => (scramble(lot ^ seed ^ draw) + 0.5) / 2 ** 32;

/** FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
export function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

/** The last step of MurmurHash3, which makes every bit of the answer depend on every bit of `h`. */
function scramble(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
