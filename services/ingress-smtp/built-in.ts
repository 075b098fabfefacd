// The mails that need no rule: as LinOTP and privacyIDEA send them while nobody changes subject and body, which is the
// number in the recipient or alone in the subject, and the text alone in the body.
import { RE2JS } from 're2js';
import type { Config, MailRule } from '#shared/config/schema.ts';

const compile = (source: string) => RE2JS.compile(source, RE2JS.MULTILINE);
/** Seven digits at least, or it would take short codes and years for numbers. */
const NUMBER = '(?P<number>[+0-9(](?:[ ().+/-]*[0-9]){6,})';
const TEXT = compile(String.raw`(?s)\A\s*(?P<text>.*\S)`);
const FORMS = [
  { name: 'number-in-recipient', when: { to: compile(`^${NUMBER}@`), body: TEXT } },
  { name: 'number-in-subject', when: { subject: compile(String.raw`\A\s*${NUMBER}\s*\z`), body: TEXT } },
];

/** The configuration's rules, and behind them one for each such mail and client. */
export function allRules({ clients, mail }: Pick<Config, 'clients' | 'mail'>): MailRule[] {
  // What a phone shows as sender is the client's: without one there is nothing to send.
  const senders = mail.builtIn ? Object.entries(clients).filter(([, { sender }]) => sender !== undefined) : [];
  const builtIn = senders.flatMap(([client, row]) =>
    FORMS.map((form): MailRule => {
      const networks = row.mail?.networks;
      const rest = { pick: [], number: '{number}', text: '{text}', cutSignature: false, tooLong: 'refuse' as const };
      return { ...form, client, ...rest, ...(networks ? { networks } : {}) };
    }),
  );
  return [...mail.rules, ...builtIn];
}
