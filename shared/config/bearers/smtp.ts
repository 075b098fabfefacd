// The row of a mail gateway: every SMS goes to it as a mail.
import { z } from 'zod';
import { port } from '../names.ts';
import { numberSection } from '../number.ts';
import { providerBase, providerTls } from '../provider.ts';
import { duration } from '../units.ts';

const MOST_TEMPLATE = 2_000;
const ADDRESS = /^[^\s@<>(),;:"\\[\]]+@[^\s@<>(),;:"\\[\]]+$/;

/** Fixed words and tags: see sms/tags.ts. */
const template = z.string().max(MOST_TEMPLATE);
/** A header is one line. */
const headerTemplate = template.regex(/^[^\r\n]*$/, 'one line');

export const smtpProvider = z
  .strictObject({
    bearer: z.literal('smtp'),
    ...providerBase,
    /** Mails under way at once, each on a connection of its own. */
    window: z.int().min(1).max(100).default(5),
    host: z.string().min(1),
    /** 587 with STARTTLS, 465 with TLS from the first octet, else 25. */
    port: port.min(1).optional(),
    /** `starttls` and `tls` never fall back to clear text. */
    security: z.enum(['starttls', 'tls', 'none']).default('starttls'),
    tls: providerTls
      .extend({
        /** `false` takes any certificate: then nobody knows who reads the messages. */
        verify: z.boolean().default(true),
      })
      .optional(),
    /** The name in EHLO; the host's name when absent. */
    name: z
      .string()
      .regex(/^[A-Za-z0-9.-]{1,253}$/, 'a host name')
      .optional(),
    user: z.string().min(1).optional(),
    password: z.string().min(1).optional(),
    number: numberSection(),
    /** The sender of the mail, in the envelope and in From. */
    from: z.string().max(254).regex(ADDRESS, 'a mail address, such as otp@example.org'),
    /** The mail's recipient: a fixed address, or one with the number in it, such as `{to}@sms.example.net`. */
    to: headerTemplate.min(3),
    subject: headerTemplate.default('{to}'),
    body: template.min(1).default('{text}'),
    /** From MAIL FROM to the answer to the mail. Without one by then it is lost. */
    responseTimeout: duration.default(30_000),
    /** An idle connection is closed after this. */
    idle: duration.default(60_000),
  })
  .refine(({ user, password }) => (user === undefined) === (password === undefined), {
    error: 'user and password belong together',
    path: ['user'],
  })
  .refine(({ security, tls }) => security !== 'none' || tls === undefined, {
    error: 'with security: none there is no TLS to set up',
    path: ['tls'],
  });
