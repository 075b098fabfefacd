// What a provider with an HTTP API of its own is: pure functions from a message to a request, from an answer to an
// outcome, from a callback to receipts and incoming messages. egress-http runs the first half, ingress-dlr the second.
import type { z } from 'zod';
import type { ReceiptState } from '../messages/report.ts';
import type { Sms } from '../messages/sms.ts';
import type { Outcome } from '../outcome.ts';
import type { Encoding } from '../sms/segments.ts';

/** A message as a preset gets it. */
export type Outgoing = Pick<Sms, 'id' | 'from' | 'text' | 'udh' | 'messageClass' | 'segments' | 'priority'> & {
  /** In the form that the preset and the row's `number` ask for. */
  to: string;
  encoding: Encoding;
  /** Only where the provider shall be told: how long the message is worth sending. */
  validitySeconds?: number;
  /** Not before this time, epoch ms. */
  notBefore?: number;
  /** A delivery receipt is wanted and can be received. */
  receipt: boolean;
  /** Where the provider reports to: https://…/dlr/<provider>[/<token>]. */
  callback?: string;
};

export type HttpRequest = {
  method: 'GET' | 'POST' | 'PUT';
  url: string;
  headers: Record<string, string>;
  body?: string;
  /** What takes more than a header that is known beforehand. */
  auth?: { digest: Login } | { oauth2: OAuth2 };
};
export type Login = { user: string; password: string };
/** Client credentials, RFC 6749, 4.4. */
export type OAuth2 = {
  tokenUrl: string;
  clientId: string;
  clientSecret: string;
  scope?: string | undefined;
  /** Where the token request carries id and secret. */
  credentials: 'header' | 'body';
};

/** Names of headers are in small letters. */
export type HttpAnswer = { status: number; headers: Readonly<Record<string, string>>; body: string };

/** A provider's call to /dlr/<provider>. */
export type HttpCallback = {
  method: string;
  /** As the provider called it, by the public address of the configuration. */
  url: string;
  /** Of the query and of a form in the body; the first of a name counts. */
  query: Readonly<Record<string, string>>;
  form: Readonly<Record<string, string>>;
  /** Undefined when the body is not JSON. */
  json: unknown;
  headers: Readonly<Record<string, string>>;
  body: string;
};

/** `stat` is the provider's word for the state, which `states` maps to ours. `to` is the handset. */
export type Receipt = { providerId: string; stat: string; error?: string | undefined; to?: string | undefined };

/** `providerId` is what makes a repeat recognisable. */
export type Incoming = {
  from: string;
  to: string;
  text: string;
  providerId?: string | undefined;
  encoding?: 'ucs2' | 'binary';
  concat?: { reference: number; total: number; part: number };
};

export type Balance = { amount: number; currency?: string | undefined };

export type Preset<A = object> = {
  name: string;
  /** Public documents of the request, the answer and the callbacks. */
  source: readonly string[];
  /** Base address; a row may name another one. Empty: every row must. */
  url: string;
  number: 'digits' | 'plus' | '00' | 'given';
  /** What a row says about the account, and which of it must never be shown. */
  account: z.ZodType<A>;
  secrets: readonly string[];
  /** The account of an example row. */
  example: Readonly<Record<string, unknown>>;
  /** It takes octets and user data headers. */
  binary?: true;
  /** Throws an Error with the reason when this provider cannot carry the message. */
  request(message: Outgoing, account: A, url: string): HttpRequest;
  answer(answer: HttpAnswer, message: Outgoing, account: A): Outcome;
  /** Words of the provider for states; what is not here is `unknown`. */
  states: Readonly<Record<string, ReceiptState>>;
  /** Undefined when the callback is none. A summary without a state for one message is an empty list. */
  receipts?(callback: HttpCallback, account: A): Receipt[] | undefined;
  incoming?(callback: HttpCallback, account: A): Incoming[] | undefined;
  /** Undefined when the account has no secret for it: then a token in the path stands for the signature. */
  signed?(callback: HttpCallback, account: A): boolean | undefined;
  /** What a callback is answered with beside its 200; nothing when absent. */
  reply?: { type: string; body: string };
  balance?: { request(account: A, url: string): HttpRequest; read(answer: HttpAnswer): Balance | undefined };
};

/** Keeps the account's type inside a preset's file. */
export const preset = <A extends object>(one: Preset<A>): Preset<A> => one;

/** Handed over under these ids; under the message's own when the answer names none. */
export function done(message: Outgoing, ...ids: (string | undefined)[]): Outcome {
  const known = ids.filter((id): id is string => !!id);
  const parts = (known.length > 0 ? known : [message.id]).map((providerId) => ({
    providerId,
    receipt: message.receipt,
  }));
  return { kind: 'done', parts };
}

export const refused = (scope: 'message' | 'provider', reason: string): Outcome => ({ kind: 'refused', scope, reason });

const RETRY_AFTER_MOST_MS = 3_600_000;
/** 408 and 425 ask for another try as 5xx do. */
const TRANSIENT = new Set([408, 425]);

/**
 * What a status other than 2xx means unless a preset knows better: 429 throttled, 5xx another try, all else permanent at
 * this provider – a wrong account, address or template is far more frequent than a number that nobody would take.
 */
export function statusVerdict({ status, headers }: HttpAnswer, said = ''): Outcome {
  const reason = `HTTP ${status}${said ? `: ${said}` : ''}`;
  if (status === 429) return { kind: 'throttled', reason, ...retryAfter(headers['retry-after']) };
  if (status >= 500 || TRANSIENT.has(status)) return { kind: 'retry', reason };
  const location = status >= 300 && status < 400 ? ', a redirect: write the address it leads to as url' : '';
  return refused('provider', reason + location);
}

/** Seconds or a date (RFC 9110, 10.2.3), at most an hour. */
export function retryAfter(value: string | undefined, now = Date.now()): { afterMs?: number } {
  if (!value) return {};
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - now;
  return Number.isNaN(ms) ? {} : { afterMs: Math.min(Math.max(ms, 0), RETRY_AFTER_MOST_MS) };
}
