// What a rule makes of a mail. Pure: the same for the door and for `hermod rule`.
import { RE2JS } from 're2js';
import { fieldsOf, fill } from '#shared/config/mail.ts';
import type { MailRule } from '#shared/config/schema.ts';
import { parseRecipients, type Recipient } from '#shared/sms/number.ts';

/** Patterns are linear, but not free: about 20 ms for a text of this length. */
const MOST_TEXT = 32_768;
/** Stands for octets that do not fit the mail's character set. A one-time password with a hole is worth nothing. */
const REPLACEMENT = '\ufffd';
/** The line that mail programs put before a signature: RFC 3676, 4.3; many drop the blank. */
const SIGNATURE = RE2JS.compile('^-- ?$', RE2JS.MULTILINE);
const CONTROL = /[\0-\x08\x0b-\x1f\x7f]/;

export type Envelope = { from: string; recipients: readonly string[] };
export type Content = { subject: string; text: string };
export type Fields = Record<string, string>;

/** One SMS text and who gets it. */
export type Part = { recipients: Recipient[]; text: string; realm?: string };

export type Verdict = { rule: MailRule; fields: Fields } & (
  | { takes: true; parts: Part[] }
  | { takes: false; reason: string }
);

/** The client's country, for numbers without a country code. */
export type CountryOf = (client: string) => string | undefined;

/** What one rule makes of a mail. `reason` never repeats what stands in the mail. */
export function judge(rule: MailRule, envelope: Envelope, content: Content, countryOf: CountryOf): Verdict {
  const fields: Fields = {};
  const no = (reason: string): Verdict => ({ rule, fields, takes: false, reason });
  if (content.text.length > MOST_TEXT) return no(`the mail's text is over ${MOST_TEXT} characters`);
  const { from, to, subject, body } = rule.when;
  const text = bodyOf(rule, content.text);
  const perRecipient: Fields[] = [];
  for (const recipient of envelope.recipients) {
    const found = to ? match(to, recipient) : {};
    if (!found) return no('`to` does not match every recipient');
    perRecipient.push(found);
  }
  for (const [name, pattern, value] of [
    ['from', from, envelope.from],
    ['subject', subject, content.subject],
    ['body', body, text],
  ] as const) {
    const found = pattern ? match(pattern, value) : {};
    if (!found) return no(`\`${name}\` does not match`);
    Object.assign(fields, found);
  }
  for (const [i, pattern] of rule.pick.entries()) {
    const found = match(pattern, text);
    if (!found)
      return no(`the text has nothing for \`pick\` ${i + 1} (${Object.keys(pattern.namedGroups()).join(', ')})`);
    Object.assign(fields, found);
  }
  const parts: Part[] = [];
  for (const own of perRecipient) {
    Object.assign(fields, own);
    const reason = addTo(parts, rule, fields, countryOf);
    if (reason) return no(reason);
  }
  return { rule, fields, takes: true, parts };
}

/** What the rule looks at: the mail's text without what it cuts off. */
function bodyOf({ cutSignature, cutAt }: MailRule, text: string): string {
  const markers = [...(cutSignature ? [SIGNATURE] : []), ...(cutAt ? [cutAt] : [])];
  const ends = markers.map((marker) => {
    const matcher = marker.matcher(text);
    return matcher.find() ? matcher.start() : text.length;
  });
  return text.slice(0, Math.min(text.length, ...ends));
}

/** Fills in the templates for one recipient; the reason when that gives no SMS. */
function addTo(parts: Part[], rule: MailRule, fields: Fields, countryOf: CountryOf): string | undefined {
  const empty = [rule.number, rule.text, rule.realm ?? ''].flatMap(fieldsOf).find((field) => !fields[field]);
  if (empty) return `the field ${empty} is empty`;
  const text = fill(rule.text, fields);
  if (text.includes(REPLACEMENT)) return 'the text has octets that do not fit its character set';
  if (CONTROL.test(text)) return 'the text has control characters';
  const numbers = numbersOf(rule, fields, countryOf);
  if (!numbers.ok) return `the number: ${numbers.reason}`;
  const realm = rule.realm === undefined ? {} : { realm: fill(rule.realm, fields) };
  let part = parts.find((one) => one.text === text && one.realm === realm.realm);
  if (!part) {
    part = { text, recipients: [], ...realm };
    parts.push(part);
  }
  for (const number of numbers.numbers) {
    // Several recipients of a mail can stand for the same number: it gets one SMS.
    if (!part.recipients.some(({ e164 }) => e164 === number.e164)) part.recipients.push(number);
  }
  return undefined;
}

/** The named groups of the first match, '' for a group that took no part; undefined without a match. */
export function match(pattern: RE2JS, value: string): Fields | undefined {
  const matcher = pattern.matcher(value);
  if (!matcher.find()) return undefined;
  return Object.fromEntries(Object.keys(pattern.namedGroups()).map((name) => [name, matcher.group(name) ?? '']));
}

export function numbersOf(rule: MailRule, fields: Fields, countryOf: CountryOf) {
  const country = countryOf(rule.client);
  // A blank before the number is the mail's layout here, not a plus as in a query string.
  return parseRecipients(fill(rule.number, fields).trim(), country ? { defaultCountry: country } : {});
}
