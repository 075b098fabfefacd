// A call with the authentication that takes more than a header: a token that is fetched, or a challenge that is answered.
import type { Dispatcher } from 'undici';
import type { HttpRequest } from '#shared/providers/preset.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { type Called, call } from './call.ts';
import { type Digest, openDigest } from './digest.ts';
import { openTokens, type Tokens } from './token.ts';

const UNAUTHORISED = 401;

export type Caller = (dispatcher: Dispatcher, request: HttpRequest, timeoutMs: number) => Promise<Called>;

/** What is learnt – a token, a challenge – serves all later calls. An answer of 401 took nothing, so it is tried once more. */
export function openCaller(): Caller {
  let digest: Digest | undefined;
  let tokens: Tokens | undefined;

  async function digested(dispatcher: Dispatcher, request: HttpRequest, timeoutMs: number, by: Digest) {
    const first = await call(dispatcher, withHeader(request, by.authorization(request)), timeoutMs);
    if (first.kind !== 'answer' || first.answer.status !== UNAUTHORISED) return first;
    if (!by.learn(first.answer.headers['www-authenticate'] ?? '')) return first;
    return call(dispatcher, withHeader(request, by.authorization(request)), timeoutMs);
  }

  async function tokened(dispatcher: Dispatcher, request: HttpRequest, timeoutMs: number, by: Tokens) {
    for (let tries = 1; ; tries++) {
      let token: string;
      try {
        token = await by.get(dispatcher, timeoutMs);
      } catch (error) {
        return { kind: 'unsent', reason: reasonOf(error) } as const;
      }
      const called = await call(dispatcher, withHeader(request, `Bearer ${token}`), timeoutMs);
      if (tries === 2 || called.kind !== 'answer' || called.answer.status !== UNAUTHORISED) return called;
      by.drop(token);
    }
  }

  return (dispatcher, request, timeoutMs) => {
    const { auth } = request;
    if (auth && 'digest' in auth) {
      digest ??= openDigest(auth.digest);
      return digested(dispatcher, request, timeoutMs, digest);
    }
    if (auth && 'oauth2' in auth) {
      tokens ??= openTokens(auth.oauth2);
      return tokened(dispatcher, request, timeoutMs, tokens);
    }
    return call(dispatcher, request, timeoutMs);
  };
}

const withHeader = (request: HttpRequest, authorization: string | undefined): HttpRequest =>
  authorization === undefined ? request : { ...request, headers: { ...request.headers, authorization } };
