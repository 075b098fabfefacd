// What LinOTP's providers have in common: how they are read, and what they make of a number.
import type { Draft, Row } from './draft.ts';
import type { Settings } from './settings.ts';

/** A row, or nothing when the class has no counterpart. */
export type Reader = (draft: Draft, settings: Settings, owner: string) => Row | undefined;

export const isTrue = (settings: Settings, key: string) => settings.text(key)?.toLowerCase() === 'true';

/** MSISDN and SUPPRESS_PREFIX, of all classes. */
export function numberOf(settings: Settings): Row | undefined {
  const number: Row = {};
  if (settings.has('MSISDN')) {
    number.msisdn = isTrue(settings, 'MSISDN') || undefined;
    settings.taken('MSISDN', number.msisdn ? 'number.msisdn' : 'off, as unset');
  }
  number.suppressPrefix = settings.text('SUPPRESS_PREFIX', 'number.suppressPrefix');
  return number.msisdn || number.suppressPrefix ? number : undefined;
}
