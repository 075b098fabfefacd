// What the handset shows: the messages that the SMSC took, long ones put together, the newest kept.
import type { Received } from './submits.ts';
import { type Encoding, encodingOf, partOf, readText } from './text.ts';

const KEPT = 1000;

/** A message for people: `text` is what has arrived so far of `parts` parts. */
export type Shown = {
  time: string;
  to: string;
  from: string;
  text: string;
  parts: number;
  partsArrived: number;
  encoding: Encoding;
  account: string;
  messageIds: string[];
  /** The least advanced receipt of the parts that asked for one. */
  receipt: Received['receipt'];
  receiptState: Received['receiptState'];
};

type Entry = { key: string; total: number; parts: Map<number, Received> };

export class Inbox {
  #entries: Entry[] = [];
  /** Long messages of which parts are missing. */
  #incomplete = new Map<string, Entry>();

  /** Takes a submit_sm that was accepted; returns the message if it is complete with it. */
  add(received: Received): Shown | undefined {
    const part = partOf(received) ?? { reference: 0, total: 1, number: 1 };
    const { account, source, dest } = received;
    const key = [account, source.addr, dest.addr, part.reference, part.total].join('\n');
    const entry = this.#incomplete.get(key) ?? this.#open(key, part.total);
    entry.parts.set(part.number, received);
    if (entry.parts.size < entry.total) return undefined;
    this.#incomplete.delete(key);
    return show(entry);
  }

  /** The newest first; `to` picks one number, with or without its plus sign. */
  list({ to, limit }: { to?: string | undefined; limit: number }): Shown[] {
    const wanted = to?.replace(/^\+/, '');
    const shown: Shown[] = [];
    for (let index = this.#entries.length - 1; index >= 0 && shown.length < limit; index--) {
      const message = show(this.#entries[index]!);
      if (wanted === undefined || message.to.replace(/^\+/, '') === wanted) shown.push(message);
    }
    return shown;
  }

  #open(key: string, total: number): Entry {
    const entry: Entry = { key, total, parts: new Map() };
    this.#entries.push(entry);
    if (total > 1) this.#incomplete.set(key, entry);
    if (this.#entries.length > KEPT) {
      for (const old of this.#entries.splice(0, KEPT / 10)) {
        if (this.#incomplete.get(old.key) === old) this.#incomplete.delete(old.key);
      }
    }
    return entry;
  }
}

function show({ total, parts }: Entry): Shown {
  const inOrder = [...parts].sort(([one], [other]) => one - other).map(([, received]) => received);
  const first = inOrder[0]!;
  const asked = inOrder.filter(({ receipt }) => receipt !== 'none');
  const progress = (['waiting', 'sent', 'acknowledged'] as const).find((step) => asked.some((p) => p.receipt === step));
  return {
    time: new Date(Math.min(...inOrder.map(({ at }) => at))).toISOString(),
    to: number(first.dest),
    from: number(first.source),
    text: inOrder.map(readText).join(''),
    parts: total,
    partsArrived: parts.size,
    encoding: encodingOf(first.dataCoding),
    account: first.account,
    messageIds: inOrder.map(({ messageId }) => messageId),
    receipt: progress ?? 'none',
    receiptState: asked.find(({ receipt }) => receipt === progress)?.receiptState,
  };
}

function number({ ton, addr }: Received['dest']): string {
  return ton === 1 && !addr.startsWith('+') ? `+${addr}` : addr;
}
