// What every import reads, what the person chose, and the program itself as a client of the gateway.
import type { Draft, Place } from './draft.ts';

/** One file. `name` is what a provider without a name is called. */
export type Source = { file: string; name: string; text: string };
/** `newPassword` makes the one with which the program logs in here. */
export type Choices = { otp: boolean; newPassword(): string };

/** LinOTP's own time for a one-time password. */
const OTP_VALIDITY = '120s';

export function addClient(draft: Draft, name: string, place: Place, { otp, newPassword }: Choices): void {
  const password = draft.secret(place, `${name}_CLIENT_PASSWORD`, newPassword());
  draft.add('clients', place, name, { password, ...(otp ? { kind: 'otp', validity: OTP_VALIDITY } : {}) });
  const validity = otp
    ? `its messages are one-time passwords, valid for ${OTP_VALIDITY}`
    : `its messages are valid for 24 h: --otp makes that ${OTP_VALIDITY}`;
  draft.note(place, 'changed', `${name} becomes a client of Hermod, with a new password; ${validity}`);
}
