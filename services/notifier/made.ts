// Calls of the last minutes and how they ended, so that a callback which the bus delivers again is not a second call.
import type { Callback } from '#shared/messages/callback.ts';
import type { Answer } from './call.ts';

const GENERATION_MS = 5 * 60_000;
const GENERATION_MOST = 100_000;

/** One try of one callback: the ledger counts the tries. */
export const tryOf = ({ callback, tries }: Pick<Callback, 'callback' | 'tries'>) => `${callback}/${tries}`;

/** Answers of the last 5 to 10 minutes, or of the last 100,000 to 200,000 calls, whichever is less. */
export class Made {
  #young = new Map<string, Answer>();
  #old = new Map<string, Answer>();
  #since: number;

  constructor(now: number) {
    this.#since = now;
  }

  get(key: string): Answer | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  add(key: string, answer: Answer, now: number): void {
    if (this.#young.size >= GENERATION_MOST || now - this.#since >= GENERATION_MS) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#since = now;
    }
    this.#young.set(key, answer);
  }
}
