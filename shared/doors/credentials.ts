// Who may use a door: name and password against the configuration, in constant time. A verified password is remembered
// for some minutes as a keyed hash, so that a slow password hash does not run for every request.
import { hash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import type { Client, Config } from '../config/schema.ts';
import { Guesses } from './guesses.ts';
import { networksOf } from './networks.ts';

const REMEMBER_MS = 5 * 60_000;
const REMEMBER_MOST = 10_000;
/** scrypt runs that may be under way or wait for a thread; more are refused. */
const MOST_HASHES = 32;
/** Wrong passwords for one name from one address in a minute; then none is looked at until it is over. */
const MOST_GUESSES = 10;
const GUESSES_MS = 60_000;
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
  verify(name: string, password: string, address: string): Verified | undefined | Promise<Verified | undefined>;
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
  const within = new Map(Object.entries(clients).map(([name, client]) => [name, callersOf(client)]));
  const guesses = new Guesses(MOST_GUESSES, GUESSES_MS);
  const hashing = new Map<string, Promise<boolean>>();

  function verify(
    name: string,
    password: string,
    address: string,
  ): Verified | undefined | Promise<Verified | undefined> {
    if (name.length > MOST_LENGTH || password.length > MOST_LENGTH) return undefined;
    const client = Object.hasOwn(clients, name) ? clients[name] : undefined;
    const hashed = client?.password.startsWith('scrypt$');
    const token = hashed ? digest(`${name}\0${password}`).toString('base64') : '';
    if (client && hashed && (remembered.get(token) ?? 0) > Date.now()) return { name, client };
    const who = `${address} ${name}`;
    if (guesses.tooMany(who)) return undefined;
    const judged = (right: boolean): Verified | undefined => {
      if (client && right) return { name, client };
      guesses.note(who);
      return undefined;
    };
    if (client && hashed) return matches(token, password, client)?.then(judged);
    return judged(timingSafeEqual(plain.get(name) ?? nobody, digest(password)));
  }

  /** Undefined when too much is being hashed. The same password at the same time is hashed once. */
  function matches(token: string, password: string, client: Client): Promise<boolean> | undefined {
    const underWay = hashing.get(token);
    if (underWay || hashing.size >= MOST_HASHES) return underWay;
    const run = isHashOf(password, client.password)
      .then((right) => {
        if (remembered.size >= REMEMBER_MOST) remembered.clear();
        if (right) remembered.set(token, Date.now() + REMEMBER_MS);
        return right;
      })
      .finally(() => hashing.delete(token));
    hashing.set(token, run);
    return run;
  }

  return {
    verify,
    allows: ({ name }, address) => within.get(name)?.(address) ?? false,
  };
}

/** Why a caller was not let in, for an administrator; the caller is not told. `known`: the password was right. */
export function denialOf(
  name: string | undefined,
  known: boolean,
  clients: Config['clients'],
): { detail: string; claimed?: string } {
  if (known) return { detail: 'its address is in none of the networks of the client' };
  if (name === undefined || !Object.hasOwn(clients, name)) return { detail: 'no client has this name or key' };
  return { detail: 'wrong password, or too many wrong ones before', claimed: name };
}

/** Whether the password is the one of this `scrypt$…` line. */
export async function isHashOf(password: string, line: string): Promise<boolean> {
  const [, N, r, p, salt, key] = line.split('$');
  const wanted = Buffer.from(key ?? '', 'base64url');
  const cost = { N: Number(N), r: Number(r), p: Number(p) };
  const got = await derive(password, Buffer.from(salt ?? '', 'base64url'), wanted.length, cost);
  return wanted.length > 0 && timingSafeEqual(got, wanted);
}

/** Kannel's precedence: where a client is allowed outweighs where it is denied, and what neither names is allowed. */
function callersOf({ networks, deniedNetworks }: Client): (address: string) => boolean {
  const allowed = networks && networksOf(networks);
  const denied = deniedNetworks && networksOf(deniedNetworks);
  if (!denied) return allowed ?? (() => true);
  return (address) => allowed?.(address) || !denied(address);
}
