// The configuration of the SMPP door: where it listens, and what the sessions of a client may do.
import { z } from 'zod';
import { listenerTls } from './tls.ts';
import { duration } from './units.ts';

export const smppListener = z.strictObject({
  host: z.string().default('127.0.0.1'),
  port: z.int().min(0).max(65_535).default(2_875),
  /** TLS from the first octet. */
  tls: listenerTls.optional(),
  /** Most connections at once. */
  maxConnections: z.int().min(1).max(10_000).default(500),
  /** A session that is silent for so long is asked with enquire_link; after twice as long it is closed. */
  enquireLink: duration.default(30_000),
});

export const clientSmpp = z.strictObject({
  /** Most sessions at once. */
  binds: z.int().min(1).max(1_000).default(10),
  /** Submits of a session without an answer; while so many are, no more is read of it. */
  window: z.int().min(1).max(1_000).default(100),
  /** Receipts on a session that the client has not answered yet. */
  receiptWindow: z.int().min(1).max(1_000).default(10),
  /** How message ids are written: `uuid` as everywhere else, the same number in `decimal`, or in `hex` without dashes. */
  messageIds: z.enum(['uuid', 'decimal', 'hex']).default('uuid'),
});
