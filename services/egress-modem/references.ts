// Which status report belongs to which hand-over. A modem's message reference counts from 0 to 255 and begins again, and
// cheap modems always say 0: so each hand-over gets an id of its own, and a report finds it by reference, number and time.
import type { StatusReport } from './pdu/received.ts';

/** The time that stands in an id, so that a report finds it also when a restart made this worker forget. */
const SPAN_MS = 10 * 60_000;
/** As long as the ledger waits for a receipt. */
const KEPT_MS = 72 * 3_600_000;
const MOST_KEPT = 20_000;
/** Without a reference that agrees, the times must. */
const NEAR_MS = 60_000;
/** Digits that must agree: networks add or cut leading ones. */
const DIGITS = 7;

type Sent = { id: string; reference: number; to: string; at: number };

export class References {
  /** In the order in which they went out. */
  #sent: Sent[] = [];
  /** The service centre's clock against ours, from the last report that could only mean one hand-over. */
  #skewMs = 0;

  /** The id of a hand-over that the modem gave this reference: unique here for as long as it is remembered. */
  add(reference: number, to: string, at: number): string {
    this.#forget(at);
    const first = idOf(reference, at);
    let id = first;
    for (let n = 2; this.#sent.some((sent) => sent.id === id); n++) id = `${first}-${n}`;
    this.#sent.push({ id, reference, to: digits(to), at });
    return id;
  }

  /**
   * The id that a report means. Of several with this reference and number it is the one that went out nearest to the
   * time at which the service centre took it. Where the modem told 0 and the network counts, number and time must do.
   * Nothing known, as after a restart: the id that the time gives.
   */
  match({ reference, to, takenAt }: Pick<StatusReport, 'reference' | 'to' | 'takenAt'>): string {
    const sentThere = this.#sent.filter((sent) => agrees(sent.to, digits(to)));
    let possible = sentThere.filter((sent) => sent.reference === reference);
    if (takenAt === undefined) return possible.at(-1)?.id ?? idOf(reference, 0);
    const distance = ({ at }: Sent) => Math.abs(takenAt - this.#skewMs - at);
    if (possible.length === 0) possible = sentThere.filter((sent) => sent.reference === 0 && distance(sent) <= NEAR_MS);
    const best = possible.toSorted((a, b) => distance(a) - distance(b))[0];
    if (!best) return idOf(reference, takenAt);
    if (possible.length === 1) this.#skewMs = takenAt - best.at;
    return best.id;
  }

  /** Its last report came. */
  done(id: string): void {
    this.#sent = this.#sent.filter((sent) => sent.id !== id);
  }

  #forget(now: number): void {
    const isOver = ({ at }: Sent) => at < now - KEPT_MS || this.#sent.length >= MOST_KEPT;
    while (this.#sent[0] && isOver(this.#sent[0])) this.#sent.shift();
  }
}

/** Reference in three digits, and the ten minutes in which it went out. */
const idOf = (reference: number, at: number) =>
  `m${String(reference).padStart(3, '0')}-${Math.floor(at / SPAN_MS).toString(36)}`;

const digits = (number: string) => number.replaceAll(/\D/g, '');

const agrees = (a: string, b: string) => a.endsWith(b.slice(-DIGITS)) || b.endsWith(a.slice(-DIGITS));
