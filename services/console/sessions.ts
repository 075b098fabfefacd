// Who is logged in, in memory: a restart logs everyone out. A session ends after some idle time, and at a fixed hour.
import { hash, randomBytes } from 'node:crypto';
import type { Person } from './accounts.ts';

/** `way`: how it began. `logOut`: where the browser goes on to end the session at the identity provider too. */
export type Session = Person & {
  way: 'password' | 'link' | 'single sign-on';
  logOut?: string;
  startedAt: number;
  usedAt: number;
};

export type Sessions = {
  /** Returns the token for the cookie. */
  open(person: Person & Pick<Session, 'logOut'>, way: Session['way']): string;
  /** The session, while it is valid. `use` counts as something done by its person. */
  find(token: string | undefined, use: boolean): Session | undefined;
  end(token: string): void;
  /** Ends all of this person's, but the one with the token `except`. Returns how many. */
  endAll(user: string, except?: string): number;
};

const MOST_SESSIONS = 1_000;

/** Times in ms. */
export function openSessions({ idle, session: whole }: { idle: number; session: number }): Sessions {
  // By the token's hash: what is compared is of no use to whoever measures how long it takes.
  const sessions = new Map<string, Session>();
  const keyOf = (token: string) => hash('sha256', token, 'base64url');
  const isOver = ({ startedAt, usedAt }: Session, now: number) => now > startedAt + whole || now > usedAt + idle;
  return {
    open(person, way) {
      const now = Date.now();
      for (const [key, session] of sessions) if (isOver(session, now)) sessions.delete(key);
      // In the order of their beginning: the oldest makes room.
      if (sessions.size >= MOST_SESSIONS) sessions.delete(sessions.keys().next().value!);
      const token = randomBytes(32).toString('base64url');
      sessions.set(keyOf(token), { ...person, way, startedAt: now, usedAt: now });
      return token;
    },
    find(token, use) {
      const session = token ? sessions.get(keyOf(token)) : undefined;
      const now = Date.now();
      if (!session || isOver(session, now)) return undefined;
      if (use) session.usedAt = now;
      return session;
    },
    end(token) {
      sessions.delete(keyOf(token));
    },
    endAll(user, except) {
      const kept = except === undefined ? undefined : keyOf(except);
      const mine = [...sessions].filter(([key, session]) => session.user === user && key !== kept);
      for (const [key] of mine) sessions.delete(key);
      return mine.length;
    },
  };
}
