// One bind slot of a provider: claim it on the broker, open the bind, open it again after a loss, and never hold a
// session without the claim.
import type { Bus } from '../bus/bus.ts';
import type { Claim } from '../bus/claim.ts';
import type { Provider } from '../config/schema.ts';
import { type Log, reasonOf } from '../telemetry/log.ts';
import { bindSlot } from '../topology.ts';
import type { Bearer, Link } from './bearer.ts';
import { Pace } from './pace.ts';

const ASK_AGAIN_MS = { least: 2_000, most: 5_000 };
/** Who lost the claim ends its session within the first; who takes over a held slot waits for the second before it binds. */
const LET_GO_MS = 1_500;
const TAKE_OVER_MS = 2_000;
/** Each wait is up to half longer or shorter: a provider that is back has its bind again within 10 s. */
const BACK_OFF_MS = { first: 200, most: 6_500 };
/** A bind that held so long was a good one: the next try comes soon again. */
const GOOD_AFTER_MS = 1_000;
/** A bind that fails again and again for the same reason is a line in the log this often. */
const SAY_AGAIN_MS = 60_000;

/** A bound slot, the `n`th of its provider. `usable` is false while its claim is not sure. */
export type Bind<P> = { n: number; link: Link<P>; pace: Pace; usable: boolean };

export type SlotEvents<P> = {
  up(bind: Bind<P>): void;
  down(bind: Bind<P>, reason: string): void;
  failed(reason: string): void;
  /** A question to whoever holds the slot: see trial.ts. */
  asked(question: unknown): Promise<unknown>;
};

export type Slot = { stop(drainMs: number): Promise<void> };

export function runSlot<P>(
  name: string,
  provider: Provider,
  bearer: Bearer<P>,
  bus: Bus,
  log: Log,
  events: SlotEvents<P>,
): Slot {
  let stopping = false;
  let bind: Bind<P> | undefined;
  let claim: Claim | undefined;
  /** Which of the provider's slots is ours, 1 to `binds`. */
  let n = 0;
  let wake: (() => void) | undefined;
  const share = provider.rate === undefined ? undefined : provider.rate / provider.binds;

  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  async function takeClaim(wanted: number): Promise<boolean> {
    const onLost = () => {
      claim = undefined;
      void keepOrLetGo();
    };
    claim = await bus.tryClaim(bindSlot(name, wanted), onLost, events.asked);
    if (claim) n = wanted;
    return claim !== undefined;
  }

  /** The first slot that nobody holds. */
  async function takeAny(): Promise<boolean> {
    for (let wanted = 1; wanted <= provider.binds; wanted++) if (await takeClaim(wanted)) return true;
    return false;
  }

  /** The broker connection was cut. The session stays when the slot is ours again in time; what is in flight is waited for. */
  async function keepOrLetGo(): Promise<void> {
    if (!bind || stopping) return;
    const mine = bind;
    mine.usable = false;
    const until = performance.now() + LET_GO_MS;
    while (performance.now() < until && bind === mine) {
      if (await takeClaim(n)) {
        mine.usable = true;
        events.up(mine);
        return;
      }
      if (performance.now() + 100 > until) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    if (bind !== mine) return;
    log.warn({ provider: name, slot: n }, 'the claim on this bind was lost with the broker connection: unbinding');
    await mine.link.close(0);
  }

  /** Until the bind is over; `ms` is how long it was open. */
  async function session(): Promise<{ reason: string; ms: number }> {
    let ended: (reason: string) => void = () => {};
    const over = new Promise<string>((resolve) => {
      ended = resolve;
    });
    const link = await bearer.open(ended);
    if (!claim || stopping) {
      await link.close(0);
      return { reason: 'the claim was lost while binding', ms: 0 };
    }
    bind = { n, link, pace: new Pace(share, performance.now()), usable: true };
    const mine = bind;
    const openedAt = performance.now();
    events.up(mine);
    const reason = await over;
    bind = undefined;
    link.cut(reason);
    events.down(mine, reason);
    return { reason, ms: performance.now() - openedAt };
  }

  async function run(): Promise<void> {
    let heldByOther = false;
    let delay = BACK_OFF_MS.first;
    let said = { reason: '', at: 0 };
    while (!stopping) {
      if (!claim && !(await takeAny())) {
        heldByOther = true;
        await pause(ASK_AGAIN_MS.least + Math.random() * (ASK_AGAIN_MS.most - ASK_AGAIN_MS.least));
        continue;
      }
      if (heldByOther) await pause(TAKE_OVER_MS);
      heldByOther = false;
      if (stopping || !claim) continue;
      let heldFor = 0;
      try {
        const { reason, ms } = await session();
        heldFor = ms;
        said.reason = '';
        if (!stopping) log.warn({ provider: name, slot: n, reason }, 'session ended');
      } catch (error) {
        const reason = reasonOf(error);
        events.failed(reason);
        if (reason !== said.reason || performance.now() - said.at > SAY_AGAIN_MS) {
          log.warn({ provider: name, slot: n, reason }, 'cannot bind');
          said = { reason, at: performance.now() };
        }
      }
      if (heldFor > GOOD_AFTER_MS) delay = BACK_OFF_MS.first;
      if (!stopping) await pause(delay * (0.5 + Math.random()));
      delay = Math.min(delay * 2, BACK_OFF_MS.most);
    }
  }

  const running = run();
  return {
    async stop(drainMs) {
      stopping = true;
      wake?.();
      if (bind) {
        bind.usable = false;
        await bind.link.close(drainMs);
      }
      await running;
      await claim?.release();
    },
  };
}
