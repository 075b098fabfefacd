// API keys: a key opens one client's row without a name beside it. It is 256 random bits, so that a plain SHA-256 in the
// configuration keeps it as safe as a slow hash keeps a password, and nothing has to be limited before it is checked.
import { hash, randomBytes } from 'node:crypto';
import type { Config } from '../config/schema.ts';
import type { Verified } from './credentials.ts';

const PREFIX = 'hermod_';
const KEY = /^hermod_[\w-]{43}$/;

/** The key itself, for the client, and its digest, for the client's `keys` in the configuration. */
export function newKey(): { key: string; digest: string } {
  const key = PREFIX + randomBytes(32).toString('base64url');
  return { key, digest: digestOf(key) };
}

/** Whether this has the form of a key: passwords that look like one are not looked up. */
export const isKey = (text: string): boolean => KEY.test(text);

const digestOf = (key: string) => `sha256$${hash('sha256', key, 'base64url')}`;

/**
 * The client that a key belongs to. The look-up by digest takes a time that says nothing about a key: who does not have
 * it cannot choose its digest.
 */
export function openKeys(clients: Config['clients']): (key: string) => Verified | undefined {
  const owners = new Map<string, Verified>();
  for (const [name, client] of Object.entries(clients)) {
    for (const digest of client.keys) owners.set(digest, { name, client });
  }
  return (key) => (isKey(key) ? owners.get(digestOf(key)) : undefined);
}

/** A secret for signed events (https://www.standardwebhooks.com). */
export const newWebhookSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;
