// The configuration of the mail door's listeners, and what a client's row says about its mails.
import { z } from 'zod';
import { network, port } from './names.ts';
import { listenerTls } from './tls.ts';
import { size } from './units.ts';

const door = {
  host: z.string().default('127.0.0.1'),
  /** The name in the greeting; the host's name when absent. */
  name: z
    .string()
    .regex(/^[A-Za-z0-9.-]{1,253}$/, 'a host name')
    .optional(),
  /** Largest mail. */
  maxSize: size.default(262_144),
  /** Most connections at once, and from one address. */
  maxConnections: z.int().min(1).max(10_000).default(100),
  maxPerAddress: z.int().min(1).max(10_000).default(20),
};

/** Clear text, and STARTTLS where it has a certificate. */
export const smtpListener = z.strictObject({
  ...door,
  port: port.default(2_525),
  tls: listenerTls.optional(),
  /** Refuse mail that did not come over TLS. */
  requireTls: z.boolean().default(false),
  /** AUTH PLAIN and LOGIN with a client's name and password: never, only over TLS, or also in clear text. */
  auth: z.enum(['off', 'tls', 'clear']).default('off'),
});

/** TLS from the first octet. */
export const smtpsListener = z.strictObject({
  ...door,
  port: port.default(2_465),
  tls: listenerTls,
  /** AUTH PLAIN and LOGIN with a client's name and password. */
  auth: z.enum(['off', 'tls']).default('tls'),
});

export type SmtpListener = z.infer<typeof smtpListener>;
export type SmtpsListener = z.infer<typeof smtpsListener>;

/** Mails of a client, whichever rule takes them. */
export const clientMail = z.strictObject({
  /** From here its mails need no login for the forms that need no rule (see `mail.builtIn`). */
  networks: z.array(network).min(1).optional(),
  /** Who may be the envelope's sender: `otp@example.com`, or everyone at a domain, `@example.com`. All when absent. */
  senders: z
    .array(z.string().regex(/^[^@\s]*@[^@\s]+$/, 'an address or a domain, such as otp@example.com or @example.com'))
    .min(1)
    .optional(),
  /**
   * Mails to the sender about what became of a message, through `callbacks.mail`: where the mail itself asks for them
   * (RFC 3461, NOTIFY), always when a message failed, or always.
   */
  status: z.enum(['never', 'asked', 'failures', 'all']).default('asked'),
});
