// Local accounts: a name and a password, and the link that `npm start` prints, which lets in once. Guesses are limited.
import { hash, timingSafeEqual } from 'node:crypto';
import type { Role } from '#shared/config/console.ts';
import type { Config } from '#shared/config/schema.ts';
import { isHashOf } from '#shared/doors/credentials.ts';

export type Person = { user: string; role: Role };
/** `too many`: nothing is looked at until the minute is over. */
export type Judged = Person | 'wrong' | 'too many';

export type Accounts = {
  logIn(user: string, password: string, address: string): Promise<Judged>;
  enter(token: string, address: string): Judged;
};

/** Wrong ones from one address in a minute. */
const MOST_GUESSES = 10;
const GUESSES_MS = 60_000;
const MOST_ADDRESSES = 10_000;
/** Password hashes that may be under way at once. */
const MOST_HASHES = 4;
const MOST_LENGTH = 256;
const ENTRY_MS = 30 * 60_000;
/** A name that is not known costs the same time as one that is. */
const NOBODY = `scrypt$16384$8$1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/** `entry` is the token of the one-time link, valid from now; undefined when there is none. */
export function openAccounts(users: Config['console']['users'], entry: string | undefined): Accounts {
  const guesses = new Map<string, { count: number; until: number }>();
  let link = entry ? { digest: digest(entry), until: Date.now() + ENTRY_MS } : undefined;
  let hashing = 0;

  const tooMany = (address: string) => {
    const entry = guesses.get(address);
    return entry !== undefined && entry.until > Date.now() && entry.count >= MOST_GUESSES;
  };
  function note(address: string): 'wrong' {
    const entry = guesses.get(address);
    if (entry && entry.until > Date.now()) entry.count++;
    else {
      guesses.delete(address);
      if (guesses.size >= MOST_ADDRESSES) guesses.delete(guesses.keys().next().value!);
      guesses.set(address, { count: 1, until: Date.now() + GUESSES_MS });
    }
    return 'wrong';
  }

  return {
    async logIn(user, password, address) {
      if (tooMany(address) || hashing >= MOST_HASHES) return 'too many';
      if (password.length > MOST_LENGTH) return note(address);
      const row = Object.hasOwn(users, user) ? users[user] : undefined;
      // Before the hash runs, so that many at once are not looked at before the first is counted.
      note(address);
      hashing++;
      try {
        const right = await isHashOf(password, row?.password ?? NOBODY);
        if (!row || !right) return 'wrong';
      } finally {
        hashing--;
      }
      guesses.delete(address);
      return { user, role: row.role };
    },
    enter(token, address) {
      if (tooMany(address)) return 'too many';
      if (!link || link.until < Date.now() || !timingSafeEqual(link.digest, digest(token))) return note(address);
      link = undefined;
      return { user: 'first-run', role: 'admin' };
    },
  };
}

const digest = (text: string) => hash('sha256', text, 'buffer');
