// A set of numbers below 2^53 for lists of a million: a sorted array of eight octets each, and the latest changes beside it.

const LEAST_CHANGES = 1_024;

export class Marks {
  #sorted = new Float64Array(0);
  readonly #changes = new Map<number, boolean>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(mark: number): boolean {
    return this.#changes.get(mark) ?? this.#isSorted(mark);
  }

  set(mark: number, present: boolean): void {
    if (this.has(mark) === present) return;
    this.#size += present ? 1 : -1;
    this.#changes.set(mark, present);
    // An eighth more at a time: each mark is moved a few times at most while a list grows.
    if (this.#changes.size > Math.max(LEAST_CHANGES, this.#sorted.length / 8)) this.#merge();
  }

  #isSorted(mark: number): boolean {
    let [from, to] = [0, this.#sorted.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.#sorted[middle]! < mark) from = middle + 1;
      else to = middle;
    }
    return this.#sorted[from] === mark;
  }

  #merge(): void {
    const merged = new Float64Array(this.#size);
    let at = 0;
    for (const mark of this.#sorted) if (!this.#changes.has(mark)) merged[at++] = mark;
    for (const [mark, present] of this.#changes) if (present) merged[at++] = mark;
    this.#sorted = merged.sort();
    this.#changes.clear();
  }
}
