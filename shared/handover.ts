// What follows from the outcome of a hand-over, for every bearer: a report to the ledger, and the way back to the
// router where the message goes on.
import type { Follow } from './bus/consume.ts';
import type { Provider } from './config/schema.ts';
import { VERSION } from './messages/envelope.ts';
import type { FinalState, Report } from './messages/report.ts';
import type { Sms } from './messages/sms.ts';
import type { Outcome } from './outcome.ts';
import { routerQueue, toQueue, toReport } from './topology.ts';

/** `waited`: nobody could hand it over in the time that its lane allows. `expired`: its validity ended here. */
export type Ending = Exclude<Outcome, { kind: 'throttled' }> | { kind: 'waited' } | { kind: 'expired' };

/** Pure. `message.provider` is the provider at which it ended. */
export function followsOf(message: Sms, ending: Ending, provider: Pick<Provider, 'onUnknown'>, at: number): Follow[] {
  switch (ending.kind) {
    case 'done':
      return [toLedger({ ...about(message, at), kind: 'submitted', parts: ending.parts, ...whyOf(message) })];
    case 'waited':
      return [backToRouter(message)];
    case 'unavailable':
      return [backToRouter(message, { outcome: 'unavailable', reason: ending.reason })];
    case 'expired':
      return [final(message, at, 'expired', 'its validity was over before it could be handed over')];
    case 'unknown':
      if (provider.onUnknown === 'park') return [final(message, at, 'unknown', ending.reason)];
      return givenBack(message, at, 'unknown', ending.reason);
    case 'retry':
      return givenBack(message, at, 'retry', ending.reason);
    case 'refused':
      if (ending.scope === 'message') return [final(message, at, 'rejected', ending.reason, ending.code)];
      return givenBack(message, at, 'refused', ending.reason);
  }
}

/** What the ledger is told of a hand-over that is not tried again, however it ended. */
export function lastReportOf(message: Sms, ending: Ending, at: number): Report {
  switch (ending.kind) {
    case 'done':
      return { ...about(message, at), kind: 'submitted', parts: ending.parts };
    case 'refused':
      return finalReport(message, at, 'rejected', ending.reason, ending.code);
    case 'unknown':
      return finalReport(message, at, 'unknown', ending.reason);
    case 'expired':
      return finalReport(message, at, 'expired', 'its validity was over before it could be handed over');
    case 'waited':
      return finalReport(message, at, 'failed', 'no room in window and rate in time');
    default:
      return finalReport(message, at, 'failed', ending.reason);
  }
}

const about = (message: Sms, at: number) =>
  ({
    v: VERSION.report,
    type: 'report',
    at,
    id: message.id,
    handover: message.handover,
    provider: message.provider!,
    traceparent: message.traceparent,
  }) as const;

const whyOf = ({ why }: Sms) => (why === undefined ? {} : { why });

const toLedger = (report: Report): Follow => ({ to: toReport(report.kind), envelope: report });

function backToRouter(message: Sms, last?: Sms['last']): Follow {
  const { last: _before, ...rest } = message;
  return { to: toQueue(routerQueue(message.lane)), envelope: last ? { ...rest, last } : rest };
}

function givenBack(message: Sms, at: number, outcome: 'retry' | 'refused' | 'unknown', reason: string): Follow[] {
  const report: Report = { ...about(message, at), kind: 'given-back', outcome, reason };
  return [toLedger(report), backToRouter(message, { outcome, reason })];
}

const final = (...args: Parameters<typeof finalReport>): Follow => toLedger(finalReport(...args));

function finalReport(message: Sms, at: number, state: FinalState, reason: string, code?: number): Report {
  return { ...about(message, at), kind: 'final', state, reason, ...(code === undefined ? {} : { code }) };
}
