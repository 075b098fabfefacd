// What a provider says about a request, fit for logs, reports and listings: without secrets, texts and full numbers.
import { maskNumber } from '../sms/number.ts';

const MOST_SHOWN = 160;
/** Shorter values stand in too many innocent places. */
const LEAST_SECRET = 4;
const NUMBER = /\+?\d{7,}/g;

/** `hidden`: secrets and texts. Longer ones first, so that none leaves its end behind. */
export function redact(words: string, hidden: readonly string[]): string {
  let shown = words;
  for (const one of hidden.filter((value) => value.length >= LEAST_SECRET).sort((a, b) => b.length - a.length))
    for (const form of [one, encodeURIComponent(one)]) shown = shown.replaceAll(form, '…');
  // Control characters and what is left of a text's line breaks.
  shown = shown.replaceAll(/[\0-\x1f\x7f]+/g, ' ').replaceAll(NUMBER, (number) => maskNumber(number.replace('+', '')));
  return shown.length > MOST_SHOWN ? `${shown.slice(0, MOST_SHOWN)}…` : shown;
}
