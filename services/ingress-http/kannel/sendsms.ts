// Kannel's sendsms dialect: from query parameters to a request, or to Kannel's own refusal. Statuses and bodies are those
// recorded from Kannel 1.4.5; where ours differ on purpose, the comment says so.
import type { NotPrepared, Request } from '#shared/doors/accept.ts';
import type { Verified } from '#shared/doors/credentials.ts';
import { decodeText } from '#shared/sms/charset.ts';
import { encodeGsm7 } from '#shared/sms/gsm7.ts';
import { parseRecipients } from '#shared/sms/number.ts';
import { encodingOf, toUcs2 } from '#shared/sms/segments.ts';
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

/** Kannel's status for what is not to be tried again. */
const SUPPRESSED: Refusal = {
  status: 403,
  body: 'The recipient asked not to be sent to. Do not try again.',
  reason: 'suppressed',
};

export const notPrepared = ({ refused, reason }: NotPrepared): Refusal =>
  reason === 'number'
    ? DENIED
    : reason === 'suppressed'
      ? SUPPRESSED
      : { status: 400, body: `${refused}, rejected`, reason };

const bad = (body: string, reason: string): Refusal => ({ status: 400, body, reason });
const misformed = (field: string) => bad(`${field} field misformed, rejected`, field.toLowerCase());

/** Highest dlr-mask that Kannel takes. */
const DLR_MASK_MOST = 66;
const MINUTE_MS = 60_000;
const LONGEST_MINUTES = 60 * 24 * 30;
const MOST_SENDER = 20;
const MOST_ACCOUNT = 64;
const MOST_SERVICE_TYPE = 5;
const MOST_META = 1_024;
/** A user data header is part of the 140 octets of one short message. */
const MOST_UDH = 130;
const MOST_URL = 2_048;
/** Ours, not Kannel's: for whom the client sends, and its marks, as routes look at them; as a parameter or a header. */
const CALLER = ['x-user', 'x-realm', 'x-tag'] as const;
const MOST_CALLER = 256;

export const userOf = (query: Query) => query.get('username') ?? query.get('user') ?? '';
export const passwordOf = (query: Query) => query.get('password') ?? query.get('pass') ?? '';

/** Checked in Kannel's order: receiver, sender, fields, header, text. */
export function readSendsms(query: Query, { client }: Verified, address: string, now: number): Request | Refusal {
  const to = query.get('to');
  if (to === undefined) return bad('Missing receiver number, rejected', 'to');
  if (to.trim() === '') return bad('Empty receiver number not allowed, rejected', 'to');
  const { sendsmsChars } = client;
  if (sendsmsChars && [...to].some((character) => !sendsmsChars.includes(character))) return DENIED;
  const parsed = parseRecipients(to, client.country ? { defaultCountry: client.country } : {});
  if (!parsed.ok) return DENIED;
  const from = query.get('from') || client.sender || client.forcedSender;
  if (!from) return bad('Sender missing and no global set, rejected', 'from');
  if (from.length > MOST_SENDER || !isPrintable(from))
    return bad(`Sender of at most ${MOST_SENDER} printable characters expected, rejected`, 'from');
  const fields = readFields(query, now);
  if ('status' in fields) return fields;
  const udh = readUdh(query.get('udh'));
  if (udh === undefined) return misformed('UDH');
  // With a header Kannel takes the text as octets, unless `coding` says otherwise.
  const encoding = fields.encoding ?? (udh !== '' && !query.get('coding') ? 'binary' : undefined);
  const text = readText(query, encoding);
  if (typeof text !== 'string') return text;
  const content = udh === '' ? { text, ...(encoding ? { encoding } : {}) } : withHeader(udh, text, encoding);
  return { door: 'http', address, recipients: parsed.numbers, from, ...fields, ...content };
}

/** As hex, '' when there is none, undefined when its length octet does not fit it. */
function readUdh(octets = ''): string | undefined {
  if (octets === '') return '';
  const fits = octets.length <= MOST_UDH && octets.charCodeAt(0) === octets.length - 1 && octets.length > 1;
  return fits ? Buffer.from(octets, 'latin1').toString('hex') : undefined;
}

/** The text as the octets that follow the header. */
function withHeader(udh: string, text: string, asked: Request['encoding']): Pick<Request, 'udh' | 'text' | 'encoding'> {
  if (asked === 'binary') return { udh, text, encoding: asked };
  const encoding = asked ?? encodingOf(text);
  const octets = encoding === 'gsm7' ? encodeGsm7(text) : toUcs2(text);
  return { udh, text: octets.toString('latin1'), encoding };
}

