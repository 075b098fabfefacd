// What a mail server's refusal means for the message: reply codes of RFC 5321, 4.2, and enhanced ones of RFC 3463.
import type { Outcome } from '#shared/outcome.ts';

/** The command that was answered, the reply's code, and its text fit for a log line. */
export type Refusal = { command: string; code: number; enhanced?: string | undefined; said: string };

/** Busy, out of room, or a policy about load (X.7.x of a 4xx reply). */
const THROTTLED = new Set([421, 452]);
/** The address as such, or the content: no other mail gateway would take it. */
const MESSAGE = /^5\.(1\.3|6\.\d+)$/;

/** `numbered`: the mail's recipient has the number in it, so that a refused recipient speaks of this number. */
export function verdict({ command, code, enhanced, said }: Refusal, numbered: boolean): Outcome {
  const reason = `${command}: ${said || code}`;
  if (code < 500) {
    const slower = THROTTLED.has(code) || enhanced?.startsWith('4.7.');
    return { kind: slower ? 'throttled' : 'retry', reason };
  }
  const refused = (scope: 'message' | 'provider' | 'recipient'): Outcome => ({ kind: 'refused', reason, scope, code });
  if (enhanced !== undefined && MESSAGE.test(enhanced)) return refused('message');
  return refused(command === 'RCPT TO' && numbered ? 'recipient' : 'provider');
}

/** The enhanced status code of a reply, such as 5.1.1. */
export const enhancedOf = (reply: string): string | undefined =>
  /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})(?=\s|$)/.exec(reply)?.[1];
