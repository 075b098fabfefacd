// What is left of the account's credit, asked now and then while the provider is reached: a metric, and the provider's news.
import type { Api } from '#shared/providers/api.ts';
import type { Balance, HttpRequest } from '#shared/providers/preset.ts';
import { redact } from '#shared/providers/redact.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import type { Called } from './call.ts';

type Call = (request: HttpRequest) => Promise<Called>;

export type BalanceWatch = {
  /** Undefined while it is not known. */
  latest(): Balance | undefined;
  /** A link is open until `signal`: it is asked by `call`, at once when no other one is, and then every `everyMs`. */
  follow(call: Call, signal: AbortSignal): void;
};

type Options = { name: string; everyMs: number; warn: (reason: string) => void };

export function openBalance(api: Api, { name, everyMs, warn }: Options): BalanceWatch {
  const calls = new Map<AbortSignal, Call>();
  let latest: Balance | undefined;
  let said = '';
  let timer: NodeJS.Timeout | undefined;

  async function ask(call: Call): Promise<void> {
    const called = await call(api.balance!.request());
    latest = called.kind === 'answer' ? api.balance!.read(called.answer) : undefined;
    if (latest) {
      metrics.balance.labels(name).set(latest.amount);
      said = '';
      return;
    }
    // An old number would look like a good one.
    metrics.balance.remove(name);
    const reason = called.kind === 'answer' ? `HTTP ${called.answer.status} without a number` : called.reason;
    if (reason !== said) warn(redact(reason, api.secrets));
    said = reason;
  }

  async function turn(): Promise<void> {
    const [call] = calls.values();
    if (!call) return;
    await ask(call);
    clearTimeout(timer);
    timer = setTimeout(turn, everyMs).unref();
  }

  return {
    latest: () => latest,
    follow(call, signal) {
      calls.set(signal, call);
      signal.addEventListener('abort', () => calls.delete(signal), { once: true });
      if (calls.size === 1) void turn();
    },
  };
}
