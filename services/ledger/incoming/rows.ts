// Which row of `incoming.rows` takes a message from a handset, and whose suppression lists its word changes. Pure.
import { type IncomingRow, onlyLetters } from '#shared/config/incoming.ts';
import type { Config } from '#shared/config/schema.ts';

export type Arrived = { provider: string; from: string; to: string; text: string; encoding: string };

/** The first row that fits. */
export function rowFor(rows: readonly IncomingRow[], message: Arrived): IncomingRow | undefined {
  const word = message.encoding === 'binary' ? undefined : firstWord(message.text);
  return rows.find((row) => {
    const { keyword } = row.when;
    return (
      isOfPlace(row, message) && (keyword === undefined || (word !== undefined && [keyword].flat().includes(word)))
    );
  });
}

/** In small letters, as keywords are. */
const firstWord = (text: string) => text.trimStart().split(/\s/, 1)[0]!.toLowerCase();

/** The number and the provider fit: digits alone count, since not every provider writes a plus. */
function isOfPlace({ when: { number, provider } }: IncomingRow, message: Arrived): boolean {
  if (provider !== undefined && ![provider].flat().includes(message.provider)) return false;
  return number === undefined || [number].flat().some((one) => bare(one) === bare(message.to));
}

const bare = (number: string) => number.replace(/^(\+|00)/, '');

/**
 * A word such as STOP or START, sent alone: every client to which a row for this number and provider leads, whatever its
 * keyword. Undefined when it is another text.
 */
export function stopIn(
  { rows, stopWords, startWords }: Config['incoming'],
  message: Arrived,
): { active: boolean; clients: string[] } | undefined {
  if (message.encoding === 'binary') return undefined;
  const word = onlyLetters(message.text);
  const active = stopWords.includes(word);
  if (!active && !startWords.includes(word)) return undefined;
  const clients = rows.filter((row) => isOfPlace(row, message)).map(({ client }) => client);
  return { active, clients: [...new Set(clients)] };
}
