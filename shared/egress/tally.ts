// What a worker tells about its provider: metrics and the access log for each hand-over, and the counts of the last
// second for the news that the router judges health by.
import type { NewsOf } from '../bus/health.ts';
import type { Provider } from '../config/schema.ts';
import type { Ending } from '../handover.ts';
import type { Sms } from '../messages/sms.ts';
import { maskNumber } from '../sms/number.ts';
import { logAccess } from '../telemetry/access.ts';
import { metrics } from '../telemetry/metrics.ts';
import { traceOf } from '../telemetry/trace.ts';

/** Not a number or a text that no provider would take, and not a lost bind, which `bound` tells. */
const speaksAgainstProvider = (ending: Ending) =>
  ending.kind === 'retry' || ending.kind === 'unknown' || (ending.kind === 'refused' && ending.scope === 'provider');

type Second = Pick<
  NewsOf<'provider'>,
  'sentPerSecond' | 'errorsPerSecond' | 'failuresPerSecond' | 'lastError' | 'endings' | 'urgentMs'
>;

export class Tally {
  readonly #provider: string;
  readonly #onUnknown: Provider['onUnknown'];
  #counts = { sent: 0, errors: 0, failures: 0, urgentMs: 0 };
  #endings: Record<string, number> = {};
  /** The last thing that went wrong, in the provider's words. */
  lastError = '';

  constructor(provider: string, onUnknown: Provider['onUnknown']) {
    this.#provider = provider;
    this.#onUnknown = onUnknown;
  }

  ended(message: Sms, ending: Ending): void {
    const provider = this.#provider;
    metrics.submits.inc({ provider, outcome: ending.kind });
    this.#endings[ending.kind] = (this.#endings[ending.kind] ?? 0) + 1;
    const reason = 'reason' in ending ? ending.reason : undefined;
    const ms = Date.now() - (message.releasedAt ?? message.at);
    if (ending.kind === 'done' && message.lane === 'urgent')
      this.#counts.urgentMs = Math.max(this.#counts.urgentMs, ms);
    if (ending.kind === 'done') this.#counts.sent++;
    else if (reason !== undefined) {
      this.#counts.errors++;
      this.lastError = reason;
    }
    if (speaksAgainstProvider(ending)) this.#counts.failures++;
    if (ending.kind === 'unknown' && this.#onUnknown === 'resend') {
      metrics.possibleRepeats.inc({ provider, cause: 'no answer' });
    }
    logAccess({
      event: ending.kind === 'done' ? 'submitted' : 'given-back',
      id: message.id,
      trace: traceOf(message.traceparent),
      client: message.client,
      provider,
      to: maskNumber(message.to),
      segments: message.segments,
      state: ending.kind,
      ...(reason === undefined ? {} : { reason }),
      ms: Date.now() - message.at,
    });
  }

  /** The counts since the last call: the worker asks once a second. */
  lastSecond(): Second {
    const { sent, errors, failures, urgentMs } = this.#counts;
    const endings = this.#endings;
    this.#counts = { sent: 0, errors: 0, failures: 0, urgentMs: 0 };
    this.#endings = {};
    return {
      sentPerSecond: sent,
      errorsPerSecond: errors,
      failuresPerSecond: failures,
      ...(this.lastError ? { lastError: this.lastError } : {}),
      ...(Object.keys(endings).length > 0 ? { endings } : {}),
      ...(urgentMs > 0 ? { urgentMs } : {}),
    };
  }
}
