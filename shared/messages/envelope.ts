// What travels on the bus: a list of envelopes of one type. One place for versions and for checking what arrives.
import type { z } from 'zod';
import { type Callback, callback } from './callback.ts';
import { type Report, report } from './report.ts';
import { type Sms, sms } from './sms.ts';

export type Envelope = Sms | Report | Callback;
export type EnvelopeType = Envelope['type'];

/** The version that this code writes, per type. It reads one older and one newer, so that a rolling upgrade passes. */
export const VERSION: Record<EnvelopeType, number> = { sms: 1, report: 1, callback: 1 };

const SCHEMAS: Record<EnvelopeType, z.ZodType<Envelope>> = { sms, report, callback };

export type Checked = { ok: true; envelope: Envelope } | { ok: false; reason: string };

/** Checks one parsed JSON value. The reason names the field, never its value. */
export function checkEnvelope(value: unknown): Checked {
  const { type, v } = (value ?? {}) as { type?: unknown; v?: unknown };
  const schema = typeof type === 'string' && Object.hasOwn(SCHEMAS, type) ? SCHEMAS[type as EnvelopeType] : undefined;
  if (!schema) return { ok: false, reason: 'no known message type' };
  if (typeof v !== 'number' || Math.abs(v - VERSION[type as EnvelopeType]) > 1) {
    return { ok: false, reason: `${type as string}: version not understood` };
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ok: true, envelope: parsed.data };
  const issue = parsed.error.issues[0];
  return { ok: false, reason: `${type as string}: ${issue?.path.join('.') || 'body'} is not as version ${v} says` };
}
