// Local accounts: a name, a password and where it is asked for a second factor; and the link that `npm start` prints, which
// lets in once. Guesses are limited.
import { hash, timingSafeEqual } from 'node:crypto';
import type { Role } from '#shared/config/console.ts';
import type { Config } from '#shared/config/schema.ts';
import { isHashOf } from '#shared/doors/credentials.ts';
import { Guesses } from '#shared/doors/guesses.ts';

/** `enrol`: it needs a second factor and has none yet, so that setting one up is all that it may do. */
export type Person = { user: string; role: Role; enrol?: boolean };
/** `code`: the password is right, and a code of the second factor is wanted. `too many`: nothing is looked at for some minutes. */
export type Judged = Person | 'wrong' | 'wrong code' | 'code' | 'too many';
export type LogIn = { user: string; password: string; code?: string | undefined; address: string };
/** What the ledger says of a code; rejects when it does not answer. */
export type SecondFactor = (user: string, code: string | undefined) => Promise<'none' | 'wanted' | 'right' | 'wrong'>;

export type Accounts = {
  logIn(attempt: LogIn): Promise<Judged>;
  enter(token: string, address: string): Judged;
};

const MINUTE_MS = 60_000;
/** Wrong ones from one address in a minute. */
const MOST_BY_ADDRESS = 10;
/** Wrong passwords for one name in a quarter of an hour, from addresses at which it has not been right before. */
const MOST_BY_NAME = 30;
/** Wrong codes for one name in a quarter of an hour: whoever is asked for one knows the password. */
const MOST_CODES = 10;
const QUARTER_MS = 15 * MINUTE_MS;
/** Names with their addresses that were right. */
const MOST_KNOWN = 10_000;
/** Password hashes that may be under way at once. */
const MOST_HASHES = 4;
const MOST_LENGTH = 256;
const ENTRY_MS = 30 * MINUTE_MS;
/** A name that is not known costs the same time as one that is. */
const NOBODY = `scrypt$16384$8$1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/** `entry` is the token of the one-time link, valid from now; undefined when there is none. */
export function openAccounts(
  { users, totp }: Pick<Config['console'], 'users' | 'totp'>,
  entry: string | undefined,
  secondFactor: SecondFactor,
): Accounts {
  const byAddress = new Guesses(MOST_BY_ADDRESS, MINUTE_MS);
  const byName = new Guesses(MOST_BY_NAME, QUARTER_MS);
  const codes = new Guesses(MOST_CODES, QUARTER_MS);
  // A stranger who guesses keeps nobody out who was here before.
  const known = new Set<string>();
  let link = entry ? { digest: digest(entry), until: Date.now() + ENTRY_MS } : undefined;
  let hashing = 0;

  async function hasPassword(password: string, line: string): Promise<boolean> {
    hashing++;
    try {
      return await isHashOf(password, line);
    } finally {
      hashing--;
    }
  }

  /** The password was right. */
  async function withSecondFactor({ user, code }: LogIn, role: Role): Promise<Judged> {
    if (codes.tooMany(user)) return 'too many';
    if (code !== undefined) codes.note(user);
    const answer = await secondFactor(user, code);
    if (answer === 'wanted') return 'code';
    if (answer === 'wrong') return 'wrong code';
    codes.forget(user);
    return { user, role, enrol: answer === 'none' };
  }

  return {
    async logIn(attempt) {
      const { user, password, address } = attempt;
      const place = `${address} ${user}`;
      const isKnown = known.has(place);
      if (byAddress.tooMany(address) || hashing >= MOST_HASHES || (!isKnown && byName.tooMany(user))) return 'too many';
      // Before the hash runs, so that many at once are not looked at before the first is counted.
      byAddress.note(address);
      if (password.length > MOST_LENGTH) return 'wrong';
      if (!isKnown) byName.note(user);
      const row = Object.hasOwn(users, user) ? users[user] : undefined;
      const right = await hasPassword(password, row?.password ?? NOBODY);
      if (!row || !right) return 'wrong';
      const judged =
        (row.totp ?? totp.includes(row.role)) ? await withSecondFactor(attempt, row.role) : { user, role: row.role };
      if (typeof judged === 'string') return judged;
      byAddress.forget(address);
      byName.forget(user);
      if (known.size >= MOST_KNOWN) known.delete(known.values().next().value!);
      known.add(place);
      return judged;
    },
    enter(token, address) {
      if (byAddress.tooMany(address)) return 'too many';
      if (!link || link.until < Date.now() || !timingSafeEqual(link.digest, digest(token))) {
        byAddress.note(address);
        return 'wrong';
      }
      link = undefined;
      return { user: 'first-run', role: 'admin' };
    },
  };
}

const digest = (text: string) => hash('sha256', text, 'buffer');