type Caller = Pick<Request, 'user' | 'realm' | 'tags'>;
type Fields = Pick<
  Request,
  'encoding' | 'messageClass' | 'validityMs' | 'notBefore' | 'priority' | 'dlrMask' | 'dlrUrl' | 'smsc' | 'more'
> &
  Caller;

/** The numbers, their names as the answer spells them, and the most that Kannel takes. */
const NUMBERS = {
  mclass: ['MClass', 3],
  pid: ['PID', 255],
  rpi: ['RPI', 2],
  'alt-dcs': ['Alt-DCS', 1],
  mwi: ['MWI', 7],
  coding: ['Coding', 2],
  compress: ['Compress', 1],
  validity: ['Validity', LONGEST_MINUTES],
  deferred: ['Deferred', LONGEST_MINUTES],
  'dlr-mask': ['DLR-Mask', DLR_MASK_MOST],
  priority: ['Priority', 3],
} as const;
const NUMBER_ROWS = Object.entries(NUMBERS) as [keyof Numbers, readonly [string, number]][];
type Numbers = { -readonly [name in keyof typeof NUMBERS]?: number };

function readFields(query: Query, now: number): Fields | Refusal {
  const numbers = readNumbers(query);
  if ('status' in numbers) return numbers;
  const dlrUrl = query.get('dlr-url') ?? query.get('dlrurl');
  if (dlrUrl && (dlrUrl.length > MOST_URL || !/^https?:\/\/[^\s]+$/i.test(dlrUrl))) return misformed('DLR-URL');
  const account = query.get('account') ?? '';
  if (account.length > MOST_ACCOUNT || !isPrintable(account))
    return bad('Account field misformed or too long, rejected', 'account');
  const caller = readCaller(query);
  if ('status' in caller) return caller;
  const { coding, validity, deferred, priority, mclass, 'dlr-mask': dlrMask } = numbers;
  const smsc = query.get('smsc');
  return {
    ...caller,
    ...(coding === 1 ? { encoding: 'binary' as const } : coding === 2 ? { encoding: 'ucs2' as const } : {}),
    ...(mclass === undefined ? {} : { messageClass: mclass }),
    ...(validity === undefined ? {} : { validityMs: validity * MINUTE_MS }),
    ...(deferred ? { notBefore: now + deferred * MINUTE_MS } : {}),
    ...(priority === undefined ? {} : { priority }),
    ...(dlrMask ? { dlrMask } : {}),
    ...(dlrUrl ? { dlrUrl } : {}),
    ...(smsc ? { smsc } : {}),
    more: readMore(query, numbers, account),
  };
}

function readNumbers(query: Query): Numbers | Refusal {
  const numbers: Numbers = {};
  for (const [name, [spelled, most]] of NUMBER_ROWS) {
    const number = integer(query.get(name) ?? (name === 'dlr-mask' ? query.get('dlrmask') : undefined));
    // -1 is how Kannel writes that nothing was given.
    if (number === undefined || number === -1) continue;
    if (number < 0 || number > most) return misformed(spelled);
    numbers[name] = number;
  }
  return numbers;
}

function readMore(
  query: Query,
  { pid, rpi, mwi, compress, 'alt-dcs': altDcs }: Numbers,
  account: string,
): Request['more'] {
  const binfo = query.get('binfo') ?? '';
  const metaData = query.get('meta-data')?.slice(0, MOST_META);
  return {
    ...(pid ? { protocolId: pid } : {}),
    ...(rpi ? { replyPath: true } : {}),
    ...(mwi === undefined ? {} : { mwi }),
    ...(compress ? { compress: true } : {}),
    ...(altDcs ? { altDcs: true } : {}),
    ...(binfo !== '' && isPrintable(binfo) ? { serviceType: binfo.slice(0, MOST_SERVICE_TYPE) } : {}),
    ...(account === '' ? {} : { account }),
    ...(metaData ? { metaData } : {}),
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
  const charset = query.get('charset') || undefined;
  if (charset === undefined && encoding !== 'ucs2' && isAscii(octets)) return octets;
  const text = decodeText(Buffer.from(octets, 'latin1'), charset ?? (encoding === 'ucs2' ? 'UTF-16BE' : 'UTF-8'));
  return text === undefined || text === '' ? bad('Charset or body misformed, rejected', 'charset') : text;
}

const isPrintable = (text: string) => /^[ -~]*$/.test(text);
const isAscii = (text: string) => !/[^\0-\x7f]/.test(text);
