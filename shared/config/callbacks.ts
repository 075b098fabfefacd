// The configuration of callbacks: the section `callbacks`, and what a client's row says about its own.
import { z } from 'zod';
import { port } from './names.ts';
import { providerTls } from './provider.ts';
import { duration } from './units.ts';

const PLACE = 'a host name in small letters, an address or a network, such as portal.example.com or 10.1.0.0/16';

/** Hosts by name, addresses and networks. A name is a host's whole name: it covers whatever address it resolves to. */
const places = (network: z.ZodType<string>) =>
  z.array(z.union([network, z.string().regex(/^(?![\d.]+$)[a-z0-9_]([a-z0-9_.-]{0,252}[a-z0-9])?$/, PLACE)], PLACE));

/** A mail server that takes our mail for others: a smart host. Settings are named as in the row of a mail provider. */
const smartHost = z
  .strictObject({
    host: z.string().min(1),
    /** 587 with STARTTLS, 465 with TLS from the first octet, else 25. */
    port: port.min(1).optional(),
    /** `starttls` and `tls` never fall back to clear text. */
    security: z.enum(['starttls', 'tls', 'none']).default('starttls'),
    tls: providerTls.optional(),
    user: z.string().min(1).optional(),
    password: z.string().min(1).optional(),
    /** Stands in the header of our mails; their envelope has no sender, so that nothing answers them. */
    from: z.email(),
  })
  .refine(({ user, password }) => (user === undefined) === (password === undefined), {
    error: 'user and password belong together',
    path: ['user'],
  });
export type SmartHost = z.infer<typeof smartHost>;

const wait = duration.refine((ms) => ms >= 100, 'at least 100ms');

export const callbacksSection = (network: z.ZodType<string>) =>
  z.strictObject({
    /** Loopback, private and other special addresses that the callbacks of every client may go to. */
    allow: places(network).default([]),
    /** For one try, from resolving the name to the end of the answer. */
    timeout: wait.default(10_000),
    /** Most calls to one host at a time. */
    perHost: z.int().min(1).max(256).default(8),
    /** Waits between the tries of a callback that failed; the last one is repeated. */
    retries: z.array(wait).min(1).max(20).default([5_000, 15_000, 60_000, 300_000, 900_000, 1_800_000, 3_600_000]),
    /** After this a callback is put aside: see `hermod dead`. */
    giveUpAfter: duration.default(24 * 3_600_000),
    /** Callbacks to mailboxes: who sent a mail is told by mail what became of it. */
    mail: smartHost.optional(),
  });

const httpUrl = z.url({ protocol: /^https?$/, error: 'an http or https URL, such as http://proxy.example.com:3128' });

export const clientCallbacks = (network: z.ZodType<string>) =>
  z.strictObject({
    /** Loopback, private and other special addresses that this client's callbacks may go to. */
    allow: places(network).default([]),
    /** PEM file of the authority that signed the receiver's certificate; the system's authorities when absent. */
    ca: z.string().optional(),
    /** PEM files with which the receiver knows this gateway. */
    cert: z.string().optional(),
    key: z.string().optional(),
    /** Proxy for this client's callbacks, with `user:password@` where it asks for them. */
    proxy: httpUrl.optional(),
    /** Signs the events that go to the `callback` of a REST request: what `hermod webhook-secret` prints. */
    secret: z
      .string()
      .regex(/^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/, 'what `hermod webhook-secret` prints')
      .optional(),
    /** Basic authentication at the host of the client's URL. A user in the URL itself comes first. */
    user: z.string().min(1).optional(),
    password: z.string().optional(),
  });
