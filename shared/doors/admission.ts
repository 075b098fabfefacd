// How much a client may send: its rate, its day's quota, and what one number may get. All messages of a request or none
// are counted, before the door answers with success.
import type { Client } from '../config/schema.ts';
import { type Counters, counters, type Window, windowOf } from '../counters.ts';
import type { Sms } from '../messages/sms.ts';

const DAY_MS = 86_400_000;
const OTP = { most: 5, within: 10 * 60_000, sameText: 30_000 };

/** A limit is reached: nothing was sent, and the request may come again after `retryAfterS` (whole seconds, at least 1). */
export class Excess extends Error {
  override name = 'Excess';
  readonly reason: 'rate' | 'quota' | 'number' | 'repeat';
  readonly retryAfterS: number;

  constructor({ reason, words }: Claim, waitMs: number) {
    const retryAfterS = Math.ceil(waitMs / 1_000);
    super(`${words}: try again in ${retryAfterS} s`);
    this.reason = reason;
    this.retryAfterS = retryAfterS;
  }
}

/** What is counted of one request under one key. `shared`: kept although the request is refused for another reason. */
type Claim = { reason: Excess['reason']; key: string; n: number; window: Window; words: string };

export type Admitted = {
  /** The messages were not taken after all. */
  giveBack(): void;
};

/** Undefined when nothing limits the client. Rejects with Excess. */
export function admit(messages: readonly Sms[], client: Client): Promise<Admitted> | undefined {
  const { rate, dailyQuota, perNumber, kind } = client;
  if (rate === undefined && dailyQuota === undefined && !perNumber && kind !== 'otp') return undefined;
  return claim(messages, client);
}

async function claim(messages: readonly Sms[], client: Client): Promise<Admitted> {
  const counts = await counters();
  const claims = claimsOf(messages, client, counts);
  const waits = await Promise.all(claims.map(({ key, n, window }) => counts.take(key, n, window)));
  const giveBack = () => {
    // The second that it was counted in is over by the time a door knows.
    for (const [i, { reason, key, n, window }] of claims.entries())
      if (waits[i] === 0 && reason !== 'rate') counts.giveBack(key, n, window);
  };
  const over = waits.findIndex((wait) => wait > 0);
  if (over === -1) return { giveBack };
  giveBack();
  throw new Excess(claims[over]!, waits[over]!);
}

function claimsOf(messages: readonly Sms[], { rate, dailyQuota, ...client }: Client, { conceal }: Counters): Claim[] {
  const { client: name, at } = messages[0]!;
  const n = messages.length;
  const claims: Claim[] = [];
  if (rate !== undefined) {
    const words = 'more messages a second than the client may send';
    claims.push({ reason: 'rate', key: rateKey(name), n, window: windowOf(rate), words });
  }
  if (dailyQuota !== undefined) {
    const window = quotaWindow(dailyQuota, at);
    claims.push({
      reason: 'quota',
      key: quotaKey(name, at),
      n,
      window,
      words: "the client's daily quota is used up",
    });
  }
  const cap = capOf(client);
  if (!cap) return claims;
  const again = { points: 1, seconds: secondsOf(cap.sameText) };
  const often = { points: cap.most, seconds: secondsOf(cap.within) };
  for (const { to, text, udh } of messages) {
    if (isLaterPart(udh)) continue;
    const words = 'the number had the same text a moment ago';
    if (cap.sameText > 0)
      claims.push({ reason: 'repeat', key: `text:${conceal(name, to, text)}`, n: 1, window: again, words });
    const more = 'the number had as many messages as it may';
    claims.push({ reason: 'number', key: capKey({ conceal }, name, to), n: 1, window: often, words: more });
  }
  return claims;
}

// What is counted, and under which names: see limits.ts.
export const rateKey = (client: string) => `rate:${client}`;
export const quotaKey = (client: string, at: number) => `quota:${client}:${Math.floor(at / DAY_MS)}`;
export const capKey = ({ conceal }: Pick<Counters, 'conceal'>, client: string, to: string) =>
  `to:${conceal(client, to)}`;
export const capOf = ({ perNumber, kind }: Pick<Client, 'perNumber' | 'kind'>) =>
  perNumber ?? (kind === 'otp' ? OTP : undefined);

/** Until midnight in UTC, and no shorter than a second. */
export const quotaWindow = (points: number, at: number): Window => ({
  points,
  seconds: Math.ceil((DAY_MS - (at % DAY_MS)) / 1_000),
});

const secondsOf = (ms: number) => Math.max(1, Math.ceil(ms / 1_000));

/** A long message whose parts the client made itself counts once: with its first part, by its concatenation header. */
function isLaterPart(udh: string | undefined): boolean {
  const index = /^..0003....(..)|^..0804......(..)/.exec(udh ?? '');
  return index !== null && (index[1] ?? index[2]) !== '01';
}
