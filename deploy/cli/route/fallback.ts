// What `hermod route` says of a route's fallback: by which bearer the message would go out once more and after how long,
// by the router's own judgement of that moment, and when it would not.
import type { Config, Provider } from '#shared/config/schema.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { apiOf, callbackUrl } from '#shared/providers/api.ts';
import { judge, type Knowledge, type Verdict } from '../../../services/router/judge.ts';

type Sent = Extract<Verdict, { kind: 'send' }>;

export type Fallback = {
  /** Ms without a delivery receipt. */
  after: number;
  /** Who takes it then, and that provider's bearer. */
  provider?: string;
  bearer?: Provider['bearer'];
  /** Why the lack of a receipt starts nothing; a failure still does, where somebody takes it. */
  never?: string;
};

/** Of a message that would be sent so at `now` (epoch ms); undefined on a route without a fallback. */
export function fallbackOf(
  message: Sms,
  { provider, fallback }: Sent,
  config: Config,
  knowledge: Knowledge,
  now: number,
): Fallback | undefined {
  if (!fallback) return undefined;
  const { after, to } = fallback;
  const due = now + after;
  const isLate = due >= message.expiry;
  const verdict = judge({ ...message, fallback: to }, knowledge, isLate ? now : due);
  if (verdict.kind !== 'send') return { after, never: verdict.kind === 'end' ? verdict.reason : 'it would wait' };
  const taken = { after, provider: verdict.provider, bearer: config.providers[verdict.provider]!.bearer };
  if (isLate) return { ...taken, never: `the validity is over after ${inSeconds(message.expiry - now)} already` };
  if (!givesReceipts(provider, config))
    return { ...taken, never: `${provider} gives no receipts, and what it took ends as sent` };
  return taken;
}

/** Two lines: what happens, and what keeps it from happening. */
export function fallbackLines({ after, provider, bearer, never }: Fallback, message: Sms, now: number): string[] {
  if (!provider) return [`would be sent again without a receipt after ${inSeconds(after)}, but never is: ${never}`];
  const way = `by ${provider} (${bearer})`;
  if (never) return [`${way}, at once when it fails; never for want of a receipt: ${never}`];
  return [
    `${way}, after ${inSeconds(after)} without a receipt, or at once when it fails before`,
    `not when a receipt says delivered by then, and not after its validity, which ends in ${inSeconds(message.expiry - now)}`,
  ];
}

const inSeconds = (ms: number) => `${Math.round(ms / 1_000)} s`;

function givesReceipts(name: string, { providers, listen }: Config): boolean {
  const row = providers[name]!;
  if (row.bearer === 'smpp') return row.bindAs !== 'transmitter';
  if (row.bearer === 'modem') return row.gnokii === undefined;
  return row.bearer === 'http' && apiOf(row).reports && callbackUrl(name, row, listen) !== undefined;
}
