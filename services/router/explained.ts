// Which provider this router would take for a message and why, for a person who asks: as `hermod route`, every provider
// taken as up.
import { sms } from '#shared/messages/sms.ts';
import type { Standing } from './health.ts';
import { explain } from './judge.ts';
import type { Policy } from './policy.ts';
import type { Step } from './steps.ts';

export type Explained = { steps: Step[]; provider?: string; reason?: string };

const UP: Standing = { up: true, share: 1, words: 'taken as up' };

/** `asked` is a message as its door made it, judged at the time `at` that stands in it. */
export function explained(asked: unknown, policy: Policy): Explained {
  const message = sms.safeParse(asked);
  if (!message.success) return { steps: [], reason: 'the router does not understand this message' };
  const { steps, verdict } = explain(message.data, { policy, standing: () => UP }, message.data.at);
  if (verdict.kind === 'send') return { steps, provider: verdict.provider };
  return { steps, ...(verdict.kind === 'end' ? { reason: verdict.reason } : {}) };
}
