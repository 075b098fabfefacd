// Probes of providers: sent, and back again. Their times are metrics; for no client do they count.
import { PROBE_DOOR } from '#shared/messages/trial.ts';
import { metrics } from '#shared/telemetry/metrics.ts';
import type { MessageRow } from '../record/rows.ts';

export const isProbe = ({ door }: Pick<MessageRow, 'door'>) => door === PROBE_DOOR;

/** `at` is epoch ms. */
export function probeSent(provider: string, at: number): void {
  metrics.probeSent.labels(provider).set(at / 1_000);
  // One that never comes back is to be seen too.
  metrics.probeDelivered.labels(provider).inc(0);
}

export function probeDelivered({ provider, accepted_at: sent }: MessageRow, at: number): void {
  metrics.probeDelivered.labels(provider).set(sent / 1_000);
  metrics.probeSeconds.labels(provider).set(Math.max(0, at - sent) / 1_000);
}
