// One line to the terminal for each message that arrived. The sandbox is the handset, the one place where texts and
// full numbers may be printed.
import type { Shown } from './inbox.ts';

const LINES_PER_SECOND = 20;

/** Returns what prints a message through `log`: at most 20 lines a second, and then one that counts the rest. */
export function printer(log: (line: string) => void): (message: Shown) => void {
  let lines = 0;
  let unprinted = 0;
  const endSecond = () => {
    if (unprinted > 0) log(`sandbox: … and ${unprinted} more`);
    lines = 0;
    unprinted = 0;
  };
  return (message) => {
    if (lines === 0) setTimeout(endSecond, 1000).unref();
    if (lines < LINES_PER_SECOND) {
      lines++;
      log(lineFor(message));
    } else unprinted++;
  };
}

function lineFor({ to, from, text, parts, encoding }: Shown): string {
  const counted = `${parts} part${parts === 1 ? '' : 's'}, ${encoding}`;
  return `sandbox: SMS to ${visible(to)} from ${visible(from)}: "${visible(text)}" (${counted})`;
}

/** Quotes, backslashes and what could move the cursor or turn the writing round, as escapes; the rest as it is. */
function visible(text: string): string {
  return JSON.stringify(text)
    .slice(1, -1)
    .replace(
      /[\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
}
