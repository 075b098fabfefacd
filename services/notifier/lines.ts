// The lines in front of the receivers' hosts: some calls to one host at a time, and behind them no more than the host
// works off within a moment. What is beyond that is sent back at once, so that a slow receiver delays no one else.

/** A call waits in line no longer than this. */
const PATIENCE_MS = 1_000;
const SWEEP_MS = 250;
/** Duration of a call, until the first ones of a line have shown theirs. */
const FIRST_GUESS_MS = 10;
/** Weight of the newest duration in the mean. */
const NEWEST = 1 / 8;

type Waiting<T> = { call: () => Promise<T>; since: number; settle: (outcome: Promise<T> | 'busy') => void };
type Line<T> = { waiting: Waiting<T>[]; underWay: Set<{ since: number }>; meanMs: number };

export class Lines<T> {
  readonly #perHost: number;
  readonly #lines = new Map<string, Line<T>>();
  readonly #sweeper: NodeJS.Timeout;

  constructor(perHost: number) {
    this.#perHost = perHost;
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
  }

  /** Runs `call` when it is its turn; `busy` when that would take too long. */
  run(host: string, call: () => Promise<T>): Promise<T | 'busy'> {
    let line = this.#lines.get(host);
    if (!line) {
      line = { waiting: [], underWay: new Set(), meanMs: FIRST_GUESS_MS };
      this.#lines.set(host, line);
    }
    if (line.underWay.size < this.#perHost) return this.#start(host, line, call);
    const now = performance.now();
    if (line.waiting.length >= this.#room(line, now)) return Promise.resolve('busy');
    return new Promise((settle) => line.waiting.push({ call, since: now, settle }));
  }

  /** Sends back what waits. */
  close(): void {
    clearInterval(this.#sweeper);
    for (const line of this.#lines.values()) for (const { settle } of line.waiting.splice(0)) settle('busy');
  }

  /** How many calls the host works off within PATIENCE_MS, as it looks now: calls that hang count by their age. */
  #room(line: Line<T>, now: number): number {
    const [oldest] = line.underWay;
    const duration = Math.max(line.meanMs, oldest ? now - oldest.since : 0);
    return Math.floor((this.#perHost * PATIENCE_MS) / duration);
  }

  #start(host: string, line: Line<T>, call: () => Promise<T>): Promise<T> {
    const turn = { since: performance.now() };
    line.underWay.add(turn);
    return call().finally(() => {
      line.underWay.delete(turn);
      line.meanMs += (performance.now() - turn.since - line.meanMs) * NEWEST;
      const next = line.waiting.shift();
      if (next) next.settle(this.#start(host, line, next.call));
      else if (line.underWay.size === 0) this.#lines.delete(host);
    });
  }

  #sweep(): void {
    const limit = performance.now() - PATIENCE_MS;
    for (const { waiting } of this.#lines.values()) {
      const patient = waiting.findIndex(({ since }) => since > limit);
      for (const { settle } of waiting.splice(0, patient === -1 ? waiting.length : patient)) settle('busy');
    }
  }
}
