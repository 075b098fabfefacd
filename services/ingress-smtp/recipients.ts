// What can be said of a mail's recipients before its data: at RCPT, where the sender can still be told of each.
import { fieldsOf } from '#shared/config/mail.ts';
import type { MailRule } from '#shared/config/schema.ts';
import { Refused } from './refused.ts';
import { type CountryOf, match, numbersOf } from './rules.ts';

/**
 * Why a rule would not take a mail to this recipient, as far as the envelope tells: its `to` does not match (`recipient`),
 * or what it finds there is not a number (`number`).
 */
export function recipientFault(
  rule: MailRule,
  recipient: string,
  countryOf: CountryOf,
): { kind: 'recipient' | 'number'; reason: string } | undefined {
  const { to } = rule.when;
  const fields = to ? match(to, recipient) : {};
  if (!fields) return { kind: 'recipient', reason: 'no mail rule is for this recipient' };
  const wanted = fieldsOf(rule.number);
  if (wanted.length === 0 || !wanted.every((field) => Object.hasOwn(fields, field))) return undefined;
  const numbers = numbersOf(rule, fields, countryOf);
  return numbers.ok ? undefined : { kind: 'number', reason: numbers.reason };
}

/** Why the last of the recipients cannot be taken: no rule is for it, or none for all of them together. */
export function recipientRefusal(
  rules: readonly MailRule[],
  recipients: readonly string[],
  countryOf: CountryOf,
): Refused | undefined {
  const faults = rules.map((rule) => recipientFault(rule, recipients.at(-1)!, countryOf));
  const fitting = rules.filter((_rule, i) => !faults[i]);
  if (fitting.length === 0) {
    const { kind, reason } = faults.find((fault) => fault?.kind === 'number') ?? faults[0]!;
    return new Refused(550, '5.1.1', reason, kind);
  }
  const fitsAll = (rule: MailRule) => recipients.every((recipient) => !recipientFault(rule, recipient, countryOf));
  if (fitting.some(fitsAll)) return undefined;
  return new Refused(452, '4.5.3', 'another rule is for this recipient: send it in a mail of its own', 'recipient');
}
