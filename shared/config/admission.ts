// What a client may send: how much, from which senders, and to whom. The same at every door; Kannel's names for these
// settings are in deploy/docs/kannel-differences.md.
import { z } from 'zod';
import { isCountry } from '../sms/country.ts';
import { LANGUAGES } from '../sms/shift.ts';
import { duration, rate } from './units.ts';

/** What handsets show of an alphanumeric sender (3GPP TS 23.040, 9.1.2.5: 11 septets). */
export const MOST_ALPHANUMERIC = 11;

const sender = z.string().min(1).max(20);

/** `+44`, `0044` or `44`: the first digits of a number in E.164. */
const prefix = z
  .string()
  .regex(/^(\+|00)?[1-9]\d{0,14}$/, 'the first digits of international numbers, such as 44 or +4477')
  .transform((text) => text.replace(/^(\+|00)/, ''));

const COMMENT = /#.*$/gm;
const BETWEEN_DIGITS = /[().\-/]/g;

/**
 * Numbers, as a list or as a text with blanks, line breaks, `;` or `,` between them and comments behind `#`: such a text
 * is what `${file:black.txt}` gives. Kept as E.164 digits.
 */
const numbers = z.union([z.array(z.string()), z.string()]).transform((given, context): ReadonlySet<string> => {
  const list = typeof given === 'string' ? given.replaceAll(COMMENT, '').split(/[\s;,]+/) : given;
  const digits = list
    .map((one) => one.replaceAll(BETWEEN_DIGITS, '').replace(/^(\+|00)/, ''))
    .filter((one) => one !== '');
  const wrong = digits.findIndex((one) => !/^\d{3,15}$/.test(one));
  if (wrong !== -1) context.addIssue({ code: 'custom', message: `entry ${wrong + 1} is not a number` });
  return new Set(digits);
});

const country = z.string().refine(isCountry, 'two capital letters, such as DE');

export const perNumber = z.strictObject({
  /** Most messages to one number in the time `within`. */
  most: z.int().min(1).max(10_000).default(5),
  within: duration.default(10 * 60_000),
  /** The same text to the same number not again before this. */
  sameText: duration.default(30_000),
});

/** Settings of a client that every door keeps. */
export const clientAdmission = {
  /** `otp`: one-time passwords. Unless `perNumber` says otherwise at most 5 in 10 min to a number, the same text 30 s apart. */
  kind: z.enum(['otp', 'general']).default('general'),
  /** Most messages a second, over all doors. What is more is refused, to be tried again. */
  rate: rate.optional(),
  /** Most messages of a day, in UTC. */
  dailyQuota: z.int().min(1).optional(),
  perNumber: perNumber.optional(),
  /** Countries that it may send to; a short code has none. */
  countries: z.array(country).min(1).optional(),
  /** Numbers with one of these prefixes may be sent to. With denied prefixes too, all that are allowed or not denied. */
  allowedPrefixes: z.array(prefix).min(1).optional(),
  deniedPrefixes: z.array(prefix).min(1).optional(),
  /** Only these numbers may be sent to. */
  whiteList: numbers.optional(),
  /** These may not. */
  blackList: numbers.optional(),
  /** Senders that a request may name besides the client's own; any when absent. */
  senders: z.array(sender).min(1).optional(),
  /** The sender of every message, whatever a request says. */
  forcedSender: sender.optional(),
  /** What becomes of an alphanumeric sender of more than 11 characters: cut (and trimmed), refused, or another in its place. */
  longSender: z
    .union([
      z.enum(['cut', 'refuse']),
      z.strictObject({ replace: z.string().regex(/^[ -~]{1,11}$/, 'a sender of at most 11 characters') }),
    ])
    .default('cut'),
  /** Characters behind which a long text is split rather than elsewhere, such as " .". */
  splitChars: z.string().min(1).max(20).optional(),
  /** Plain quotes, dashes and blanks in place of typographic ones where that alone brings a text into the GSM alphabet. */
  smartText: z.boolean().default(false),
  /**
   * National language tables that may be used where they save segments: for messages that go by SMPP or modem, to handsets
   * that know them.
   */
  shiftTables: z.array(z.enum(LANGUAGES)).default([]),
  /** Characters that `to` may have at Kannel's door; what a number can be written with when absent. */
  sendsmsChars: z.string().min(1).max(40).optional(),
  /** The provider of every message, whatever a request says. */
  forcedSmsc: z.string().min(1).optional(),
};
