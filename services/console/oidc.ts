// Single sign-on with an identity provider that speaks OpenID Connect: authorization code with PKCE, state and nonce; the ID
// token's signature, issuer, audience and times are checked. Only who is in a group that has a role is let in.
import { hash, randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import * as client from 'openid-client';
import type { Bus } from '#shared/bus/bus.ts';
import { ROLES, type Role } from '#shared/config/console.ts';
import type { Config } from '#shared/config/schema.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import type { Person } from './accounts.ts';
import { cookieName, isSecure, type Listener, sessionCookie, tokenIn } from './cookie.ts';
import { begin, noteRefused } from './door.ts';
import { page } from './page.ts';
import { Refusal } from './server.ts';
import type { Sessions } from './sessions.ts';

type Settings = NonNullable<Config['console']['oidc']>;
/** A log-in that went to the provider and has not come back. */
type Started = { state: string; nonce: string; verifier: string; until: number };

const CALLBACK = '/oidc/callback';
const ANSWER_WITHIN_S = 5;
const BACK_WITHIN_MS = 10 * 60_000;
const MOST_STARTED = 1_000;
const MOST_NAME = 64;

export function addOidc(
  scope: FastifyInstance,
  listener: Listener,
  settings: Settings,
  sessions: Sessions,
  bus: Bus,
): void {
  const home = new URL('/', listener.url);
  const redirect_uri = new URL(`/api${CALLBACK}`, listener.url).href;
  // Lax: the provider sends people back from its own site.
  const name = cookieName(listener, 'hermod-oidc');
  const attributes = `; Path=/; HttpOnly; SameSite=Lax${isSecure(listener) ? '; Secure' : ''}`;
  const started = new Map<string, Started>();
  const keyOf = (token: string) => hash('sha256', token, 'base64url');
  let known: Promise<client.Configuration> | undefined;

  /** What the provider says about itself, asked once; again after it could not be had. */
  const provider = (): Promise<client.Configuration> => {
    known ??= discover(settings);
    known.catch(() => {
      known = undefined;
    });
    return known;
  };

  function take(token: string | undefined): Started {
    const key = keyOf(token ?? '');
    const found = started.get(key);
    started.delete(key);
    if (found && found.until > Date.now()) return found;
    throw new Refusal(400, 'this log-in did not begin in this browser, or too long ago');
  }

  scope.get('/oidc/start', { config: { needs: 'anyone' } }, async (request, reply) => {
    try {
      const configuration = await provider();
      const token = randomBytes(32).toString('base64url');
      const [state, nonce, verifier] = [client.randomState(), client.randomNonce(), client.randomPKCECodeVerifier()];
      if (started.size >= MOST_STARTED) started.delete(started.keys().next().value!);
      started.set(keyOf(token), { state, nonce, verifier, until: Date.now() + BACK_WITHIN_MS });
      const code_challenge = await client.calculatePKCECodeChallenge(verifier);
      const asked = { redirect_uri, scope: settings.scopes.join(' '), state, nonce };
      const url = client.buildAuthorizationUrl(configuration, {
        ...asked,
        code_challenge,
        code_challenge_method: 'S256',
      });
      return reply.header('set-cookie', `${name}=${token}${attributes}`).redirect(url.href);
    } catch (error) {
      return refuse(request, reply, new Refusal(503, `the identity provider cannot be asked: ${wordsOf(error)}`));
    }
  });

  scope.get(CALLBACK, { config: { needs: 'anyone' } }, async (request, reply) => {
    reply.header('set-cookie', `${name}=; Max-Age=0${attributes}`);
    try {
      const person = await personIn(request);
      const token = await begin(bus, sessions, request, person, 'single sign-on');
      // The browser sends a strict cookie with nothing that comes from another site: from this page on it does.
      return reply.header('set-cookie', sessionCookie(listener, token)).redirect(home.href);
    } catch (error) {
      const why = `the identity provider's answer does not hold: ${wordsOf(error)}`;
      return refuse(request, reply, error instanceof Refusal ? error : new Refusal(401, why));
    }
  });

  async function personIn(request: FastifyRequest): Promise<Person & { logOut?: string }> {
    const { state, nonce, verifier } = take(tokenIn(request, name));
    const configuration = await provider();
    const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true };
    const tokens = await client.authorizationCodeGrant(configuration, new URL(request.url, home), checks);
    const claims: Record<string, unknown> = { ...tokens.claims()! };
    if (valueAt(claims, settings.claim) === undefined && configuration.serverMetadata().userinfo_endpoint)
      Object.assign(claims, await client.fetchUserInfo(configuration, tokens.access_token, String(claims.sub)));
    const user = nameIn(claims, settings.userClaim);
    const role = roleIn(claims, settings);
    if (!role)
      throw new Refusal(
        403,
        `${settings.label} knows ${user}, but none of their groups has a role here (console.oidc.roles)`,
      );
    if (!configuration.serverMetadata().end_session_endpoint) return { user, role };
    const ends = { id_token_hint: tokens.id_token!, post_logout_redirect_uri: home.href };
    return { user, role, logOut: client.buildEndSessionUrl(configuration, ends).href };
  }

  function refuse(request: FastifyRequest, reply: FastifyReply, { statusCode, message }: Refusal) {
    noteRefused(bus, request, 'unknown', `single sign-on: ${message}`);
    return page(reply.code(statusCode), 'Not logged in', `${message[0]!.toUpperCase()}${message.slice(1)}.`);
  }
}

function discover({ issuer, clientId, clientSecret }: Settings): Promise<client.Configuration> {
  const execute = [client.enableNonRepudiationChecks];
  if (issuer.startsWith('http:')) execute.push(client.allowInsecureRequests);
  const secret: client.ClientAuth = (server, ...rest) => {
    const posts = server.token_endpoint_auth_methods_supported?.includes('client_secret_post');
    return (posts ? client.ClientSecretPost(clientSecret) : client.ClientSecretBasic(clientSecret))(server, ...rest);
  };
  const authentication = clientSecret === undefined ? client.None() : secret;
  return client.discovery(new URL(issuer), clientId, undefined, authentication, { execute, timeout: ANSWER_WITHIN_S });
}

/** The innermost reason says the most, such as which claim of the token is not as expected; no value is in any of them. */
function wordsOf(error: unknown): string {
  const { error_description: said, error: code } = error as { error_description?: string; error?: string };
  if (error instanceof client.AuthorizationResponseError || error instanceof client.ResponseBodyError)
    return `it says ${code}${said ? ` (${said})` : ''}`;
  const { cause } = error as { cause?: unknown };
  return cause instanceof Error ? reasonOf(cause) : reasonOf(error);
}

/** The claim of this name, or the one to which its dots lead. */
function valueAt(claims: Record<string, unknown>, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  let value: unknown = claims;
  for (const step of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}

/** Not to be taken for an account of ours. */
function nameIn(claims: Record<string, unknown>, claim: string): string {
  const name = [valueAt(claims, claim), claims.email, claims.sub].find(
    (each) => typeof each === 'string' && each !== '',
  );
  return `sso:${String(name)
    .replaceAll(/[\p{C}\p{Z}]+/gu, ' ')
    .slice(0, MOST_NAME)}`;
}

/** The highest role that one of the person's groups has. */
export function roleIn(
  claims: Record<string, unknown>,
  { claim, roles }: Pick<Settings, 'claim' | 'roles'>,
): Role | undefined {
  const groups = [valueAt(claims, claim)].flat();
  return ROLES.findLast((role) => roles[role]?.some((group) => groups.includes(group)));
}
