// Digest authentication (RFC 7616): the challenge of one answer serves the requests that follow.
import { createHash, randomBytes } from 'node:crypto';
import type { HttpRequest, Login } from '#shared/providers/preset.ts';

const HASHES: Readonly<Record<string, string>> = { MD5: 'md5', 'SHA-256': 'sha256', 'SHA-512-256': 'sha512-256' };

export type Digest = {
  /** The Authorization of a request; undefined while no challenge is known. */
  authorization(request: Pick<HttpRequest, 'method' | 'url'>): string | undefined;
  /** Reads WWW-Authenticate; false when it holds no challenge that can be answered. */
  learn(challenge: string): boolean;
};

type Challenge = { realm: string; nonce: string; opaque?: string; qop: boolean; algorithm: string; session: boolean };

export function openDigest({ user, password }: Login): Digest {
  let challenge: Challenge | undefined;
  let count = 0;
  return {
    learn(header) {
      challenge = parse(header);
      count = 0;
      return challenge !== undefined;
    },
    authorization({ method, url }) {
      if (!challenge) return undefined;
      const { realm, nonce, opaque, qop, algorithm, session } = challenge;
      const hash = (text: string) => createHash(HASHES[algorithm]!).update(text).digest('hex');
      const { pathname, search } = new URL(url);
      const uri = pathname + search;
      const cnonce = randomBytes(8).toString('hex');
      const nc = (++count).toString(16).padStart(8, '0');
      const login = hash(`${user}:${realm}:${password}`);
      const a1 = session ? hash(`${login}:${nonce}:${cnonce}`) : login;
      const a2 = hash(`${method}:${uri}`);
      const response = hash(qop ? `${a1}:${nonce}:${nc}:${cnonce}:auth:${a2}` : `${a1}:${nonce}:${a2}`);
      const fields = [
        `username="${quoted(user)}"`,
        `realm="${quoted(realm)}"`,
        `nonce="${quoted(nonce)}"`,
        `uri="${uri}"`,
        `response="${response}"`,
        `algorithm=${algorithm}${session ? '-sess' : ''}`,
        ...(opaque === undefined ? [] : [`opaque="${quoted(opaque)}"`]),
        ...(qop ? ['qop=auth', `nc=${nc}`, `cnonce="${cnonce}"`] : session ? [`cnonce="${cnonce}"`] : []),
      ];
      return `Digest ${fields.join(', ')}`;
    },
  };
}

const quoted = (text: string) => text.replaceAll(/["\\]/g, '\\$&');

function parse(header: string): Challenge | undefined {
  const start = /(?:^|,\s*)Digest\s+/i.exec(header);
  if (!start) return undefined;
  const fields: Record<string, string> = {};
  const rest = header.slice(start.index + start[0].length);
  for (const [, name, text, token] of rest.matchAll(/([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g))
    fields[name!.toLowerCase()] ??= token ?? text!.replaceAll(/\\(.)/g, '$1');
  const { realm, nonce, opaque, qop, algorithm: named = 'MD5' } = fields;
  const session = /-sess$/i.test(named);
  const algorithm = named.replace(/-sess$/i, '').toUpperCase();
  if (realm === undefined || nonce === undefined || !Object.hasOwn(HASHES, algorithm)) return undefined;
  if (qop !== undefined && !/(^|[\s,])auth([\s,]|$)/.test(qop)) return undefined;
  return { realm, nonce, ...(opaque === undefined ? {} : { opaque }), qop: qop !== undefined, algorithm, session };
}
