// Messages that a worker holds and has not handed over: two lanes, urgent first.
import type { Ending } from '../handover.ts';
import type { Sms } from '../messages/sms.ts';
import { LANES, type Lane } from '../topology.ts';
import type { Show } from './dialogue.ts';

export type Item<P> = {
  message: Sms;
  /** Its hand-over: see handoverKey. */
  key: string;
  /** When it came in, and the earliest time it may go out (again): monotonic ms. */
  since: number;
  notBefore: number;
  /** How often the provider said slow down. */
  throttles: number;
  /** In the bearer's form, made at the first submit. */
  prepared: P | undefined;
  /** Called once, with how it ended here. */
  settle: (ending: Ending) => void;
  /** A person watches: it is handed over once, and what is said about it is shown. */
  show?: Show;
};

export class Waiting<P> {
  #lanes: Record<Lane, Item<P>[]> = { urgent: [], bulk: [] };

  size(lane: Lane): number {
    return this.#lanes[lane].length;
  }

  get empty(): boolean {
    return LANES.every((lane) => this.#lanes[lane].length === 0);
  }

  add(item: Item<P>): void {
    this.#lanes[item.message.lane].push(item);
  }

  /** A message that was throttled, the first again once `notBefore` has passed; or one that a person waits for. */
  addFirst(item: Item<P>): void {
    this.#lanes[item.message.lane].unshift(item);
  }

  /** The first of a lane that may go out now; it stays until `remove`. */
  first(lane: Lane, now: number): Item<P> | undefined {
    return this.#lanes[lane].find((item) => item.notBefore <= now);
  }

  remove(item: Item<P>): void {
    const lane = this.#lanes[item.message.lane];
    if (lane[0] === item) lane.shift();
    else lane.splice(lane.indexOf(item), 1);
  }

  /** Takes out what came in before `since`, or everything. */
  takeOlder(lane: Lane, since = Number.POSITIVE_INFINITY): Item<P>[] {
    const old = this.#lanes[lane].filter((item) => item.since < since);
    if (old.length > 0) this.#lanes[lane] = this.#lanes[lane].filter((item) => item.since >= since);
    return old;
  }
}
