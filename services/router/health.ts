// How a provider stands, from the news of its workers. One that fails gets nothing new; when it is well again a single
// message goes ahead as a probe, then a tenth of the messages, then half, then all. Time is an argument, so that the
// same news gives the same answer.
import type { NewsOf } from '#shared/bus/health.ts';

/** `up`: a message could be handed over now. `share`: how much of what would go there should (0 to 1). */
export type Standing = { up: boolean; share: number; words: string };

/** A worker speaks every second; one that is silent for this long is away. */
const NEWS_STALE_MS = 4_000;
/** So many failures in so long a time, and not less than this part of the hand-overs: at 1,000 a second five are noise. */
const FAILING = { failures: 5, withinMs: 10_000, part: 0.1 } as const;
/** Without a failure for this long, a probe may go. */
const CALM_MS = 5_000;
/** A probe that brought no answer is repeated. */
const PROBE_AGAIN_MS = 10_000;
const STEP_MS = 5_000;
/** The word on late receipts counts for this long; however late they are, some messages go there. */
const LATE = { staleMs: 60_000, leastShare: 0.1 } as const;

/** `new`: never bound as far as is known, so that it has lost nothing and owes no probe. */
type Phase = 'new' | 'well' | 'failed' | 'probe' | 'probing' | 'few' | 'half';
const SHARE: Record<Phase, number> = { new: 1, well: 1, failed: 0, probe: 1, probing: 0, few: 0.1, half: 0.5 };

type Provider = {
  phase: Phase;
  /** When this phase began. */
  since: number;
  reason: string;
  /** The latest news of each worker, and what all of them handed over lately. */
  workers: Map<string, { at: number; bound: number; paused: boolean }>;
  lately: { at: number; sent: number; failures: number }[];
  failedAt: number;
  /** Someone was bound, and not paused, until then at least. */
  readyUntil: number;
  late: { at: number; share: number };
  /** As told, with the share of late receipts in it. */
  standing: Standing;
};

const UNHEARD: Standing = { up: true, share: 1, words: 'taken as up until its workers speak' };
/** It is well, and yet takes only what nobody else can. */
const DRAINING: Standing = { up: true, share: 0, words: 'drained by an administrator: nothing new for it' };
const SILENT: Standing = { up: false, share: 0, words: 'no worker speaks for it' };

export class Health {
  readonly #providers = new Map<string, Provider>();
  readonly #startedAt: number;
  #draining: ReadonlySet<string> = new Set();

  constructor(startedAt: number) {
    this.#startedAt = startedAt;
  }

  /** Before any news, for the first seconds, a provider is taken as up. */
  standing(name: string, now: number): Standing {
    const provider = this.#providers.get(name);
    if (!provider) return now - this.#startedAt < NEWS_STALE_MS ? UNHEARD : SILENT;
    if (!provider.standing.up) return provider.standing;
    if (now >= provider.readyUntil) return SILENT;
    return this.#draining.has(name) ? DRAINING : provider.standing;
  }

  /** Those that an administrator drains, all of them. */
  drain(names: readonly string[]): void {
    this.#draining = new Set(names);
  }

  /** A message was given to it: when it waited for a probe, this is the one. */
  handed(name: string, now: number): void {
    const provider = this.#providers.get(name);
    if (provider?.phase === 'probe') this.#enter(provider, 'probing', now, 'a probe is on its way');
  }

  /** Returns a line for the log when the provider is left or comes back. */
  hear(item: NewsOf<'provider'> | NewsOf<'receipts'>, now: number): string | undefined {
    const provider = this.#provider(item.provider, now);
    const before = provider.phase;
    if (item.kind === 'receipts') provider.late = { at: now, share: item.lateShare };
    else this.#judge(provider, item, now);
    provider.standing = standingOf(provider, now);
    return before === provider.phase || before === 'new' ? undefined : `${provider.phase}: ${provider.reason}`;
  }

