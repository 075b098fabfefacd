// The country of a number, for routing.
import { isSupportedCountry, parsePhoneNumberFromString } from './libphonenumber.ts';

/** Digits of a short code: it belongs to a network, not to a country. */
const SHORT_CODE = 6;

/**
 * ISO 3166 code of the country whose numbering plan has these digits (E.164 without a plus); undefined for a short code
 * and where there is no such country. Countries that share a code (+1, +7, +44) are told apart by the plan; a number
 * that none of their plans knows yet counts as one of the first of them: US, RU, GB. Takes some 10 µs.
 */
export function countryOf(e164: string): string | undefined {
  if (e164.length <= SHORT_CODE) return undefined;
  const number = parsePhoneNumberFromString(`+${e164}`, { extract: false });
  return number?.country ?? number?.getPossibleCountries()[0];
}

/** Whether this is a country's code in the numbering plans: GB is, UK is not. */
export const isCountry = (code: string): boolean => isSupportedCountry(code);
