// The state of a message by what its providers said: one pure function over all hand-overs and their parts.
import type { FinalState } from '#shared/messages/report.ts';
import type { AttemptRow, MessageRow } from './rows.ts';
import type { Sheet } from './sheet.ts';

/** Delivered, failed in some way, or undefined: a receipt that was asked for is still to come. */
type Handover = FinalState | undefined;

/** The final state that receipts give: delivered by any hand-over, else the last failure once none is open. */
export function stateByReceipts(attempts: readonly AttemptRow[]): FinalState | undefined {
  const states = handovers(attempts).map(stateOf);
  if (states.includes('delivered')) return 'delivered';
  return states.includes(undefined) ? undefined : states.at(-1);
}

/** Whether a provider has it and a receipt is to come. */
export const hasOpenHandover = (attempts: readonly AttemptRow[]): boolean =>
  handovers(attempts).some((parts) => stateOf(parts) === undefined);

/** Parts of which a receipt was asked for, or came, by hand-over. */
function handovers(attempts: readonly AttemptRow[]): AttemptRow[][] {
  const groups = new Map<number, AttemptRow[]>();
  for (const part of attempts) {
    if (part.outcome !== 'submitted' || !(part.receipt_asked || part.receipt_state)) continue;
    const group = groups.get(part.handover);
    if (group) group.push(part);
    else groups.set(part.handover, [part]);
  }
  return [...groups.values()];
}

/** One part that failed is a text that cannot be read; delivered when all that were asked for came. */
function stateOf(parts: readonly AttemptRow[]): Handover {
  const states = parts.map(({ receipt_state }) => receipt_state);
  const bad = states.find((state) => state !== null && state !== 'delivered' && state !== 'buffered');
  if (bad) return bad as FinalState;
  return states.every((state) => state === 'delivered') ? 'delivered' : undefined;
}

type Why = Pick<MessageRow, 'provider' | 'reason'> & { at: number };
export type SetState = (sheet: Sheet, message: MessageRow, state: string, final: boolean, why: Why) => void;

/** Gives a message its state; `onFinal` hears of each final one when it is on disk. */
export function openState({ onFinal }: { onFinal(state: string, message: MessageRow): void }): SetState {
  return (sheet, message, state, final, { at, provider, reason }) => {
    const judge_at = final ? null : message.judge_at;
    sheet.change(Object.assign(message, { state, state_at: at, final: final ? 1 : 0, provider, reason, judge_at }));
    if (final) sheet.after.push(() => onFinal(state, message));
  };
}
