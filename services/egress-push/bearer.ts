// The push bearer: each hand-over is one request to FCM, with the access token of the project's service account.
import { resolve } from 'node:path';
import { type Dispatcher, request } from 'undici';
import type { ProviderOf } from '#shared/config/schema.ts';
import type { Bearer } from '#shared/egress/bearer.ts';
import type { Show } from '#shared/egress/dialogue.ts';
import { exchangeLink } from '#shared/egress/exchange.ts';
import { openDispatcher } from '#shared/http/dispatcher.ts';
import { failureText } from '#shared/http/failures.ts';
import type { Outcome } from '#shared/outcome.ts';
import type { Context } from '#shared/service.ts';
import { type Account, openTokens, readAccount, TokenError, type Tokens } from './account.ts';
import { type Devices, openDevices } from './devices.ts';
import { bodyOf, type Push, pushOf } from './message.ts';
import { type Answer, codeOf, verdict } from './verdict.ts';

type Provider = ProviderOf<'push'>;
type Parts = { account: Account; devices: Devices; tokens: Tokens; dispatcher: Dispatcher };

const CONNECT_TIMEOUT_MS = 10_000;
const MOST_ANSWER = 65_536;
/** Errors before a request could leave: nothing was handed over. */
const NOT_SENT =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_(CONNECT_TIMEOUT|CLOSED|DESTROYED)|CERT_|DEPTH_ZERO|UNABLE_TO|SELF_SIGNED|ERR_TLS|ERR_SSL)/;
/** What undici says when the proxy did not open the way. */
const NO_TUNNEL = /^Proxy (response|Authentication)/;

export function pushBearer(_name: string, provider: Provider, { dir, log }: Context): Bearer<Push> {
  return {
    prepare: (message) => pushOf(message, provider),
    begun: () => false,
    async open(ended) {
      const account = readAccount(resolve(dir, provider.serviceAccount));
      const devices = openDevices(resolve(dir, provider.devices), log);
      const dispatcher = openDispatcher({
        proxy: provider.proxy,
        connections: provider.window,
        connectMs: CONNECT_TIMEOUT_MS,
        idleMs: provider.responseTimeout,
      });
      const tokens = openTokens(account, dispatcher);
      const parts = { account, devices, tokens, dispatcher };
      try {
        await tokens.get();
      } catch (error) {
        await dispatcher.destroy();
        throw error;
      }
      const handOver = (push: Push, signal: AbortSignal, show?: Show) => send(push, provider, parts, signal, show);
      return exchangeLink(handOver, ended, () => void dispatcher.close());
    },
  };
}

async function send(
  push: Push,
  provider: Provider,
  parts: Parts,
  signal: AbortSignal,
  show: Show | undefined,
): Promise<Outcome> {
  const device = parts.devices.tokenOf(push.number);
  if (device === undefined)
    return { kind: 'refused', reason: 'no device is known for this number', scope: 'recipient' };
  try {
    let token = await parts.tokens.get();
    let answer = await post(push, device, token, provider, parts, signal, show);
    if (answer.status === 401 && codeOf(answer.body) !== 'THIRD_PARTY_AUTH_ERROR') {
      parts.tokens.drop(token);
      token = await parts.tokens.get();
      answer = await post(push, device, token, provider, parts, signal, show);
      if (answer.status === 401) return { kind: 'unavailable', reason: 'FCM does not take the token of this account' };
    }
    return verdict(answer, Date.now());
  } catch (error) {
    return faultOf(error as Error & { code?: string }, provider);
  }
}

async function post(
  push: Push,
  device: string,
  token: string,
  { endpoint, responseTimeout }: Provider,
  { account, dispatcher }: Parts,
  signal: AbortSignal,
  show: Show | undefined,
): Promise<Answer> {
  const url = `${endpoint.replace(/\/$/, '')}/v1/projects/${account.projectId}/messages:send`;
  const message = JSON.stringify(bodyOf(push, device, Date.now()));
  show?.('hermod', `POST ${url}`, 'authorization: Bearer …', '', message.replaceAll(JSON.stringify(device), '"…"'));
  const { statusCode, headers, body } = await request(url, {
    method: 'POST',
    dispatcher,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json; UTF-8' },
    body: message,
    signal: AbortSignal.any([signal, AbortSignal.timeout(responseTimeout)]),
  });
  const answer = { status: statusCode, retryAfter: headers['retry-after'], body: await jsonOf(body) };
  const said = JSON.stringify(answer.body, undefined, 2) ?? 'no JSON';
  show?.('provider', `HTTP status ${statusCode}`, ...said.replaceAll(device, '…').split('\n'));
  return answer;
}

/** The answer's JSON, or undefined; what is longer than any honest answer is not read. */
async function jsonOf(body: Dispatcher.ResponseData['body']): Promise<unknown> {
  let text = '';
  for await (const octets of body) {
    text += octets;
    if (text.length > MOST_ANSWER) return undefined;
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function faultOf(error: Error & { code?: string }, { endpoint, responseTimeout }: Provider): Outcome {
  if (error instanceof TokenError) return { kind: 'unavailable', reason: error.message };
  const { host } = new URL(endpoint);
  if (NO_TUNNEL.test(error.message)) return { kind: 'unavailable', reason: `the proxy did not lead to ${host}` };
  if (NOT_SENT.test(error.code ?? '')) return { kind: 'unavailable', reason: `${host}: ${failureText(error)}` };
  if (error.name === 'TimeoutError')
    return { kind: 'unknown', reason: `${host} did not answer within ${responseTimeout / 1_000} s` };
  return { kind: 'unknown', reason: `${host}: the answer was lost (${failureText(error)})` };
}
