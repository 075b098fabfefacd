// Second factors of the console's local accounts: codes that change with time (TOTP, RFC 6238). The secret leaves the ledger
// once, when it is new; codes are judged here, so that each is taken once whichever console it comes from.
import { Secret, TOTP } from 'otpauth';
import { z } from 'zod';
import type { Row, Sql } from '../database/database.ts';
import type { Seal } from '../seal.ts';

/**
 * `check`: `{state}` is `none` when there is none, `wanted` without a code, `right` or `wrong`. `begin` makes a new secret,
 * which counts after `confirm` with its first code; where there is one already `begin` takes a code of that. `reset` takes
 * all of it away.
 */
export const secondFactorQuestion = z.strictObject({
  ask: z.literal('second-factor'),
  user: z.string().min(1).max(64),
  step: z.enum(['check', 'begin', 'confirm', 'reset']),
  code: z
    .string()
    .regex(/^\d{6}$/)
    .optional(),
});
type Question = z.infer<typeof secondFactorQuestion>;
export type Judged = {
  state: 'none' | 'wanted' | 'right' | 'wrong' | 'begun' | 'reset';
  secret?: string;
  uri?: string;
};

type Kept = Row & { sealed: string; pending: string; last_step: number };

const ISSUER = 'Hermod';
const PERIOD_S = 30;
/** Codes of the step before and the step after are taken too: clocks differ. */
const WINDOW = 1;
const SECRET_OCTETS = 20;
const SQL = {
  read: 'select sealed, pending, last_step from second_factor where who = $1',
  pending:
    'insert into second_factor (who, pending) values ($1, $2) on conflict (who) do update set pending = excluded.pending',
  confirm: "update second_factor set sealed = pending, pending = '', last_step = $1 where who = $2",
  taken: 'update second_factor set last_step = $1 where who = $2',
  reset: 'delete from second_factor where who = $1',
};

/** Runs in a transaction. */
export async function secondFactor(sql: Sql, seal: Seal, { user, step, code }: Question, now: number): Promise<Judged> {
  const [kept] = await sql.rows<Kept>(SQL.read, user);
  const isRight = (sealed: string) => stepOf(seal, user, sealed, code, now);
  switch (step) {
    case 'check':
      return check();
    case 'begin': {
      const { state } = await check();
      return state === 'none' || state === 'right' ? begin() : { state };
    }
    case 'confirm': {
      const at = kept?.pending ? isRight(kept.pending) : undefined;
      if (at === undefined) return { state: kept?.pending ? 'wrong' : 'none' };
      await sql.run(SQL.confirm, at, user);
      return { state: 'right' };
    }
    case 'reset':
      return { state: (await sql.run(SQL.reset, user)) > 0 ? 'reset' : 'none' };
  }

  async function check(): Promise<Judged> {
    if (!kept?.sealed) return { state: 'none' };
    if (code === undefined) return { state: 'wanted' };
    const at = isRight(kept.sealed);
    if (at === undefined || at <= kept.last_step) return { state: 'wrong' };
    await sql.run(SQL.taken, at, user);
    return { state: 'right' };
  }

  async function begin(): Promise<Judged> {
    const secret = new Secret({ size: SECRET_OCTETS });
    await sql.run(SQL.pending, user, seal.close(secret.base32, about(user)));
    return { state: 'begun', secret: secret.base32, uri: totpOf(user, secret).toString() };
  }
}

/** The step whose code this is, undefined when it is none of those that are taken now. */
function stepOf(seal: Seal, user: string, sealed: string, code: string | undefined, now: number): number | undefined {
  if (code === undefined) return undefined;
  let secret: string;
  try {
    secret = seal.open(sealed, about(user));
  } catch {
    throw new Error(
      `the second factor of ${user} cannot be read: is ledger.key another one? hermod totp-reset ${user} helps`,
    );
  }
  const off = totpOf(user, Secret.fromBase32(secret)).validate({ token: code, timestamp: now, window: WINDOW });
  return off === null ? undefined : Math.floor(now / 1_000 / PERIOD_S) + off;
}

const about = (user: string) => `second factor of ${user}`;
/** As every authenticator app knows it. */
const totpOf = (user: string, secret: Secret) =>
  new TOTP({ issuer: ISSUER, label: user, algorithm: 'SHA1', digits: 6, period: PERIOD_S, secret });
