// Parts of long messages from handsets, put together in whatever order they come (3GPP TS 23.040, 9.2.3.24.1). Pure.

/** One part as it is stored. `mark` stands for its text; `waits` once it was looked at and others were missing. */
export type Part = { id: number; part: number; total: number; mark: string; at: number; waits: boolean };

export type Sorted<P extends Part> = {
  /** Messages that are whole, their parts in order. */
  whole: P[][];
  /** Messages that will never be: another text came for a part that was there. In order, with gaps. */
  broken: P[][];
  /** Parts that came before. */
  repeats: P[];
  /** What waits for the rest of its message. */
  waiting: P[];
};

/**
 * Sorts the parts of one provider, sender, recipient, reference and total, in the order in which they were stored. `done`
 * are the parts of messages that were handed on lately, by which a part that comes once more is known.
 */
export function sortParts<P extends Part>(
  parts: readonly P[],
  done: readonly Pick<Part, 'part' | 'mark'>[],
): Sorted<P> {
  const known = new Set(done.map(keyOf));
  const sorted: Sorted<P> = { whole: [], broken: [], repeats: [], waiting: [] };
  let open = new Map<number, P>();
  const close = (into: P[][]) => {
    for (const part of open.values()) known.add(keyOf(part));
    into.push(inOrder([...open.values()]));
    open = new Map();
  };
  for (const part of parts.toSorted((a, b) => Number(b.waits) - Number(a.waits) || a.id - b.id)) {
    const there = open.get(part.part);
    if (there?.mark === part.mark || (!part.waits && known.has(keyOf(part)))) {
      sorted.repeats.push(part);
      continue;
    }
    // The sender used the reference again: what is open is another message.
    if (there) close(sorted.broken);
    open.set(part.part, part);
    if (open.size === part.total) close(sorted.whole);
  }
  sorted.waiting = inOrder([...open.values()]);
  return sorted;
}

const keyOf = ({ part, mark }: Pick<Part, 'part' | 'mark'>) => `${part}/${mark}`;

const inOrder = <P extends Part>(parts: readonly P[]) => parts.toSorted((a, b) => a.part - b.part);

/** Numbers of the parts, from 1, that are not there. */
export const missingOf = (parts: readonly Pick<Part, 'part' | 'total'>[]): number[] => {
  const there = new Set(parts.map(({ part }) => part));
  return Array.from({ length: parts[0]?.total ?? 0 }, (_, i) => i + 1).filter((part) => !there.has(part));
};
