// Twilio's Messages resource, API version 2010-04-01: form data in, JSON or XML out, by the ending of the path. The account
// in the path is only repeated: who calls is told by Basic authentication. Codes: https://www.twilio.com/docs/api/errors.
import { presentedIn } from '../caller.ts';
import type { Answer, Asker, Refusal, Shape } from './door.ts';
import { first } from './fields.ts';

const VERSION = '2010-04-01';
const DECLARATION = `<?xml version='1.0' encoding='UTF-8'?>\n`;

type Code = { code: number; status: number; message: string };

export const CODES: Record<Refusal['reason'], Code> = {
  authorization: { code: 20003, status: 401, message: 'Authenticate' },
  malformed: { code: 20001, status: 400, message: 'Bad request' },
  to: { code: 21211, status: 400, message: "The 'To' number is not a valid phone number." },
  from: { code: 21603, status: 400, message: "A 'From' phone number is required." },
  text: { code: 21602, status: 400, message: 'Message body is required.' },
  limit: { code: 21617, status: 400, message: 'The concatenated message body exceeds the limit.' },
  'not permitted': { code: 21408, status: 403, message: 'Permission to send an SMS has not been enabled.' },
  'too often': { code: 20429, status: 429, message: 'Too Many Requests' },
  broker: { code: 20503, status: 503, message: 'Service is unavailable.' },
  fault: { code: 20500, status: 500, message: 'Internal server error' },
};
const NO_TO: Code = { code: 21604, status: 400, message: "A 'To' phone number is required." };
const WRONG_FROM: Code = { code: 21212, status: 400, message: "The 'From' number is not a valid phone number." };

export const twilio: Shape = {
  routes: [
    ['POST', `/${VERSION}/Accounts/:account/Messages`],
    ['POST', `/${VERSION}/Accounts/:account/Messages.json`],
  ],
  known: ['to', 'from', 'body'],
  text: 'body',
  presented: presentedIn,
  asked(fields) {
    const from = first(fields, 'from');
    const seconds = Number(first(fields, 'validityperiod'));
    return {
      to: [first(fields, 'to') ?? ''],
      text: first(fields, 'body') ?? '',
      ...(from === undefined ? {} : { from }),
      ...(seconds >= 1 && seconds <= 36_000 ? { validityMs: Math.round(seconds) * 1_000 } : {}),
    };
  },
  accepted([sms], { path }) {
    const { id, to, from, text, segments, at } = sms!;
    const sid = `SM${id.replaceAll('-', '')}`;
    const account = accountOf(path);
    const json = path.endsWith('.json');
    const uri = `/${VERSION}/Accounts/${account}/Messages/${sid}`;
    const date = new Date(at).toUTCString().replace('GMT', '+0000');
    const resource = {
      sid,
      date_created: date,
      date_updated: date,
      date_sent: null,
      account_sid: account,
      to: /^\d{7,}$/.test(to) ? `+${to}` : to,
      from,
      messaging_service_sid: null,
      body: text,
      status: 'queued',
      num_segments: String(segments),
      num_media: '0',
      direction: 'outbound-api',
      api_version: VERSION,
      price: null,
      price_unit: 'USD',
      error_code: null,
      error_message: null,
      uri: json ? `${uri}.json` : uri,
      subresource_uris: { media: json ? `${uri}/Media.json` : `${uri}/Media` },
    };
    return json ? jsonAnswer(201, resource) : xmlAnswer(201, 'Message', resource);
  },
  refused(refusal, { path, fields }: Asker) {
    const { code, status, message } = codeOf(refusal, first(fields, 'to'), first(fields, 'from'));
    const told = refusal.reason === 'authorization' ? message : `${message} ${refusal.detail}`;
    const error = { code, message: told, more_info: `https://www.twilio.com/docs/errors/${code}`, status };
    return path.endsWith('.json') ? jsonAnswer(status, error) : xmlAnswer(status, 'RestException', error);
  },
};

function codeOf({ reason }: Refusal, to: string | undefined, from: string | undefined): Code {
  if (reason === 'to' && to === undefined) return NO_TO;
  if (reason === 'from' && from !== undefined) return WRONG_FROM;
  return CODES[reason];
}

/** As it stands in the path, without what is no account's name. */
const accountOf = (path: string) => (path.split('/')[3] ?? '').replaceAll(/[^\w-]/g, '').slice(0, 64);

const jsonAnswer = (status: number, value: unknown): Answer => ({
  ...{ status, type: 'application/json', body: JSON.stringify(value) },
});

function xmlAnswer(status: number, name: string, value: Record<string, unknown>): Answer {
  const body = `${DECLARATION}<TwilioResponse>${element(name, value)}</TwilioResponse>`;
  return { status, type: 'application/xml', body };
}

/** `more_info` is `MoreInfo`; what is null is an empty element. */
function element(name: string, value: unknown): string {
  if (value === null) return `<${name}/>`;
  const content =
    typeof value === 'object'
      ? Object.entries(value as object)
          .map(([key, one]) => element(pascal(key), one))
          .join('')
      : escaped(String(value));
  return `<${name}>${content}</${name}>`;
}

const pascal = (key: string) => key.replaceAll(/(?:^|_)([a-z])/g, (_all, letter: string) => letter.toUpperCase());

const ENTITIES: Record<string, string> = { '<': '&lt;', '>': '&gt;', '&': '&amp;' };
/** Without the control characters that XML 1.0 does not have. */
const escaped = (text: string) =>
  text.replaceAll(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '').replaceAll(/[<>&]/g, (one) => ENTITIES[one]!);
