// Who may use a door: name and password against the configuration, in constant time. A verified password is remembered
// for some minutes as a keyed hash, so that a slow password hash does not run for every request.
import { hash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import type { Client, Config } from '../config/schema.ts';
import { networksOf } from './networks.ts';

const REMEMBER_MS = 5 * 60_000;
const REMEMBER_MOST = 10_000;
/** scrypt runs that may be under way at once; more wait for nothing: they are refused. */
const MOST_HASHES = 8;
const SCRYPT = { N: 16_384, r: 8, p: 1, length: 32 };
const MOST_LENGTH = 256;

export type Verified = { name: string; client: Client };

/** `scrypt$N$r$p$salt$hash`, salt and hash in base64url: what stands in the configuration instead of the password. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const { N, r, p, length } = SCRYPT;
  const hash = await derive(password, salt, length, { N, r, p });
  return `scrypt$${N}$${r}$${p}$${salt.toString('base64url')}$${hash.toString('base64url')}`;
}

const derive = (password: string, salt: Buffer, length: number, cost: { N: number; r: number; p: number }) =>
  new Promise<Buffer>((resolve, reject) => {
    scrypt(password, salt, length, { ...cost, maxmem: 256 * cost.N * cost.r }, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });

export type Credentials = {
  /** The client, or undefined. Synchronous when the password is remembered or stands in plain text. */
  verify(name: string, password: string): Verified | undefined | Promise<Verified | undefined>;
  /** Whether the client may come from this address. */
  allows(verified: Verified, address: string): boolean;
};

export function openCredentials(clients: Config['clients']): Credentials {
  // Digests never leave this process, so a secret prefix is key enough, at a third of HMAC's cost per request.
  const secret = randomBytes(32).toString('hex');
  const digest = (text: string) => hash('sha256', secret + text, 'buffer');
  const nobody = digest(secret);
  const plain = new Map(Object.entries(clients).map(([name, { password }]) => [name, digest(password)]));
  const remembered = new Map<string, number>();
  const within = new Map(
    Object.entries(clients).map(([name, { networks }]) => [name, networks ? networksOf(networks) : () => true]),
  );
  let hashing = 0;

  function verify(name: string, password: string): Verified | undefined | Promise<Verified | undefined> {
    if (name.length > MOST_LENGTH || password.length > MOST_LENGTH) return undefined;
    const client = Object.hasOwn(clients, name) ? clients[name] : undefined;
    if (client?.password.startsWith('scrypt$')) return verifyHash({ name, client }, password);
    const same = timingSafeEqual(plain.get(name) ?? nobody, digest(password));
    return client && same ? { name, client } : undefined;
  }

  function verifyHash(verified: Verified, password: string): Verified | undefined | Promise<Verified | undefined> {
    const token = digest(`${verified.name}\0${password}`).toString('base64');
    const until = remembered.get(token);
    if (until !== undefined && until > Date.now()) return verified;
    if (hashing >= MOST_HASHES) return undefined;
    hashing++;
    const [, N, r, p, salt, key] = verified.client.password.split('$');
    const wanted = Buffer.from(key ?? '', 'base64url');
    return derive(password, Buffer.from(salt ?? '', 'base64url'), wanted.length, {
      N: Number(N),
      r: Number(r),
      p: Number(p),
    })
      .then((got) => {
        if (wanted.length === 0 || !timingSafeEqual(got, wanted)) return undefined;
        if (remembered.size >= REMEMBER_MOST) remembered.clear();
        remembered.set(token, Date.now() + REMEMBER_MS);
        return verified;
      })
      .finally(() => {
        hashing--;
      });
  }

  return {
    verify,
    allows: ({ name }, address) => within.get(name)?.(address) ?? false,
  };
}
