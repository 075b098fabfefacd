// The configuration of the console: where it listens, and who may use it.
import { z } from 'zod';
import { network } from './names.ts';
import type { Config } from './schema.ts';
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

/** Log-in by an identity provider that speaks OpenID Connect. Needs listen.console.url. */
const oidc = z.strictObject({
  /** As the provider names itself, such as https://login.example.com/realms/main. http only on this machine. */
  issuer: z.url({ protocol: /^https?$/ }).refine((text) => {
    const { protocol, hostname } = new URL(text);
    return protocol === 'https:' || ['127.0.0.1', '[::1]', 'localhost'].includes(hostname);
  }, 'an address that begins with https://'),
  clientId: z.string().min(1),
  /** Without one it is a public client. */
  clientSecret: z.string().min(1).optional(),
  /** On the button. */
  label: z.string().min(1).max(40).default('Single sign-on'),
  scopes: z.array(z.string().min(1)).default(['openid', 'profile']),
  /** The claim that is shown as the person's name and stands in the audit log. */
  userClaim: z.string().min(1).default('preferred_username'),
  /** The claim with the person's groups, a list or one text; dots lead into it, such as realm_access.roles. */
  claim: z.string().min(1).default('groups'),
  /** Groups of each role. Who is in none of them is not let in; of several roles the highest counts. */
  roles: z.partialRecord(z.enum(ROLES), z.array(z.string().min(1)).min(1)),
});

type Fault = { path: (string | number)[]; message: string };

/** What cannot be said in the schema, with where. */
export function consoleFault({ listen, console: { oidc } }: Pick<Config, 'listen' | 'console'>): Fault | undefined {
  if (!oidc || listen.console?.url) return undefined;
  return { path: ['console', 'oidc'], message: 'needs listen.console.url, the address to which people are sent back' };
}

export const consoleSection = (name: z.ZodString) =>
  z.strictObject({
    users: z.record(name, user).default({}),
    /** Roles whose accounts need a second factor: a code from an authenticator app. */
    totp: z.array(z.enum(ROLES)).default([]),
    oidc: oidc.optional(),
    /** A session ends when nothing was done for so long, */
    idle: duration.default(30 * 60_000),
    /** and at the latest after so long. */
    session: duration.default(12 * 3_600_000),
  });
