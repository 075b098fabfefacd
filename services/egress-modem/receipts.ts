// From a status report to our receipt, in the words of SMPP's, so that clients read one form for all providers.
import { VERSION } from '#shared/messages/envelope.ts';
import type { ReportOf } from '#shared/messages/report.ts';
import { type StatusReport, statusOf } from './pdu/received.ts';

/** `providerId` is that of the hand-over: see references.ts. */
export function receiptOf(report: StatusReport, providerId: string, provider: string): ReportOf<'receipt'> {
  const { state, stat } = statusOf(report.status);
  const error = String(report.status).padStart(3, '0');
  const dates = `submit date:${minuteOf(report.takenAt)} done date:${minuteOf(report.doneAt)}`;
  const delivered = state === 'delivered' ? '001' : '000';
  return {
    v: VERSION.report,
    type: 'report',
    kind: 'receipt',
    at: Date.now(),
    provider,
    providerId,
    state,
    stat,
    error,
    to: report.to.replaceAll(/\D/g, ''),
    raw: `id:${providerId} sub:001 dlvrd:${delivered} ${dates} stat:${stat} err:${error} text:`,
  };
}

/** YYMMDDhhmm in UTC (SMPP 3.4, Appendix B). */
function minuteOf(at: number | undefined): string {
  return at === undefined ? '0000000000' : new Date(at).toISOString().replaceAll(/\D/g, '').slice(2, 12);
}
