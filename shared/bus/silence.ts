// Gives up a line to the broker on which publishes are no longer confirmed: a node that is cut off from its cluster, or
// from us, says nothing, and its heartbeat finds out after 20 to 30 s.
import type { Log } from '../telemetry/log.ts';
import type { Line } from './line.ts';

/**
 * A door's publish was not confirmed in time, and nothing was for so much longer. A new line that never confirmed anything
 * may have come to the same node again, and gets less patience.
 */
const SILENT_MS = 2_500;
const SILENT_SINCE_OPENED_MS = 1_000;
/** Whoever publishes without a deadline waits so long for one confirm, whatever else is confirmed meanwhile. */
const STUCK_MS = 10_000;
/**
 * A channel keeps to the leader of a queue that it found when it first published to it. Where that node is gone it refuses
 * everything until the node is back: another channel finds the leader of now.
 */
const REFUSED_MS = 500;
const WATCH_MS = 1_000;

type Sent = { at: number };

export class Silence {
  readonly #line: Line;
  readonly #log: Log;
  /** When, after the last confirm, a door's time was over for the first time. */
  #silentSince = 0;
  /** What is under way, the oldest first. */
  readonly #underWay = new Set<Sent>();
  #watcher: NodeJS.Timeout | undefined;
  /** What was sent before counts from here: the line was opened, or blocked until now. */
  #waitsSince = 0;
  /** Monotonic time (performance.now). */
  lastConfirm = performance.now();

  constructor(line: Line, log: Log) {
    this.#line = line;
    this.#log = log;
  }

  opened(): void {
    this.#waitsSince = performance.now();
  }

  sent(): Sent {
    const sent = { at: performance.now() };
    this.#underWay.add(sent);
    this.#watcher ??= setTimeout(() => this.#watch(), WATCH_MS);
    return sent;
  }

  answered(sent: Sent, isConfirmed: boolean): void {
    this.#underWay.delete(sent);
    if (isConfirmed) this.lastConfirm = performance.now();
  }

  /** The time of a door's publish that was sent is over. */
  timedOut(now: number): void {
    if (this.#silentSince <= this.lastConfirm) this.#silentSince = now;
  }

  /** To be asked now and then while doors wait. */
  check(now: number): void {
    const patience = this.lastConfirm > this.#waitsSince ? SILENT_MS : SILENT_SINCE_OPENED_MS;
    if (this.#silentSince > this.lastConfirm && now - this.#silentSince > patience) this.#giveUp();
  }

  /** One address has refused everything for so long. */
  refused(ms: number): void {
    if (ms > REFUSED_MS) this.#giveUp('it refuses what is published on this connection: another one is tried');
  }

  close(): void {
    clearTimeout(this.#watcher);
  }

  /** A cut inside a cluster can swallow single publishes on a line that is well otherwise. */
  #watch(): void {
    const now = performance.now();
    if (this.#line.isBlocked()) this.#waitsSince = now;
    const [oldest] = this.#underWay;
    if (oldest && now - Math.max(oldest.at, this.#waitsSince) > STUCK_MS) this.#giveUp();
    this.#watcher = this.#underWay.size > 0 ? setTimeout(() => this.#watch(), WATCH_MS) : undefined;
  }

  #giveUp(why = 'nothing is confirmed on this connection: another one is tried'): void {
    if (this.#line.isBlocked()) return;
    this.#silentSince = 0;
    this.#log.warn(why);
    this.#line.drop();
  }
}
