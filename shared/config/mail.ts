// The configuration of the mail door: where it listens, and the rules that turn a mail into an SMS. Patterns are RE2
// (https://github.com/google/re2/wiki/Syntax), which takes time linear in the mail whatever the pattern and whoever
// wrote the mail; `^` and `$` match at the ends of each line.
import { RE2JS } from 're2js';
import { z } from 'zod';
import { duration, size } from './units.ts';

const MOST_PATTERN = 1_000;
const MOST_TEMPLATE = 2_000;
/** `{name}`: the value of the named group (?P<name>…). */
const FIELD = /\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

export const pattern = z
  .string()
  .min(1)
  .max(MOST_PATTERN)
  .transform((source, context) => {
    try {
      return RE2JS.compile(source, RE2JS.MULTILINE);
    } catch (error) {
      const why = (error as { getDescription?(): string }).getDescription?.() ?? 'not understood';
      context.addIssue({ code: 'custom', message: `this is not a regular expression in RE2's syntax: ${why}` });
      return z.NEVER;
    }
  });

/** Fixed words and `{fields}`. */
const template = z.string().min(1).max(MOST_TEMPLATE);

export const smtpListener = z.strictObject({
  host: z.string().default('127.0.0.1'),
  port: z.int().min(0).max(65_535).default(2_525),
  /** The name in the greeting; the host's name when absent. */
  name: z
    .string()
    .regex(/^[A-Za-z0-9.-]{1,253}$/, 'a host name')
    .optional(),
  tls: z
    .strictObject({
      /** PEM files, relative to the configuration file. Read at the start. */
      cert: z.string().min(1),
      key: z.string().min(1),
      /** TLS from the first octet (port 465) instead of STARTTLS. */
      implicit: z.boolean().default(false),
    })
    .optional(),
  /** Refuse mail that did not come over TLS. */
  requireTls: z.boolean().default(false),
  /** AUTH PLAIN and LOGIN with a client's name and password: never, only over TLS, or also in clear text. */
  auth: z.enum(['off', 'tls', 'clear']).default('off'),
  /** Largest mail. */
  maxSize: size.default(262_144),
  /** Most connections at once, and from one address. */
  maxConnections: z.int().min(1).max(10_000).default(100),
  maxPerAddress: z.int().min(1).max(10_000).default(20),
});

/** A rule; `network` and `name` are those of the whole configuration. */
const mailRule = <N extends z.ZodType, W extends z.ZodType<string>>(name: N, network: W) =>
  z
    .strictObject({
      name,
      /** Whose limits, sender and validity apply. */
      client: name,
      /** Who may use the rule without AUTH. Without networks: only the client itself, with AUTH. */
      networks: z.array(network).min(1).optional(),
      /** All that are given must match. `from` and `to` are the addresses of the envelope, `body` the decoded text. */
      when: z.strictObject({
        from: pattern.optional(),
        to: pattern.optional(),
        subject: pattern.optional(),
        body: pattern.optional(),
      }),
      /** Fields out of the body: the first match of each pattern. A field that is missing or empty: no match. */
      pick: z.array(pattern).max(20).default([]),
      /** The recipient's number, or several separated by blanks. */
      number: template,
      text: template,
      /** The client's own when absent. */
      sender: z.string().min(1).max(20).optional(),
      validity: duration.optional(),
    })
    .superRefine((rule, context) => {
      const seen = new Set<string>();
      for (const [path, one] of patternsOf(rule)) {
        for (const field of Object.keys(one.namedGroups())) {
          if (seen.has(field)) context.addIssue({ code: 'custom', path, message: `the group ${field} is named twice` });
          seen.add(field);
        }
      }
      for (const key of ['number', 'text'] as const) {
        for (const field of fieldsOf(rule[key])) {
          const message = `no pattern of this rule has a group (?P<${field}>…)`;
          if (!seen.has(field)) context.addIssue({ code: 'custom', path: [key], message });
        }
      }
    });

export const mailSection = <N extends z.ZodType, W extends z.ZodType<string>>(name: N, network: W) =>
  z.strictObject({ rules: z.array(mailRule(name, network)).max(200).default([]) });

type Patterns = { when: { [part in 'from' | 'to' | 'subject' | 'body']?: RE2JS | undefined }; pick: RE2JS[] };

const patternsOf = ({ when, pick }: Patterns): [(string | number)[], RE2JS][] => [
  ...Object.entries(when).flatMap(([part, one]): [string[], RE2JS][] => (one ? [[['when', part], one]] : [])),
  ...pick.map((one, i): [(string | number)[], RE2JS] => [['pick', i], one]),
];

/** The fields that a template asks for. */
export const fieldsOf = (text: string): string[] => [...text.matchAll(FIELD)].map(([, field]) => field!);

/** The template with its fields filled in, once: braces in a value stay as they are. */
export const fill = (text: string, fields: Readonly<Record<string, string>>): string =>
  text.replaceAll(FIELD, (_all, field: string) => fields[field] ?? '');

type Rules = {
  listen: { smtp?: z.infer<typeof smtpListener> | undefined };
  clients: Record<string, { sender?: string | undefined }>;
  mail: { rules: { name: string; client: string; networks?: unknown; sender?: string | undefined }[] };
};

/** What is wrong between the mail door and the rest of the configuration, with its place. */
export function mailFault({
  listen,
  clients,
  mail,
}: Rules): { path: (string | number)[]; message: string } | undefined {
  const { smtp } = listen;
  const atDoor = ['listen', 'smtp'];
  if (smtp?.requireTls && !smtp.tls) return { path: [...atDoor, 'requireTls'], message: 'needs listen.smtp.tls' };
  if (smtp?.auth === 'tls' && !smtp.tls) {
    return { path: [...atDoor, 'auth'], message: 'needs listen.smtp.tls: passwords would travel in clear text' };
  }
  for (const [i, rule] of mail.rules.entries()) {
    const at = ['mail', 'rules', i];
    if (!Object.hasOwn(clients, rule.client)) {
      return { path: [...at, 'client'], message: `there is no client ${rule.client}` };
    }
    if (mail.rules.findIndex(({ name }) => name === rule.name) < i) {
      return { path: [...at, 'name'], message: `there are two rules ${rule.name}` };
    }
    if (!rule.sender && !clients[rule.client]?.sender) {
      return { path: at, message: `the rule needs a sender, or its client ${rule.client} one` };
    }
    if (!rule.networks && smtp?.auth === 'off') {
      return { path: at, message: 'nobody could use this rule: give it networks, or set listen.smtp.auth' };
    }
  }
  return undefined;
}
