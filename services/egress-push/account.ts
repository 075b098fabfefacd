// A Google service account: its JSON file, and the access tokens that its key buys (RFC 7523). Of the file's addresses
// `token_uri` is used; google-auth-library asks a fixed one, so that the exchange is written out here.
import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Dispatcher, request } from 'undici';
import { z } from 'zod';
import { failureText } from '#shared/http/failures.ts';

/** All that sending needs. */
const SCOPE = 'https://www.googleapis.com/auth/firebase.messaging';
/** The audience of the assertion, wherever the request goes. */
const AUDIENCE = 'https://oauth2.googleapis.com/token';
const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const LIFETIME_S = 3_600;
/** A new token is fetched this long before the old one ends. */
const RENEW_BEFORE_MS = 300_000;
const TIMEOUT_MS = 10_000;

const file = z.object({
  type: z.literal('service_account'),
  project_id: z.string().regex(/^[a-z0-9:.-]{1,64}$/),
  private_key_id: z.string(),
  private_key: z.string(),
  client_email: z.string(),
  token_uri: z.url({ protocol: /^https?$/ }),
});

export type Account = { projectId: string; email: string; keyId: string; key: KeyObject; tokenUri: string };

/** Throws one line that names the file and what is wrong with it, and nothing of its content. */
export function readAccount(path: string): Account {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`${path}: ${code ? `cannot be read: ${code}` : 'is not JSON'}`);
  }
  const { data, error } = file.safeParse(content);
  if (!data) throw new Error(`${path} is no service account: ${String(error.issues[0]!.path[0] ?? 'it')} is wrong`);
  try {
    const key = createPrivateKey(data.private_key);
    if (key.asymmetricKeyType !== 'rsa') throw new Error('RS256 needs an RSA key');
    const { project_id: projectId, client_email: email, private_key_id: keyId, token_uri: tokenUri } = data;
    return { projectId, email, keyId, key, tokenUri };
  } catch {
    throw new Error(`${path} is no service account: private_key is not an RSA key in PEM`);
  }
}

const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');

/** The signed JWT that is exchanged for a token. `now` in epoch ms. */
export function assertionOf({ email, keyId, key }: Account, now: number): string {
  const iat = Math.floor(now / 1_000);
  const claims = { iat, exp: iat + LIFETIME_S, iss: email, aud: AUDIENCE, scope: SCOPE };
  const signed = `${encoded({ typ: 'JWT', alg: 'RS256', kid: keyId })}.${encoded(claims)}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
}

/** What Google answered to a request for a token, and what may be done about it. */
export class TokenError extends Error {
  override name = 'TokenError';
}

export type Tokens = {
  /** One that holds for some minutes yet; several callers wait for one request. Rejects with a TokenError. */
  get(): Promise<string>;
  /** This one is not taken any more. */
  drop(token: string): void;
};

const answer = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });

export function openTokens(account: Account, dispatcher: Dispatcher): Tokens {
  let held: { token: string; renewAt: number } | undefined;
  let coming: Promise<string> | undefined;

  async function fetchToken(): Promise<string> {
    const { body, statusCode } = await request(account.tokenUri, {
      method: 'POST',
      dispatcher,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ grant_type: GRANT_TYPE, assertion: assertionOf(account, Date.now()) }).toString(),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch((error) => {
      throw new TokenError(`${new URL(account.tokenUri).host}: ${failureText(error)}`);
    });
    const { data } = answer.safeParse(await body.json().catch(() => undefined));
    if (statusCode !== 200 || !data) {
      throw new TokenError(
        `${new URL(account.tokenUri).host} gave no token for ${account.email}: status ${statusCode}`,
      );
    }
    const lifetime = data.expires_in * 1_000;
    held = {
      token: data.access_token,
      renewAt: performance.now() + Math.max(lifetime - RENEW_BEFORE_MS, lifetime / 2),
    };
    return data.access_token;
  }

  return {
    async get() {
      if (held && performance.now() < held.renewAt) return held.token;
      coming ??= fetchToken().finally(() => {
        coming = undefined;
      });
      return coming;
    },
    drop(token) {
      if (held?.token === token) held = undefined;
    },
  };
}
