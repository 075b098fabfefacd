// A bind slot: an exclusive queue as a lease. Who can declare it owns the slot while its connection lives.
import type { ChannelModel } from 'amqplib';
import { type Answer, answerOn } from './ask.ts';
import type { Line } from './line.ts';

export type Claim = { release(): Promise<void> };
/**
 * Tries once. Undefined when another worker holds the slot or the broker is away. `onLost` runs when the connection ends.
 * While it holds the slot, the holder answers what is asked on it.
 */
export type TryClaim = (slot: string, onLost: () => void, answer?: Answer) => Promise<Claim | undefined>;

export async function openClaims(line: Line): Promise<TryClaim> {
  let model: ChannelModel | undefined;
  // An exclusive queue can be declared again on its own connection: within one process this set is the judge.
  const held = new Map<string, () => void>();
  line.onDown(() => {
    model = undefined;
    const lost = [...held.values()];
    held.clear();
    for (const onLost of lost) onLost();
  });
  await line.onUp(async (fresh) => {
    model = fresh;
  });
  return async (slot, onLost, answer) => {
    const mine = model;
    if (!mine || held.has(slot)) return undefined;
    held.set(slot, onLost);
    const channel = await mine.createChannel().catch(() => undefined);
    try {
      channel?.on('error', () => {}); // 405 RESOURCE_LOCKED closes the channel: another connection holds the slot.
      await channel!.assertQueue(slot, { exclusive: true, durable: false, autoDelete: false });
    } catch {
      held.delete(slot);
      return undefined;
    }
    // On a channel of its own: where it may not read the slot (an older set of rights), the slot is held all the same.
    const asked = answer && (await mine.createChannel().catch(() => undefined));
    asked?.on('error', () => {});
    if (asked) await answerOn(asked, slot, answer).catch(() => {});
    return {
      async release() {
        if (held.get(slot) !== onLost) return;
        held.delete(slot);
        await channel!.deleteQueue(slot).catch(() => {});
        await Promise.all([channel!.close().catch(() => {}), asked?.close().catch(() => {})]);
      },
    };
  };
}
