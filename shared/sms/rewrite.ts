// A recipient's number as one provider wants it: the rewriting rules of LinOTP (MSISDN, SUPPRESS_PREFIX) and of
// privacyIDEA (REGEXP `/from/to/`).
import { RE2JS } from 're2js';
import { recipientForm } from './address.ts';

/** From `/from/to/`: every match of `from` becomes `to`, which may name groups as `\1`, `\g<1>` or `\g<name>`. */
export type Replace = { from: RE2JS; to: string };

export type Rewriting = {
  /** `given`: as the client wrote it, with a plus where that was national; `digits`, `plus` and `00` are E.164 forms. */
  form: 'given' | 'digits' | 'plus' | '00';
  /** Digits only; one plus in front stays. A leading 00 does not become a plus. */
  msisdn: boolean;
  /** Taken away once where the number, without blanks in front, begins with it. After `msisdn`. */
  suppressPrefix: string;
  replace?: Replace | undefined;
};

/**
 * Reads privacyIDEA's `/from/to/`. The split is at the last inner slash, so that `to` never holds one; `from` is RE2.
 * Throws one line when the text has another form or a group that `from` does not have. (privacyIDEA leaves the number
 * alone then, and only a log line tells.)
 */
export function parseReplace(text: string): Replace {
  const parts = /^\/(.*)\/([^/]*)\/$/s.exec(text);
  if (!parts) throw new Error('expected /from/to/, such as /^\\+49/0/');
  let from: RE2JS;
  try {
    from = RE2JS.compile(parts[1]!);
  } catch (error) {
    const why = (error as { getDescription?(): string }).getDescription?.() ?? 'not understood';
    throw new Error(`this is not a regular expression in RE2's syntax: ${why}`);
  }
  const names = from.namedGroups();
  for (const [, digit, group] of parts[2]!.matchAll(REFERENCE)) {
    const name = digit ?? group!;
    if (/^\d+$/.test(name) ? Number(name) > from.groupCount() : !Object.hasOwn(names, name))
      throw new Error(`the pattern has no group ${name}`);
  }
  return { from, to: parts[2]! };
}

/** Back references as Python's re.sub writes them. */
const REFERENCE = /\\(?:(\d)|g<(\w+)>)/g;

/** The number for this provider. `to` is E.164 without a plus, or a short code. */
export function rewriteNumber(recipient: { given: string; to: string }, rules: Rewriting): string {
  let number = formed(recipient, rules.form);
  if (rules.msisdn) number = `${number.trim().startsWith('+') ? '+' : ''}${number.replaceAll(/\D/g, '')}`;
  if (rules.suppressPrefix) {
    number = number.trimStart();
    if (number.startsWith(rules.suppressPrefix)) number = number.slice(rules.suppressPrefix.length);
  }
  return rules.replace ? replaceAll(number, rules.replace) : number;
}

/** A short code has no country code to mark. */
const SHORT_CODE_MOST = 6;

function formed({ given, to }: { given: string; to: string }, form: Rewriting['form']): string {
  if (form === 'given') return recipientForm({ given, to });
  if (form === 'digits' || to.length <= SHORT_CODE_MOST) return to;
  return `${form === 'plus' ? '+' : '00'}${to}`;
}

function replaceAll(number: string, { from, to }: Replace): string {
  const matcher = from.matcher(number);
  let result = '';
  let end = 0;
  while (matcher.find()) {
    const filled = to.replaceAll(REFERENCE, (_all, digit?: string, name?: string) => {
      const group = digit ?? name!;
      return matcher.group(/^\d+$/.test(group) ? Number(group) : group) ?? '';
    });
    result += number.slice(end, matcher.start()) + filled;
    end = matcher.end();
  }
  return result + number.slice(end);
}
