// Kannel's sendsms dialect: from query parameters to a request, or to Kannel's own refusal. Statuses and bodies are those
// recorded from Kannel 1.4.5; where ours differ on purpose, the comment says so.
import type { NotPrepared, Request } from '#shared/doors/accept.ts';
import type { Verified } from '#shared/doors/credentials.ts';
import { decodeText } from '#shared/sms/charset.ts';
import { parseRecipients } from '#shared/sms/number.ts';
import type { Query } from '../query.ts';

/** `retryAfterS`: whole seconds. */
export type Refusal = { status: number; body: string; reason: string; retryAfterS?: number };

export const ACCEPTED = '0: Accepted for delivery';
export const UNAUTHORISED: Refusal = { status: 403, body: 'Authorization failed for sendsms', reason: 'authorization' };
export const TEMPORARY: Refusal = { status: 503, body: 'Temporal failure, try again later.', reason: 'broker' };
export const UNKNOWN_PATH: Refusal = { status: 404, body: 'Unknown request.', reason: 'path' };
export const NOT_ROUTABLE: Refusal = { status: 403, body: 'Not routable. Do not try again.', reason: 'route' };

const DENIED: Refusal = {
  status: 400,
  body: 'Number(s) has/have been denied by white- and/or black-lists.',
  reason: 'number',
};

export const notPrepared = ({ refused, reason }: NotPrepared): Refusal =>
  reason === 'number' ? DENIED : { status: 400, body: `${refused}, rejected`, reason };

const bad = (body: string, reason: string): Refusal => ({ status: 400, body, reason });
const misformed = (field: string) => bad(`${field} field misformed, rejected`, field.toLowerCase());

/** Highest dlr-mask that Kannel takes. */
const DLR_MASK_MOST = 66;
const MINUTE_MS = 60_000;
const LONGEST_MINUTES = 60 * 24 * 30;
const MOST_SENDER = 20;
const MOST_URL = 2_048;
/** Ours, not Kannel's: for whom the client sends, and its marks, as routes look at them; as a parameter or a header. */
const CALLER = ['x-user', 'x-realm', 'x-tag'] as const;
const MOST_CALLER = 256;

export const userOf = (query: Query) => query.get('username') ?? query.get('user') ?? '';
export const passwordOf = (query: Query) => query.get('password') ?? query.get('pass') ?? '';

/** Checked in Kannel's order: receiver, sender, fields, text. */
export function readSendsms(query: Query, { client }: Verified, address: string, now: number): Request | Refusal {
  const to = query.get('to');
  if (to === undefined) return bad('Missing receiver number, rejected', 'to');
  if (to.trim() === '') return bad('Empty receiver number not allowed, rejected', 'to');
  const parsed = parseRecipients(to, client.country ? { defaultCountry: client.country } : {});
  if (!parsed.ok) return DENIED;
  const from = query.get('from') || client.sender || client.forcedSender;
  if (!from) return bad('Sender missing and no global set, rejected', 'from');
  if (from.length > MOST_SENDER || !/^[ -~]+$/.test(from))
    return bad(`Sender of at most ${MOST_SENDER} printable characters expected, rejected`, 'from');
  const fields = readFields(query, now);
  if ('status' in fields) return fields;
  const text = readText(query, fields.encoding);
  if (typeof text !== 'string') return text;
  return { door: 'http', address, recipients: parsed.numbers, from, text, ...fields };
}

type Caller = Pick<Request, 'user' | 'realm' | 'tags'>;
type Fields = Pick<Request, 'encoding' | 'validityMs' | 'notBefore' | 'priority' | 'dlrMask' | 'dlrUrl' | 'smsc'> &
  Caller;

function readFields(query: Query, now: number): Fields | Refusal {
  const coding = integer(query.get('coding'));
  if (coding !== undefined && (coding < 0 || coding > 2)) return misformed('Coding');
  const validity = integer(query.get('validity'));
  if (validity !== undefined && (validity < 0 || validity > LONGEST_MINUTES)) return misformed('Validity');
  const deferred = integer(query.get('deferred'));
  if (deferred !== undefined && (deferred < 0 || deferred > LONGEST_MINUTES)) return misformed('Deferred');
  const priority = integer(query.get('priority'));
  if (priority !== undefined && (priority < 0 || priority > 3)) return misformed('Priority');
  const dlrMask = integer(query.get('dlr-mask') ?? query.get('dlrmask'));
  if (dlrMask !== undefined && (dlrMask < 0 || dlrMask > DLR_MASK_MOST)) return misformed('DLR-Mask');
  const dlrUrl = query.get('dlr-url') ?? query.get('dlrurl');
  if (dlrUrl !== undefined && (dlrUrl.length > MOST_URL || !/^https?:\/\/[^\s]+$/i.test(dlrUrl)))
    return misformed('DLR-URL');
  const caller = readCaller(query);
  if ('status' in caller) return caller;
  const smsc = query.get('smsc');
  return {
    ...caller,
    ...(coding === 1 ? { encoding: 'binary' as const } : coding === 2 ? { encoding: 'ucs2' as const } : {}),
    ...(validity === undefined ? {} : { validityMs: validity * MINUTE_MS }),
    ...(deferred ? { notBefore: now + deferred * MINUTE_MS } : {}),
    ...(priority === undefined ? {} : { priority }),
    ...(dlrMask ? { dlrMask } : {}),
    ...(dlrUrl ? { dlrUrl } : {}),
    ...(smsc ? { smsc } : {}),
  };
}

/** Puts the headers that stand for parameters among them; Node gives headers as octets too. */
export function addHeaders(query: Query, headers: Readonly<Record<string, string | string[] | undefined>>): void {
  for (const name of CALLER) {
    const value = headers[name];
    if (typeof value === 'string' && !query.has(name)) query.set(name, value);
  }
}

function readCaller(query: Query): Caller | Refusal {
  const [user, realm, tag] = CALLER.map((name) => utf8(query.get(name) ?? ''));
  const wrong = CALLER[[user, realm, tag].indexOf(undefined)];
  if (wrong) return misformed(wrong);
  return {
    ...(user ? { user } : {}),
    ...(realm ? { realm } : {}),
    ...(tag ? { tags: tag.split(',').map((one) => one.trim()) } : {}),
  };
}

/** Undefined when it is too long or not UTF-8. */
function utf8(octets: string): string | undefined {
  if (isAscii(octets) && octets.length <= MOST_CALLER) return octets;
  return octets.length > MOST_CALLER ? undefined : decodeText(Buffer.from(octets, 'latin1'), 'UTF-8');
}

/** As Kannel's parser: leading digits count; a value without any is taken as not given. */
function integer(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = Number.parseInt(value, 10);
  return Number.isNaN(number) ? undefined : number;
}

/** UTF-8 unless `charset` says otherwise; with coding=2 and no charset the octets are UTF-16BE, as in Kannel. */
function readText(query: Query, encoding: Request['encoding']): string | Refusal {
  const octets = query.get('text') ?? '';
  // Kannel sends an empty SMS; nobody has ever wanted one.
  if (octets === '') return bad('Empty text not allowed, rejected', 'text');
  if (encoding === 'binary') return octets;
  const charset = query.get('charset');
  if (charset === undefined && encoding !== 'ucs2' && isAscii(octets)) return octets;
  const text = decodeText(Buffer.from(octets, 'latin1'), charset ?? (encoding === 'ucs2' ? 'UTF-16BE' : 'UTF-8'));
  return text === undefined || text === '' ? bad('Charset or body misformed, rejected', 'charset') : text;
}

const isAscii = (text: string) => !/[^\0-\x7f]/.test(text);
