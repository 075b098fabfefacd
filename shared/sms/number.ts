// Recipients: from what a client wrote in `to` to E.164 numbers, all of them or none; and numbers as logs show them.

import { type CountryCode, type PhoneNumber, parsePhoneNumberFromString } from './libphonenumber.ts';

export type Recipient = {
  /** International digits, without plus or 00; or the digits of a short code. */
  e164: string;
  /** The form that the client gave, for providers that address by it; a plus that arrived as a blank is put back. */
  given: string;
};

export type Recipients = { ok: true; numbers: Recipient[] } | { ok: false; reason: string };

type Reading = { e164: string } | { reason: string };

/** What every client that writes full numbers sends: the one form that needs no further look. */
const PLAIN = /^\+?[1-9]\d{6,14}$/;
const INTERNATIONAL = /^[1-9]\d{6,14}$/;
const SHORT_CODE = /^\d{3,6}$/;
const SEPARATORS = /[ .()/-]/g;
/** As in `+49 (0)170 1234567`. */
const TRUNK_PREFIX = /^(\(?(?:\+|00)[^(]*)\(0\)/;

/**
 * The recipients that `to` names. `reason` says, without the number itself, why nothing may be sent.
 *
 * - A leading blank before a digit 1 to 9 is a `+` that was not encoded, and so is the missing one of the numbers
 *   behind it.
 * - If every blank-separated part has 7 to 15 digits, the parts are recipients; else the whole is one number. One that
 *   cannot be read refuses all.
 * - Blank, `.`, `(`, `)`, `-` and `/` separate digits; `+` or `00` marks an international number; in such a number
 *   `(0)` is the trunk prefix for callers at home and is dropped.
 * - Without `+` and `00` the digits are international as they stand; with a default country see `national`.
 * - Three to six digits alone, with no plus and no separator, are a short code.
 *
 * `defaultCountry` is an ISO 3166 code in capitals; the configuration checks it.
 */
export function parseRecipients(to: string, opts: { defaultCountry?: string } = {}): Recipients {
  const plus = to.startsWith('+');
  if ((plus || opts.defaultCountry === undefined) && PLAIN.test(to)) {
    return { ok: true, numbers: [{ e164: plus ? to.slice(1) : to, given: to }] };
  }
  const whole = to.trim();
  const plusWasBlank = /^ +[1-9]/.test(to);
  if (SHORT_CODE.test(whole) && !plusWasBlank) return { ok: true, numbers: [{ e164: whole, given: whole }] };

  const parts = whole.split(/ +/);
  const several = parts.length > 1 && parts.every(isPossible);
  const numbers: Recipient[] = [];
  for (const part of several ? parts : [whole]) {
    const given = plusWasBlank && /^[1-9]/.test(part) ? `+${part}` : part;
    const reading = read(given, opts.defaultCountry);
    if ('reason' in reading) {
      const which = several ? `recipient ${numbers.length + 1} of ${parts.length}: ` : '';
      return { ok: false, reason: `${which}${reading.reason}` };
    }
    numbers.push({ e164: reading.e164, given });
  }
  return { ok: true, numbers };
}

/** Whether a sender is a handset that can be answered: an international number, with a plus or without. */
export const isHandset = (from: string): boolean => INTERNATIONAL.test(from.replace(/^\+/, ''));

/** A number as logs show it: `4477..01`, and of fewer than ten digits only the last two. ASCII, as every log line is. */
export function maskNumber(digits: string): string {
  if (digits.length >= 10) return `${digits.slice(0, 4)}..${digits.slice(-2)}`;
  return digits.length > 2 ? `..${digits.slice(-2)}` : '..';
}

/** Whether a part of `to` is by itself a possible number: 7 to 15 digits behind its `+` or `00`. */
function isPossible(part: string): boolean {
  const compact = compactOf(part);
  return /^\d{7,15}$/.test(afterPrefix(compact) ?? compact);
}

/** The number without what stands between its digits. */
function compactOf(given: string): string {
  return given.replace(TRUNK_PREFIX, '$1').replace(SEPARATORS, '');
}

/** The digits behind `+` or `00`, or undefined when the number has neither. */
function afterPrefix(compact: string): string | undefined {
  if (compact.startsWith('+')) return compact.slice(1);
  return compact.startsWith('00') ? compact.slice(2) : undefined;
}

function read(given: string, defaultCountry: string | undefined): Reading {
  const compact = compactOf(given);
  if (compact === '' || compact === '+') return { reason: 'there is no number' };
  if (!/^\+?\d+$/.test(compact)) {
    return { reason: 'a number has only digits, a + before them, and blank . ( ) - / between them' };
  }
  const prefixed = afterPrefix(compact);
  if (prefixed !== undefined) return international(prefixed);
  return defaultCountry === undefined ? international(compact) : national(compact, defaultCountry);
}

function international(digits: string): Reading {
  if (INTERNATIONAL.test(digits)) return { e164: digits };
  if (digits.startsWith('0')) {
    return {
      reason: 'no country code begins with 0: write the number with its country code, or set a default country',
    };
  }
  return { reason: `an international number has 7 to 15 digits, this one has ${digits.length}` };
}

/**
 * Digits with neither `+` nor `00`, from a client with a default country, can mean two things: `4085550123` is a
 * number in San Jose for a client in the USA, `491701234567` is international for a client in Germany, although
 * libphonenumber by itself would take it for a (possible) German number and send to 49 491701234567. So the national
 * reading holds when it is a valid mobile number; else the international one when its length is possible in its
 * country; else the national one when its length is.
 */
function national(digits: string, country: string): Reading {
  const atHome = parse(digits, country);
  if (atHome?.isValid()) return e164Of(atHome);
  const abroad = parse(`+${digits}`);
  if (abroad?.isPossible()) return e164Of(abroad);
  if (atHome?.isPossible()) return e164Of(atHome);
  return { reason: `neither a number of ${country} nor an international one` };
}

function parse(number: string, defaultCountry?: string): PhoneNumber | undefined {
  return parsePhoneNumberFromString(number, { defaultCountry: defaultCountry as CountryCode, extract: false });
}

function e164Of(number: PhoneNumber): Reading {
  return international(number.number.slice(1));
}
