// Envelopes of one message's story, for tests of the ledger's memory.
import type { Envelope } from '#shared/messages/envelope.ts';
import { newId } from '#shared/messages/id.ts';
import type { ReportOf } from '#shared/messages/report.ts';
import type { Sms } from '#shared/messages/sms.ts';

export const NUMBER = '447700900123';

/** Accepted at `at`, valid for an hour, with every report asked for. */
export const smsAt = (at: number, change: Partial<Sms> = {}): Sms => ({
  v: 1,
  type: 'sms',
  id: newId(at),
  handover: 0,
  attempts: 0,
  expiry: at + 3_600_000,
  at,
  traceparent: '',
  client: 'test',
  door: 'http',
  lane: 'urgent',
  to: NUMBER,
  given: `+${NUMBER}`,
  from: '12345',
  text: 'key word three',
  segments: 1,
  dlrMask: 31,
  dlrUrl: 'http://client.example/d',
  ...change,
});

const report = { v: 1, type: 'report', provider: 'main' } as const;

/** The provider took it, with these ids for its parts; a receipt was asked for with each. */
export const takenAs = (
  { id }: Pick<Sms, 'id'>,
  at: number,
  providerIds: readonly string[],
  change: Partial<ReportOf<'submitted'>> = {},
): Envelope => ({
  ...report,
  kind: 'submitted',
  at,
  id,
  handover: 0,
  parts: providerIds.map((providerId) => ({ providerId, receipt: true })),
  ...change,
});

export const receiptOf = (
  providerId: string,
  at: number,
  change: Partial<ReportOf<'receipt'>> = {},
): ReportOf<'receipt'> => ({
  ...report,
  kind: 'receipt',
  at,
  providerId,
  state: 'delivered',
  stat: 'DELIVRD',
  to: NUMBER,
  raw: `id:${providerId} stat:DELIVRD err:000 text:`,
  ...change,
});

export const endOf = ({ id }: Pick<Sms, 'id'>, at: number, change: Partial<ReportOf<'final'>> = {}): Envelope => ({
  ...report,
  kind: 'final',
  at,
  id,
  handover: 0,
  state: 'failed',
  reason: 'no time left to try again',
  ...change,
});
