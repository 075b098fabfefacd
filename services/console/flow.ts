// What went through the gateway in the last hour, as its services told it: added up in memory from the news, in slots of
// ten seconds. Nothing is asked of anybody for it, and it begins anew when the console does.
import type { News } from '#shared/bus/health.ts';

const SLOT_MS = 10_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** Different things counted in one slot: what is more is not told apart. */
const MOST_KEYS = 5_000;

type Slot = { at: number; counts: Map<string, number>; urgentMs: number };
/** Messages of the last minute and of the last hour. */
export type Rate = { minute: number; hour: number };

export type Flow = {
  /** Epoch ms: what came before is not in it. */
  since: number;
  doors: { door: string; accepted: Rate; refused: Rate }[];
  /** `lastAt`: one was accepted then or a little later, epoch ms. */
  clients: { client: string; accepted: Rate; lastAt: number }[];
  /** Hand-overs by how they ended. `share`: part (0 to 1) of all messages that providers took in the last hour. */
  providers: { provider: string; taken: Rate; share: number; endings: Record<string, number> }[];
  /** Final states of the last hour. */
  ended: Record<string, number>;
  /** The longest way of an urgent message from its door to a provider's answer, in the last minute; 0 when there was none. */
  urgentMs: number;
};

export class LastHour {
  readonly #slots: Slot[] = [];
  readonly #since: number;
  readonly #acceptedAt = new Map<string, number>();

  constructor(now: number) {
    this.#since = now;
  }

  hear(item: News, now: number): void {
    if (item.kind === 'counts') {
      for (const { n, door, client, state } of item.counts as { n: number; [label: string]: unknown }[]) {
        if (item.of === 'accepted') this.#add(now, n, 'door', String(door), 'accepted');
        if (item.of === 'accepted') this.#accepted(now, n, String(client), item.since);
        if (item.of === 'refused') this.#add(now, n, 'door', String(door), 'refused');
        if (item.of === 'final') this.#add(now, n, 'ended', String(state), '');
      }
    } else if (item.kind === 'provider') {
      for (const [ending, n] of Object.entries(item.endings ?? {}))
        this.#add(now, n, 'provider', item.provider, ending);
      const slot = this.#slot(now);
      slot.urgentMs = Math.max(slot.urgentMs, item.urgentMs ?? 0);
    }
  }

  view(now: number): Flow {
    const hour = this.#sums(now - HOUR_MS);
    const minute = this.#sums(now - MINUTE_MS);
    const rate = (...key: string[]): Rate => ({ minute: minute.get(keyOf(key)) ?? 0, hour: hour.get(keyOf(key)) ?? 0 });
    const names = (what: string) => [
      ...new Set(
        [...hour.keys()].map((key) => key.split('\t')).flatMap(([kind, name]) => (kind === what ? [name!] : [])),
      ),
    ];
    const all = names('provider').reduce((sum, name) => sum + rate('provider', name, 'done').hour, 0);
    return {
      since: Math.max(this.#since, now - HOUR_MS),
      doors: names('door').map((door) => ({
        door,
        accepted: rate('door', door, 'accepted'),
        refused: rate('door', door, 'refused'),
      })),
      clients: names('client').map((client) => ({
        client,
        accepted: rate('client', client, 'accepted'),
        lastAt: this.#acceptedAt.get(client) ?? 0,
      })),
      providers: names('provider').map((provider) => {
        const taken = rate('provider', provider, 'done');
        return { provider, taken, share: all > 0 ? taken.hour / all : 0, endings: endingsOf(hour, provider) };
      }),
      ended: Object.fromEntries(names('ended').map((state) => [state, rate('ended', state, '').hour])),
      urgentMs: Math.max(0, ...this.#slots.filter(({ at }) => at > now - MINUTE_MS).map(({ urgentMs }) => urgentMs)),
    };
  }

  #add(now: number, n: number, ...key: string[]): void {
    const { counts } = this.#slot(now);
    const text = keyOf(key);
    if (counts.has(text) || counts.size < MOST_KEYS) counts.set(text, (counts.get(text) ?? 0) + n);
  }

  #slot(now: number): Slot {
    const at = now - (now % SLOT_MS);
    let slot = this.#slots.at(-1);
    if (!slot || slot.at < at) {
      slot = { at, counts: new Map(), urgentMs: 0 };
      this.#slots.push(slot);
      while (this.#slots[0]!.at < now - HOUR_MS) this.#slots.shift();
    }
    return slot;
  }

  #accepted(now: number, n: number, client: string, since: number): void {
    this.#add(now, n, 'client', client, 'accepted');
    if (this.#acceptedAt.has(client) || this.#acceptedAt.size < MOST_KEYS) this.#acceptedAt.set(client, since);
  }

  #sums(since: number): Map<string, number> {
    const sums = new Map<string, number>();
    for (const { at, counts } of this.#slots) {
      if (at < since) continue;
      for (const [key, n] of counts) sums.set(key, (sums.get(key) ?? 0) + n);
    }
    return sums;
  }
}

const keyOf = (key: readonly string[]) => key.join('\t');

function endingsOf(hour: ReadonlyMap<string, number>, provider: string): Record<string, number> {
  const begin = keyOf(['provider', provider, '']);
  const mine = [...hour].filter(([key]) => key.startsWith(begin));
  return Object.fromEntries(mine.map(([key, n]) => [key.slice(begin.length), n]));
}
