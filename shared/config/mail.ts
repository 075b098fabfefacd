// The configuration of mail rules: how a mail becomes an SMS. Patterns are RE2
// (https://github.com/google/re2/wiki/Syntax), which takes time linear in the mail whatever the pattern and whoever
// wrote the mail; `^` and `$` match at the ends of each line.
import { RE2JS } from 're2js';
import { z } from 'zod';
import type { SmtpListener, SmtpsListener } from './smtp.ts';
import { duration } from './units.ts';

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
      /** The text ends where this is found first: no pattern sees what is behind it. */
      cutAt: pattern.optional(),
      /** Leave out the signature: the line `-- ` and what is behind it (RFC 3676, 4.3). */
      cutSignature: z.boolean().default(false),
      /** Fields out of the body: the first match of each pattern. A field that is missing or empty: no match. */
      pick: z.array(pattern).max(20).default([]),
      /** The recipient's number, or several separated by blanks. */
      number: template,
      text: template,
      /** The client's own when absent. */
      sender: z.string().min(1).max(20).optional(),
      validity: duration.optional(),
      /** The realm that routes see. */
      realm: template.optional(),
      /** Most segments of one SMS, at most the client's own; what becomes of a longer text. */
      maxSegments: z.int().min(1).max(255).optional(),
      tooLong: z.enum(['refuse', 'cut']).default('refuse'),
    })
    .superRefine((rule, context) => {
      const seen = new Set<string>();
      for (const [path, one] of patternsOf(rule)) {
        for (const field of Object.keys(one.namedGroups())) {
          if (seen.has(field)) context.addIssue({ code: 'custom', path, message: `the group ${field} is named twice` });
          seen.add(field);
        }
      }
      for (const key of ['number', 'text', 'realm'] as const) {
        for (const field of fieldsOf(rule[key] ?? '')) {
          const message = `no pattern of this rule has a group (?P<${field}>…)`;
          if (!seen.has(field)) context.addIssue({ code: 'custom', path: [key], message });
        }
      }
    });

export const mailSection = <N extends z.ZodType, W extends z.ZodType<string>>(name: N, network: W) =>
  z.strictObject({
    rules: z.array(mailRule(name, network)).max(200).default([]),
    /**
     * After the rules: mails as LinOTP and privacyIDEA send them need none. The number is the recipient's local part, or
     * the whole subject; the text is the body. From clients that logged in, or from their `mail.networks`.
     */
    builtIn: z.boolean().default(true),
  });

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
  listen: { smtp?: SmtpListener | undefined; smtps?: SmtpsListener | undefined };
  clients: Record<string, { sender?: string | undefined; mail?: ClientMail | undefined }>;
  callbacks: { mail?: unknown };
  mail: { rules: { name: string; client: string; networks?: unknown; sender?: string | undefined }[] };
};
type ClientMail = { networks?: unknown; status: string };
type Fault = { path: (string | number)[]; message: string };

/** What is wrong between the mail door and the rest of the configuration, with its place. */
export function mailFault({ listen, clients, callbacks, mail }: Rules): Fault | undefined {
  const { smtp, smtps } = listen;
  const atDoor = ['listen', 'smtp'];
  if (smtp?.requireTls && !smtp.tls) return { path: [...atDoor, 'requireTls'], message: 'needs listen.smtp.tls' };
  if (smtp?.auth === 'tls' && !smtp.tls) {
    return { path: [...atDoor, 'auth'], message: 'needs listen.smtp.tls: passwords would travel in clear text' };
  }
  for (const [name, client] of Object.entries(clients)) {
    const at = ['clients', name, 'mail'];
    if (client.mail?.networks && !client.sender) {
      return { path: at, message: `the client ${name} needs a sender: mails have none that a phone could show` };
    }
    if (!callbacks.mail && (client.mail?.status === 'failures' || client.mail?.status === 'all')) {
      return { path: [...at, 'status'], message: 'needs callbacks.mail, the mail server that takes status mails' };
    }
  }
  const mayLogIn = [smtp, smtps].some((one) => one && one.auth !== 'off');
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
    if (!rule.networks && (smtp || smtps) && !mayLogIn) {
      return { path: at, message: 'nobody could use this rule: give it networks, or set listen.smtp.auth' };
    }
  }
  return undefined;
}