  #judge(provider: Provider, item: NewsOf<'provider'>, now: number): void {
    const { workers, phase } = provider;
    const failures = item.failuresPerSecond ?? item.errorsPerSecond;
    workers.set(item.worker, { at: now, bound: item.bound, paused: item.paused });
    for (const [worker, { at }] of workers) if (now - at >= NEWS_STALE_MS) workers.delete(worker);
    provider.lately.push({ at: now, sent: item.sentPerSecond, failures });
    provider.lately = provider.lately.filter(({ at }) => now - at < FAILING.withinMs);
    if (failures > 0) provider.failedAt = now;
    const bound = [...workers.values()].filter((worker) => worker.bound > 0);
    if (bound.some(({ paused }) => !paused)) provider.readyUntil = now + NEWS_STALE_MS;
    if (bound.length === 0) {
      if (phase !== 'new') this.#enter(provider, 'failed', now, item.lastError ?? 'not bound');
    } else if (isFailing(provider) || (isOnTrial(phase) && failures > item.sentPerSecond)) {
      this.#enter(provider, 'failed', now, item.lastError ?? 'too many failures');
      provider.lately = [];
    } else this.#recover(provider, item.sentPerSecond > 0, now);
  }

  /** The next phase on the way up, when it is time. */
  #recover(provider: Provider, handedOver: boolean, now: number): void {
    const { phase, since, failedAt } = provider;
    if (phase === 'new') this.#enter(provider, 'well', now, 'bound');
    else if (phase === 'failed' && now - failedAt >= CALM_MS) this.#enter(provider, 'probe', now, 'waits for a probe');
    else if (phase === 'probing' && handedOver) this.#enter(provider, 'few', now, 'the probe was taken');
    else if (phase === 'probing' && now - since >= PROBE_AGAIN_MS) this.#enter(provider, 'probe', now, 'probe again');
    else if (phase === 'few' && now - since >= STEP_MS) this.#enter(provider, 'half', now, 'well so far');
    else if (phase === 'half' && now - since >= STEP_MS) this.#enter(provider, 'well', now, 'well again');
  }

  #enter(provider: Provider, phase: Phase, now: number, reason: string): void {
    if (provider.phase === phase) return;
    provider.phase = phase;
    provider.since = now;
    provider.reason = reason;
    provider.standing = standingOf(provider, now);
  }

  #provider(name: string, now: number): Provider {
    let provider = this.#providers.get(name);
    if (!provider) {
      provider = {
        phase: 'new',
        since: now,
        reason: 'not bound yet',
        workers: new Map(),
        lately: [],
        failedAt: Number.NEGATIVE_INFINITY,
        readyUntil: Number.NEGATIVE_INFINITY,
        late: { at: Number.NEGATIVE_INFINITY, share: 0 },
        standing: SILENT,
      };
      this.#providers.set(name, provider);
    }
    return provider;
  }
}

const isOnTrial = (phase: Phase) => phase !== 'new' && phase !== 'well' && phase !== 'failed';

function isFailing({ lately }: Provider): boolean {
  let sent = 0;
  let failures = 0;
  for (const second of lately) {
    sent += second.sent;
    failures += second.failures;
  }
  return failures >= FAILING.failures && failures >= FAILING.part * (sent + failures);
}

function standingOf({ phase, reason, readyUntil, workers, late }: Provider, now: number): Standing {
  const paused = workers.size > 0 && [...workers.values()].every((worker) => worker.paused);
  if (paused) return { up: false, share: 0, words: 'paused by an administrator' };
  if (phase === 'failed' || now >= readyUntil) return { up: false, share: 0, words: reason };
  const inTime = now - late.at < LATE.staleMs ? Math.max(1 - late.share, LATE.leastShare) : 1;
  const share = SHARE[phase] * inTime;
  const words = share === 1 ? 'up' : `up for ${Math.round(share * 100)} % of the messages`;
  return { up: true, share, words: phase === 'well' ? words : `${words}: ${reason}` };
}
