// Clickatell's three doors: REST (/rest/message), HTTP (/http/sendmsg) and the platform's (/messages). Codes are those of
// Clickatell's list of API errors, https://archive.clickatell.com/developers/api-docs/list-of-error-codes-rest/.
import type { Sms } from '#shared/messages/sms.ts';
import { type Presented, presentedIn } from '../caller.ts';
import type { Asked } from '../take.ts';
import type { Answer, Asker, Refusal, Shape } from './door.ts';
import { type Fields, first } from './fields.ts';

type Code = { code: string; description: string; status: number };

export const CODES: Record<Refusal['reason'], Code> = {
  authorization: { code: '001', description: 'Authentication failed', status: 401 },
  malformed: { code: '100', description: 'Data malformed', status: 400 },
  to: { code: '105', description: 'Invalid Destination Address', status: 400 },
  from: { code: '106', description: 'Invalid Source Address', status: 400 },
  text: { code: '107', description: 'Empty message', status: 400 },
  limit: { code: '113', description: 'Maximum message parts exceeded', status: 400 },
  'not permitted': { code: '114', description: 'Cannot route message', status: 403 },
  'too often': { code: '130', description: 'Maximum MT limit exceeded', status: 429 },
  broker: { code: '901', description: 'Internal error', status: 503 },
  fault: { code: '901', description: 'Internal error', status: 500 },
};
/** For the recipients beside the one that cannot be read: nothing was sent to them. */
const NOT_SENT: Code = { code: '101', description: 'Invalid or missing parameters', status: 400 };

const JSON_TYPE = 'application/json';
const MINUTE_MS = 60_000;

/** `a55b8f8d…`: 32 hex digits, as Clickatell's own. */
const apiMessageId = ({ id }: Sms) => id.replaceAll('-', '');

/** A list, a list in one text with commas, or both. */
const recipients = (fields: Fields) =>
  (fields.get('to') ?? []).flatMap((to) => to.split(',')).filter((to) => to.trim() !== '');

function asked(fields: Fields): Asked {
  const from = first(fields, 'from');
  const minutes = Number(first(fields, 'validityperiod'));
  return {
    to: recipients(fields),
    text: first(fields, 'text', 'content') ?? '',
    ...(from === undefined ? {} : { from }),
    ...(minutes >= 1 && minutes <= 43_200 ? { validityMs: Math.round(minutes) * MINUTE_MS } : {}),
  };
}

/** Also a key alone, in the header or in the query, and name and password as fields. */
function presented(authorization: string | undefined, fields: Fields): Presented | undefined {
  const inHeader = presentedIn(authorization);
  if (inHeader) return inHeader;
  const key = authorization?.trim() || first(fields, 'apikey', 'api_key', 'key');
  if (key) return { secret: key };
  const [name, secret] = [first(fields, 'user', 'username'), first(fields, 'password')];
  return secret === undefined ? undefined : { ...(name === undefined ? {} : { name }), secret };
}

const known = ['to', 'text', 'content', 'from', 'api_id', 'user', 'password', 'apikey'];
const common = { known, presented, asked };

/** The wrong recipient with its code, and the others with theirs. */
const each = ({ fields }: Asker, { recipient }: Refusal): [to: string, code: Code][] =>
  recipients(fields).map((to, i) => [to, i === recipient ? CODES.to : NOT_SENT]);

const restError = ({ code, description }: Code, detail?: string) => ({
  code,
  description: detail ? `${description}: ${detail}` : description,
  documentation: `http://www.clickatell.com/help/apidocs/error/${code}.htm`,
});

export const clickatellRest: Shape = {
  ...common,
  routes: [['POST', '/rest/message']],
  text: 'text',
  accepted(messages) {
    const message = messages.map((sms) => ({ accepted: true, to: digits(sms), apiMessageId: apiMessageId(sms) }));
    return { status: 202, type: JSON_TYPE, body: JSON.stringify({ data: { message } }) };
  },
  refused(refusal, asker) {
    const { reason, recipient, detail } = refusal;
    const code = CODES[reason];
    const message = each(asker, refusal).map(([to, one]) => ({
      ...{ accepted: false, to, apiMessageId: '' },
      error: restError(one),
    }));
    const more = reason === 'authorization' ? undefined : detail;
    const body = recipient === undefined ? { error: restError(code, more) } : { data: { message } };
    return { status: code.status, type: JSON_TYPE, body: JSON.stringify(body) };
  },
};

/** Refusals have status 200 here too: programs read the beginning of the body. */
const line = (lines: string[]): Answer => ({ status: 200, type: 'text/plain; charset=utf-8', body: lines.join('\n') });

export const clickatellHttp: Shape = {
  ...common,
  routes: [
    ['GET', '/http/sendmsg'],
    ['POST', '/http/sendmsg'],
  ],
  text: 'text',
  accepted(messages) {
    const several = messages.length > 1;
    return line(messages.map((sms) => `ID: ${apiMessageId(sms)}${several ? ` To: ${digits(sms)}` : ''}`));
  },
  refused(refusal, asker) {
    const { code, description } = CODES[refusal.reason];
    const lines = each(asker, refusal);
    if (refusal.recipient === undefined || lines.length < 2) return line([`ERR: ${code}, ${description}`]);
    return line(lines.map(([to, one]) => `ERR: ${one.code}, ${one.description} To: ${to}`));
  },
};

/** The platform has a code of its own for a key that is wrong. */
const PLATFORM_KEY: Code = { code: '108', description: 'Invalid or missing integration API Key', status: 401 };
const NO_ERROR = { errorCode: null, error: null, errorDescription: null };
const platformError = ({ code, description }: Code, detail: string = description) => ({
  ...{ errorCode: Number(code), error: description, errorDescription: detail },
});

export const clickatellPlatform: Shape = {
  ...common,
  routes: [
    ['POST', '/messages'],
    ['GET', '/messages/http/send'],
  ],
  text: 'content',
  accepted(sent) {
    const messages = sent.map((sms) => ({
      ...{ apiMessageId: apiMessageId(sms), accepted: true, to: digits(sms) },
      ...NO_ERROR,
    }));
    return { status: 202, type: JSON_TYPE, body: JSON.stringify({ messages, ...NO_ERROR }) };
  },
  refused(refusal, asker) {
    const { reason, recipient, detail } = refusal;
    const code = reason === 'authorization' ? PLATFORM_KEY : CODES[reason];
    const messages = each(asker, refusal).map(([to, one]) => ({
      ...{ apiMessageId: null, accepted: false, to },
      ...platformError(one),
    }));
    const body = recipient === undefined ? { messages: [], ...platformError(code, detail) } : { messages, ...NO_ERROR };
    return { status: code.status, type: JSON_TYPE, body: JSON.stringify(body) };
  },
};

const digits = ({ to }: Sms) => to;
