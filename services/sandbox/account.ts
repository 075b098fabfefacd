// An ESME as the SMSC knows it: its binds, its share of the rate, and what waits to be delivered to it.
import type { Behaviour } from './behaviour.ts';
import { type Deliver, status } from './pdu.ts';
import type { Session } from './session.ts';

/** A deliver_sm on its way: a receipt or an incoming message. */
export type Delivery = Deliver & {
  /** Number of the bind that the receipt's message came from; 0 for an incoming message. */
  bind: number;
  /** Called when the deliver_sm was written, and when it was acknowledged. */
  onProgress?: (progress: 'sent' | 'acknowledged') => void;
};

export type DeliveryCounters = { sent: number; acknowledged: number; again: number; lost: number };

/** More deliveries than this wait for no one; a newer one is then lost, and counted. */
const MAX_WAITING = 1_000_000;

export class Account {
  readonly systemId: string;
  readonly sessions = new Set<Session>();
  readonly counters: DeliveryCounters = { sent: 0, acknowledged: 0, again: 0, lost: 0 };
  maxBindsSeen = 0;
  #behaviour: Behaviour;
  #waiting: Delivery[] = [];
  #head = 0;
  #planned = 0;
  #secondStarted = 0;
  #inThisSecond = 0;

  constructor(systemId: string, behaviour: Behaviour) {
    this.systemId = systemId;
    this.#behaviour = behaviour;
  }

  /** Deliveries that are not due yet, or that no bind has taken yet. */
  get waiting(): number {
    return this.#planned + this.#waiting.length - this.#head;
  }

  /** Counts one submit_sm; true when it is beyond `ratePerSecond`. What is refused does not count. */
  isOverRate(at: number): boolean {
    if (at - this.#secondStarted >= 1000) {
      this.#secondStarted = at;
      this.#inThisSecond = 0;
    }
    if (this.#inThisSecond >= this.#behaviour.ratePerSecond) return true;
    this.#inThisSecond++;
    return false;
  }

  join(session: Session): void {
    this.sessions.add(session);
    this.maxBindsSeen = Math.max(this.maxBindsSeen, this.sessions.size);
  }

  /** What `session` had not acknowledged waits for the next bind. */
  leave(session: Session): void {
    this.sessions.delete(session);
    for (const delivery of session.inFlight.values()) this.#again(delivery);
    session.inFlight.clear();
    this.pump();
  }

  deliver(delivery: Delivery): void {
    if (this.#isFull()) return;
    this.#waiting.push(delivery);
    this.pump();
  }

  /** Calls `deliver` after `wait` milliseconds; 0: at once. */
  plan(wait: number, deliver: () => void): void {
    if (wait === 0) {
      deliver();
    } else if (!this.#isFull()) {
      this.#planned++;
      setTimeout(() => {
        this.#planned--;
        deliver();
      }, wait).unref();
    }
  }

  /** Sends what waits to receivers and transceivers, as far as their windows allow. */
  pump(): void {
    if (this.#behaviour.silent) return;
    while (this.#head < this.#waiting.length) {
      const delivery = this.#waiting[this.#head]!;
      const session = this.#receiverFor(delivery);
      if (session === undefined) break;
      this.#head++;
      session.deliver(delivery);
      this.counters.sent++;
      delivery.onProgress?.('sent');
    }
    if (this.#head > 0 && this.#head * 2 >= this.#waiting.length) {
      this.#waiting.splice(0, this.#head);
      this.#head = 0;
    }
  }

  /** deliver_sm_resp: an error brings the same deliver_sm again after `deliverAgainMs`. */
  delivered(session: Session, sequence: number, commandStatus: number): void {
    const delivery = session.inFlight.get(sequence);
    if (delivery === undefined) return;
    session.inFlight.delete(sequence);
    if (commandStatus === status.ESME_ROK) {
      this.counters.acknowledged++;
      delivery.onProgress?.('acknowledged');
    } else {
      this.plan(this.#behaviour.deliverAgainMs, () => {
        this.#again(delivery);
        this.pump();
      });
    }
    this.pump();
  }

  #isFull(): boolean {
    if (this.waiting < MAX_WAITING) return false;
    this.counters.lost++;
    return true;
  }

  #again(delivery: Delivery): void {
    this.counters.again++;
    this.#waiting.push(delivery);
  }

  /** The bind that the message came from if it receives, else any; the other way round with `receipts.otherBind`. */
  #receiverFor(delivery: Delivery): Session | undefined {
    let second: Session | undefined;
    for (const session of this.sessions) {
      if (!session.canReceive || session.inFlight.size >= this.#behaviour.deliverWindow) continue;
      if ((session.number === delivery.bind) !== this.#behaviour.receipts.otherBind) return session;
      second = session;
    }
    return second;
  }
}
