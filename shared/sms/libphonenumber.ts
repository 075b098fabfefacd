// The numbering plans. As CommonJS the library loads in half the time of its hundred small modules, and a door that was
// killed waits for it.
import { createRequire } from 'node:module';

const library: typeof import('libphonenumber-js/mobile') = createRequire(import.meta.url)('libphonenumber-js/mobile');

export const { isSupportedCountry, parsePhoneNumberFromString } = library;
export type { CountryCode, PhoneNumber } from 'libphonenumber-js/mobile';
