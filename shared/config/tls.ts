// TLS of a listener.
import { z } from 'zod';

export const listenerTls = z.strictObject({
  /** PEM files, relative to the configuration file: the certificate with its intermediates, and its key. Followed when they change. */
  cert: z.string().min(1),
  key: z.string().min(1),
  /** PEM file of a private authority that signed it; only `hermod check` looks at it. */
  ca: z.string().min(1).optional(),
  /** Older than 1.2 only for a client that knows no better. */
  minVersion: z.enum(['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']).default('TLSv1.2'),
});

export type ListenerTls = z.infer<typeof listenerTls>;
