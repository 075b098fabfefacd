// What the rows of all providers have, whatever their bearer.
import { z } from 'zod';
import { name } from './names.ts';
import { providerRouting } from './routes.ts';
import { duration, rate } from './units.ts';

const probe = z.strictObject({
  /** A number of your own, which pays for nothing else. */
  to: z.string().regex(/^\+[1-9]\d{6,14}$/, 'a number with its country code, in quotes, such as "+491710760000"'),
  every: duration.refine((ms) => ms >= 10_000, 'at least 10s'),
  text: z.string().min(1).max(160).default('Hermod: this provider delivers.'),
  /** Sender, before the row\'s `senders`. */
  from: z.string().max(20).default(''),
});

export const providerBase = {
  /** Binds (SMPP) or parallel connections that the provider allows. */
  binds: z.int().min(1).max(64).default(1),
  bindsPerWorker: z.int().min(1).max(64).optional(),
  /** Hand-overs without an answer, per bind. */
  window: z.int().min(1).max(5_000).default(100),
  /** Most messages a second over all binds. */
  rate: rate.optional(),
  /** When the answer to a hand-over was lost: send it again, or park it as `unknown`. */
  onUnknown: z.enum(['resend', 'park']).default('resend'),
  /**
   * How receipts spell the ids of this provider's answers: the `same` but for leading zeros, case and dashes, in `decimal`
   * where the answer has hex, in `hex` where it has decimal, or `cut` short. Learned when absent.
   */
  receiptIds: z.enum(['same', 'decimal', 'hex', 'cut']).optional(),
  /** An SMS of our own now and then, to see that its receipt comes back; it counts for no client. */
  probe: probe.optional(),
  ...providerRouting(name),
};

/** TLS towards a provider: verified always. PEM files, relative to the configuration file. */
export const providerTls = z.strictObject({
  /** PEM file of the authority that signed the provider's certificate; the system's authorities when absent. */
  ca: z.string().optional(),
  cert: z.string().optional(),
  key: z.string().optional(),
  /** Name in the provider's certificate when it is not the host's. */
  serverName: z.string().optional(),
});
