// What FCM's answer means for the message (https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode). Another
// provider can still carry the SMS, so that nothing here is refused for the message as such.
import { z } from 'zod';
import { retryAfterMs } from '#shared/egress/retry-after.ts';
import type { Outcome } from '#shared/outcome.ts';

export type Answer = { status: number; retryAfter?: string | string[] | undefined; body: unknown };

const taken = z.object({ name: z.string() });
const fault = z.object({
  error: z.object({ status: z.string().optional(), details: z.array(z.looseObject({})).optional() }),
});
const WORD = /^[A-Z_]{1,64}$/;

/** `UNREGISTERED`, `QUOTA_EXCEEDED` and the like: FCM's own code, or else the status of Google's APIs. */
export function codeOf(body: unknown): string | undefined {
  const { data } = fault.safeParse(body);
  if (!data) return undefined;
  const codes = (data.error.details ?? []).map(({ errorCode }) => errorCode);
  return [...codes, data.error.status].find((code): code is string => typeof code === 'string' && WORD.test(code));
}

/** The device cannot be reached this way: its token is gone, belongs to another sender, or never was one. */
const DEVICE = new Set(['UNREGISTERED', 'SENDER_ID_MISMATCH', 'INVALID_ARGUMENT']);

/** A 401 is the worker's own: a new token is tried first. */
export function verdict({ status, retryAfter, body }: Answer, now: number): Outcome {
  if (status === 200) {
    return { kind: 'done', parts: [{ providerId: taken.safeParse(body).data?.name ?? '', receipt: false }] };
  }
  const code = codeOf(body);
  const reason = `FCM answered ${status}${code ? ` ${code}` : ''}`;
  const afterMs = retryAfterMs(retryAfter, now);
  if (status === 429) return { kind: 'throttled', reason, ...(afterMs === undefined ? {} : { afterMs }) };
  if (status >= 500) return afterMs === undefined ? { kind: 'retry', reason } : { kind: 'throttled', reason, afterMs };
  const scope = code !== undefined && DEVICE.has(code) ? 'recipient' : 'provider';
  return { kind: 'refused', reason, scope, code: status };
}
