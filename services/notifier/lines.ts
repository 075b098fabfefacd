// The lines in front of the receivers' hosts: some calls to one host at a time, and behind them no more than the host
// works off within a few seconds. What is beyond that is sent back, so that a slow receiver delays no one else.

/** What a host did in one interval is the measure of what may wait for it. */
const INTERVAL_MS = 1_000;
/** Nothing should wait in line longer than this. */
const PATIENCE_MS = 4_000;
/** Share of an interval that the event loop worked, from which on it is this process that is slow, and not a host. */
const NO_TIME = 0.9;

type Waiting<T> = { call: () => Promise<T>; settle: (outcome: Promise<T> | 'busy') => void };
type Line<T> = {
  waiting: Waiting<T>[];
  underWay: number;
  /** Calls that ended since then; the host had enough to do all the time. */
  done: number;
  since: number;
  /** How many may wait; no limit until the host has shown its pace. */
  room: number;
};

export class Lines<T> {
  readonly #perHost: number;
  readonly #lines = new Map<string, Line<T>>();
  readonly #timer: NodeJS.Timeout;
  readonly #hadNoTime: () => boolean;

  /** `hadNoTime`: whether this process had more to do than it could since the last call. */
  constructor(perHost: number, hadNoTime: () => boolean = loopHadNoTime()) {
    this.#perHost = perHost;
    this.#hadNoTime = hadNoTime;
    this.#timer = setInterval(() => this.#measure(), INTERVAL_MS);
  }

  /** Runs `call` when it is its turn; `busy` when that would take too long. */
  run(host: string, call: () => Promise<T>): Promise<T | 'busy'> {
    let line = this.#lines.get(host);
    if (!line) {
      line = { waiting: [], underWay: 0, done: 0, since: 0, room: Number.POSITIVE_INFINITY };
      this.#lines.set(host, line);
    }
    if (line.underWay < this.#perHost) return this.#start(host, line, call);
    if (line.waiting.length >= line.room) return Promise.resolve('busy');
    if (line.waiting.length === 0) Object.assign(line, { done: 0, since: performance.now() });
    const { waiting } = line;
    return new Promise((settle) => waiting.push({ call, settle }));
  }

  /** Sends back what waits. */
  close(): void {
    clearInterval(this.#timer);
    for (const { waiting } of this.#lines.values()) sendBack(waiting, 0);
  }

  #start(host: string, line: Line<T>, call: () => Promise<T>): Promise<T> {
    line.underWay++;
    return call().finally(() => {
      line.underWay--;
      line.done++;
      const next = line.waiting.shift();
      if (next) next.settle(this.#start(host, line, next.call));
      else if (line.underWay === 0) this.#lines.delete(host);
    });
  }

  #measure(): void {
    const now = performance.now();
    const hadNoTime = this.#hadNoTime();
    for (const line of this.#lines.values()) {
      const elapsed = now - line.since;
      if (line.waiting.length === 0) line.room = Number.POSITIVE_INFINITY;
      else if (elapsed >= INTERVAL_MS / 2) {
        // A host that ended nothing hangs, however little time there was here.
        if (!hadNoTime || line.done === 0)
          line.room = Math.max(this.#perHost, Math.ceil((line.done * PATIENCE_MS) / elapsed));
        Object.assign(line, { done: 0, since: now });
        sendBack(line.waiting, line.room);
      }
    }
  }
}

function loopHadNoTime(): () => boolean {
  let before = performance.eventLoopUtilization();
  return () => {
    const { utilization } = performance.eventLoopUtilization(before);
    before = performance.eventLoopUtilization();
    return utilization > NO_TIME;
  };
}

function sendBack<T>(waiting: Waiting<T>[], room: number): void {
  for (const { settle } of waiting.splice(room)) settle('busy');
}
