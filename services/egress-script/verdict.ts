// What the end of a program means for the message: the exit codes of sysexits.h, as mail programs use them.
import type { Outcome } from '#shared/outcome.ts';

/** How a run ended, and what it wrote first to stderr. `killed` says which limit it broke. */
export type End = { code: number | null; signal: NodeJS.Signals | null; killed?: string | undefined; said: string };

type Meaning = (reason: string, code: number) => Outcome;
const retry: Meaning = (reason) => ({ kind: 'retry', reason });
const unavailable: Meaning = (reason) => ({ kind: 'unavailable', reason });
const refused =
  (scope: 'message' | 'provider' | 'recipient'): Meaning =>
  (reason, code) => ({ kind: 'refused', reason, scope, code });

/** Every other code but 0 is refused at this provider, so that the next one on the route is asked. */
const MEANINGS: Record<number, { name: string; meaning: Meaning }> = {
  65: { name: 'EX_DATAERR', meaning: refused('message') },
  67: { name: 'EX_NOUSER', meaning: refused('recipient') },
  69: { name: 'EX_UNAVAILABLE', meaning: unavailable },
  71: { name: 'EX_OSERR', meaning: retry },
  74: { name: 'EX_IOERR', meaning: retry },
  75: { name: 'EX_TEMPFAIL', meaning: retry },
};

/** A run that was killed, by us or by another, may have sent the SMS before. */
export function verdict({ code, signal, killed, said }: End): Outcome {
  if (killed) return { kind: 'unknown', reason: `the script ${killed} and was killed` };
  if (code === null) return { kind: 'unknown', reason: `the script was ended by ${signal}` };
  if (code === 0) return { kind: 'done', parts: [{ providerId: '', receipt: false }] };
  const { name, meaning } = MEANINGS[code] ?? { name: '', meaning: refused('provider') };
  const exit = `the script ended with ${code}${name && ` (${name})`}`;
  return meaning(said ? `${exit}: ${said}` : exit, code);
}
