// The configuration of the console: where it listens, and who may use it.
import { z } from 'zod';
import { network } from './names.ts';
import { listenerTls } from './tls.ts';
import { duration } from './units.ts';

export const consoleListener = z.strictObject({
  host: z.string().default('127.0.0.1'),
  port: z.int().min(0).max(65_535).default(2_781),
  /** TLS from the first octet. */
  tls: listenerTls.optional(),
  /** The address that browsers show when something stands before it, such as https://sms-console.example.com. */
  url: z.url({ protocol: /^https?$/ }).optional(),
  /** Proxies in front of it, whose X-Forwarded-For is believed. */
  proxies: z.array(network).default([]),
});

/** What each role may: a viewer looks; an operator puts things right too; an admin can also throw dead letters away. */
export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

const user = z.strictObject({
  /** What `hermod password` prints. */
  password: z
    .string()
    .regex(
      /^scrypt\$\d{4,7}\$\d{1,2}\$\d{1,2}\$[\w-]{16,}\$[\w-]{32,}$/,
      'the whole line that `hermod password` prints: no plain text here',
    ),
  role: z.enum(ROLES),
  /** Whether it needs a second factor; by its role unless set. */
  totp: z.boolean().optional(),
});

export const consoleSection = (name: z.ZodString) =>
  z.strictObject({
    users: z.record(name, user).default({}),
    /** Roles whose accounts need a second factor: a code from an authenticator app. */
    totp: z.array(z.enum(ROLES)).default([]),
    /** A session ends when nothing was done for so long, */
    idle: duration.default(30 * 60_000),
    /** and at the latest after so long. */
    session: duration.default(12 * 3_600_000),
  });
