// What the far side said, fit for a log line and a report: it may repeat the number and the text that it was given, and
// those never go there.
import type { Sms } from '../messages/sms.ts';

const MOST = 120;
/** Shorter words are in every answer anyway. */
const WORD = /[\p{L}\p{N}]{4,}/gu;
const HIDDEN = '..';

/**
 * The first line of `said`, without control characters, at most 120 characters; runs of four and more digits, mail
 * addresses and the words of the message's text are `..`.
 */
export function quote(said: string, message?: Pick<Sms, 'text'>): string {
  const line = (said.trimStart().split(/[\r\n]/, 1)[0] ?? '').slice(0, 2 * MOST);
  const words = new Set((message?.text.match(WORD) ?? []).map((word) => word.toLowerCase()));
  return line
    .replaceAll(/[^\s<>]+@[^\s<>]+/g, HIDDEN)
    .replaceAll(/\d{4,}/g, HIDDEN)
    .replaceAll(WORD, (word) => (words.has(word.toLowerCase()) ? HIDDEN : word))
    .replaceAll(/[^\x20-\x7e\xa0-\uffff]/g, ' ')
    .slice(0, MOST)
    .trim();
}
