// Checks that callbacks come from who knows the secret; comparisons take the same time for every wrong value.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { at, jsonOf } from './json.ts';

export function sameText(given: string, expected: string): boolean {
  // Hashes have one length, so that even the length of the secret is not told.
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(expected));
}

export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

export const hmac = (algorithm: 'md5' | 'sha1' | 'sha256' | 'sha512', secret: string, text: string) =>
  createHmac(algorithm, secret).update(text);

/** Clocks may differ by so much. */
const LEEWAY_S = 60;

/** The claims of a JWT (RFC 7519) signed with HS256 that is valid now; undefined for every other. */
export function claimsOf(token: string, secret: string, nowS = Date.now() / 1_000): unknown {
  const [head, body, signature, ...more] = token.split('.');
  if (!head || !body || !signature || more.length > 0) return undefined;
  if (at(jsonOf(Buffer.from(head, 'base64url').toString()), 'alg') !== 'HS256') return undefined;
  if (!sameText(signature, hmac('sha256', secret, `${head}.${body}`).digest('base64url'))) return undefined;
  const claims = jsonOf(Buffer.from(body, 'base64url').toString());
  const [exp, nbf] = [at(claims, 'exp'), at(claims, 'nbf')];
  if (typeof exp === 'number' && exp + LEEWAY_S < nowS) return undefined;
  if (typeof nbf === 'number' && nbf - LEEWAY_S > nowS) return undefined;
  return claims;
}
