// What a bearer and its provider say to each other about one message, written down for a person who tries the provider.
// Nobody watches in ordinary work: then `Show` is undefined and nothing is put into words.
import type { Said } from '../messages/trial.ts';

export type Show = (by: Said['by'], ...lines: string[]) => void;

const MOST_LINES = 400;
const MOST_LINE = 2_000;
const OCTETS_IN_LINE = 32;

/** `said` fills with what `show` hears; what is longer than anyone reads is cut. */
export function openDialogue(): { said: Said[]; show: Show } {
  const said: Said[] = [];
  let count = 0;
  return {
    said,
    show(by, ...lines) {
      const room = lines.slice(0, MOST_LINES - count).map((line) => line.slice(0, MOST_LINE));
      count += room.length;
      if (room.length > 0) said.push({ by, lines: room });
    },
  };
}

/** Octets in hex, some in each line. */
export function hexLines(octets: Buffer): string[] {
  const lines = [];
  for (let at = 0; at < octets.length; at += OCTETS_IN_LINE)
    lines.push(octets.toString('hex', at, Math.min(at + OCTETS_IN_LINE, octets.length)));
  return lines;
}
