// The configuration of the ledger: where it remembers, and for how long.
import { z } from 'zod';
import { duration } from './units.ts';

const DAY = 24 * 3_600_000;

export const ledgerSection = z.strictObject({
  /** SQLite file, relative to the configuration file. Not used when DATABASE_URL names a PostgreSQL database. */
  file: z.string().default('ledger.sqlite'),
  /**
   * Encrypts what is stored of texts; 32 characters or more, such as ${LEDGER_KEY}. Without it the key is the file
   * `<file>.key`, which the first start writes; PostgreSQL needs this one.
   */
  key: z.string().min(32, 'at least 32 characters').optional(),
  /** How long after the expiry a receipt may come; a message without one is judged then. */
  receiptsWithin: duration.default(3 * DAY),
});

export const retentionSection = z.strictObject({
  /** Texts, encrypted. Not kept unless set. */
  texts: duration.optional(),
  /** Texts of messages from handsets, encrypted. */
  incoming: duration.default(7 * DAY),
  /** Numbers; then the last digits are cut, and only who knows the number finds the message. */
  numbers: duration.default(30 * DAY),
  /** All that is known about a message. */
  messages: duration.default(365 * DAY),
  /** Entries of the audit log. Kept for good unless set. */
  audit: duration.optional(),
});
