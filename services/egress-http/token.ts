// An access token by OAuth2's client credentials (RFC 6749, 4.4): fetched once, kept until shortly before it ends.
import type { Dispatcher } from 'undici';
import { basic, encodeForm, FORM } from '#shared/providers/encode.ts';
import { at, jsonOf, textAt } from '#shared/providers/json.ts';
import type { HttpRequest, OAuth2 } from '#shared/providers/preset.ts';
import { call } from './call.ts';

/** A token is used no longer than this before its end. */
const MARGIN_MS = 30_000;
/** When the answer does not say how long it holds: RFC 6749, 5.1 leaves that to the documentation. */
const USUAL_SECONDS = 300;

export type Tokens = {
  /** Rejects with one line when the server gives none. */
  get(dispatcher: Dispatcher, timeoutMs: number): Promise<string>;
  /** The provider did not take this one. */
  drop(token: string): void;
};

export function openTokens(settings: OAuth2): Tokens {
  let held: { token: string; until: number } | undefined;
  let fetching: Promise<string> | undefined;

  async function fetchOne(dispatcher: Dispatcher, timeoutMs: number): Promise<string> {
    const called = await call(dispatcher, tokenRequest(settings), timeoutMs);
    if (called.kind !== 'answer') throw new Error(`no access token: ${called.reason}`);
    const { status, body } = called.answer;
    const json = jsonOf(body);
    const token = textAt(json, 'access_token');
    if (status !== 200 || !token)
      throw new Error(`no access token: HTTP ${status} ${textAt(json, 'error') ?? ''}`.trim());
    const seconds = Number(at(json, 'expires_in') ?? USUAL_SECONDS);
    const ms = (Number.isFinite(seconds) ? seconds : USUAL_SECONDS) * 1_000;
    held = { token, until: performance.now() + ms - Math.min(MARGIN_MS, ms / 2) };
    return token;
  }

  return {
    async get(dispatcher, timeoutMs) {
      if (held && performance.now() < held.until) return held.token;
      fetching ??= fetchOne(dispatcher, timeoutMs).finally(() => {
        fetching = undefined;
      });
      return fetching;
    },
    drop(token) {
      if (held?.token === token) held = undefined;
    },
  };
}

function tokenRequest({ tokenUrl, clientId, clientSecret, scope, credentials }: OAuth2): HttpRequest {
  const inBody = credentials === 'body';
  const form = { grant_type: 'client_credentials', scope };
  return {
    method: 'POST',
    url: tokenUrl,
    headers: {
      ...FORM,
      accept: 'application/json',
      // RFC 6749, 2.3.1: both are form-encoded before they are joined.
      ...(inBody ? {} : { authorization: basic(encodeURIComponent(clientId), encodeURIComponent(clientSecret)) }),
    },
    body: encodeForm(inBody ? { ...form, client_id: clientId, client_secret: clientSecret } : form),
  };
}
