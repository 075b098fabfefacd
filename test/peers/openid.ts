// An identity provider (OpenID Connect Core 1.0) that signs ID tokens with a key of its own: what the console meets at a
// log-in. It agrees to everyone at once, holds its callers to PKCE and their secret, and can be made to answer wrongly.
import { createHash, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import fastify from 'fastify';

/** What it says of the next person, and what is wrong with it. */
export type Answer = {
  claims: Record<string, unknown>;
  /** Claims that only its userinfo endpoint tells. */
  userInfo?: Record<string, unknown>;
  /** Takes the place of what is right in the ID token. */
  spoilt?: Record<string, unknown>;
  /** Signed with a key that it does not publish. */
  otherKey?: boolean;
  /** Takes the place of what is right where the browser is sent back. */
  back?: Record<string, string>;
};

export type OpenId = {
  issuer: string;
  answer: Answer;
  /** Where it was sent at log-outs. */
  ended: URLSearchParams[];
  stop(): Promise<void>;
};

export const CLIENT = { id: 'hermod-console', secret: 'a secret of the client' };
const LIVES_S = 300;
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

function signed(claims: object, key: KeyObject): string {
  const head = `${encode({ alg: 'RS256', typ: 'JWT', kid: 'one' })}.${encode(claims)}`;
  return `${head}.${sign('sha256', Buffer.from(head), key).toString('base64url')}`;
}

export async function startOpenId(port: number): Promise<OpenId> {
  const issuer = `http://127.0.0.1:${port}`;
  const [ours, other] = [0, 1].map(() => generateKeyPairSync('rsa', { modulusLength: 2_048 }));
  const app = fastify({ logger: false });
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
    done(null, new URLSearchParams(String(body))),
  );
  const grants = new Map<string, URLSearchParams>();
  const provider: OpenId = { issuer, answer: { claims: {} }, ended: [], stop: () => app.close() };
  const asked = (url: string) => new URL(url, issuer).searchParams;

  app.get('/.well-known/openid-configuration', async () => ({
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    userinfo_endpoint: `${issuer}/userinfo`,
    jwks_uri: `${issuer}/keys`,
    end_session_endpoint: `${issuer}/end`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    code_challenge_methods_supported: ['S256'],
  }));
  app.get('/keys', async () => {
    return { keys: [{ ...ours!.publicKey.export({ format: 'jwk' }), kid: 'one', use: 'sig', alg: 'RS256' }] };
  });
  app.get('/authorize', (request, reply) => {
    const query = asked(request.url);
    const code = randomUUID();
    grants.set(code, query);
    const back = { code, state: query.get('state')!, ...provider.answer.back };
    return reply.redirect(`${query.get('redirect_uri')}?${new URLSearchParams(back)}`);
  });
  app.post('/token', (request, reply) => {
    const body = request.body as URLSearchParams;
    const grant = grants.get(body.get('code') ?? '');
    grants.delete(body.get('code') ?? '');
    const [id, secret] = Buffer.from(request.headers.authorization?.slice('Basic '.length) ?? '', 'base64')
      .toString()
      .split(':')
      .map((part) => decodeURIComponent(part.replaceAll('+', ' ')));
    if (id !== CLIENT.id || secret !== CLIENT.secret) return reply.code(401).send({ error: 'invalid_client' });
    const challenge = createHash('sha256')
      .update(body.get('code_verifier') ?? '')
      .digest('base64url');
    if (grant?.get('code_challenge') !== challenge || grant.get('redirect_uri') !== body.get('redirect_uri'))
      return reply.code(400).send({ error: 'invalid_grant' });
    const now = Math.floor(Date.now() / 1_000);
    const { claims, spoilt, otherKey } = provider.answer;
    const right = {
      iss: issuer,
      aud: CLIENT.id,
      sub: 'anna-1',
      iat: now,
      exp: now + LIVES_S,
      nonce: grant.get('nonce'),
    };
    const id_token = signed({ ...right, ...claims, ...spoilt }, (otherKey ? other! : ours!).privateKey);
    return reply.send({ access_token: 'for-userinfo', token_type: 'bearer', expires_in: LIVES_S, id_token });
  });
  app.get('/userinfo', async () => ({ sub: 'anna-1', ...provider.answer.userInfo }));
  app.get('/end', (request, reply) => {
    const query = asked(request.url);
    provider.ended.push(query);
    return reply.redirect(query.get('post_logout_redirect_uri')!);
  });
  await app.listen({ host: '127.0.0.1', port });
  return provider;
}
