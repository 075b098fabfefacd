// What a provider says about a request, fit for logs, reports and listings: without secrets, texts and full numbers.
import { maskNumber } from '../sms/number.ts';

const MOST_SHOWN = 160;
/** Shorter values stand in too many innocent places. */
const LEAST_SECRET = 4;
const NUMBER = /\+?\d{7,}/g;
/** Credentials of a header that the provider repeats, in whatever coding. */
const CREDENTIALS = /\b(Basic|Bearer|AccessKey)\s+[\w+/=.~-]{8,}/gi;

/** `hidden`: secrets and texts. */
export function redact(words: string, hidden: readonly string[]): string {
  let shown = hide(words, hidden);
  // Control characters and what is left of a text's line breaks.
  shown = shown.replaceAll(/[\0-\x1f\x7f]+/g, ' ').replaceAll(NUMBER, (number) => maskNumber(number.replace('+', '')));
  return shown.length > MOST_SHOWN ? `${shown.slice(0, MOST_SHOWN)}…` : shown;
}

/** The words without `hidden`, in any of the forms that they have on the line, and without a header's credentials. */
export function hide(words: string, hidden: readonly string[]): string {
  let shown = words;
  // Longer ones first, so that none leaves its end behind.
  for (const one of hidden.filter((value) => value.length >= LEAST_SECRET).sort((a, b) => b.length - a.length))
    for (const form of formsOf(one)) shown = shown.replaceAll(form, '…');
  return shown.replaceAll(CREDENTIALS, '$1 …');
}

/** As it is, as a URL, a form and JSON write it. */
const formsOf = (one: string): string[] => {
  const url = encodeURIComponent(one);
  return [one, url, url.replaceAll('%20', '+'), JSON.stringify(one).slice(1, -1)];
};
