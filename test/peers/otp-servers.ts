// LinOTP's and privacyIDEA's HTTP providers as clients: the request that their configuration makes, and their own verdict on
// the answer.

type Message = { phone: string; otp: string };

export type LinotpHttp = {
  URL: string;
  HTTP_Method?: string;
  PARAMETER?: Record<string, string>;
  SMS_PHONENUMBER_KEY?: string;
  SMS_TEXT_KEY?: string;
  RETURN_SUCCESS?: string;
};

/** LinOTP: the status is never looked at, and the fixed parameters win over number and text. */
export async function linotpCalls(definition: LinotpHttp, { phone, otp }: Message): Promise<boolean> {
  const { URL: url, HTTP_Method = 'POST', PARAMETER = {}, RETURN_SUCCESS } = definition;
  const { SMS_PHONENUMBER_KEY = 'phone', SMS_TEXT_KEY = 'sms' } = definition;
  const fields = new URLSearchParams({ [SMS_PHONENUMBER_KEY]: phone, [SMS_TEXT_KEY]: otp, ...PARAMETER });
  const answer =
    HTTP_Method.toUpperCase() === 'POST'
      ? await fetch(url, { method: 'POST', body: fields })
      : await fetch(`${url}?${fields}`);
  const body = await answer.text();
  return RETURN_SUCCESS === undefined || body.startsWith(RETURN_SUCCESS);
}

export type LinotpRest = {
  URL: string;
  PAYLOAD: Record<string, string>;
  SMS_PHONENUMBER_KEY: string;
  SMS_TEXT_KEY: string;
  USERNAME: string;
  PASSWORD: string;
};

/** LinOTP's RestSMSProvider: tags in the payload's texts, JSON in ASCII, and the status alone decides. */
export async function linotpPosts(definition: LinotpRest, { phone, otp }: Message): Promise<boolean> {
  const { URL: url, PAYLOAD, SMS_PHONENUMBER_KEY, SMS_TEXT_KEY, USERNAME, PASSWORD } = definition;
  const payload = {
    ...PAYLOAD,
    [SMS_PHONENUMBER_KEY]: PAYLOAD[SMS_PHONENUMBER_KEY]!.replaceAll('<phone>', phone),
    [SMS_TEXT_KEY]: PAYLOAD[SMS_TEXT_KEY]!.replaceAll('<message>', otp),
  };
  const ascii = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  const answer = await fetch(url, {
    method: 'POST',
    body: JSON.stringify(payload).replaceAll(/[^\0-\x7f]/g, ascii),
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      authorization: `Basic ${btoa(`${USERNAME}:${PASSWORD}`)}`,
    },
  });
  return answer.status < 400;
}

/** Parameters of privacyIDEA's gateway; every other name is an option, which is a parameter of the request. */
const OWN = new Set(['URL', 'HTTP_METHOD', 'USERNAME', 'PASSWORD', 'RETURN_SUCCESS']);

/** privacyIDEA: status 200, 201 or 202, then RETURN_SUCCESS anywhere in the body. A value that parses as JSON is sent so. */
export async function privacyideaCalls(gateway: Record<string, string>, { phone, otp }: Message): Promise<boolean> {
  const fields = new URLSearchParams();
  for (const [name, template] of Object.entries(gateway)) {
    if (OWN.has(name)) continue;
    const value = template.replaceAll('{otp}', otp).replaceAll('{phone}', phone);
    fields.set(name, asJson(value));
  }
  const { URL: url = '', HTTP_METHOD, USERNAME, PASSWORD, RETURN_SUCCESS } = gateway;
  const headers: Record<string, string> = {};
  if (USERNAME !== undefined) headers.authorization = `Basic ${btoa(`${USERNAME}:${PASSWORD}`)}`;
  const answer =
    HTTP_METHOD === 'POST'
      ? await fetch(url, { method: 'POST', body: fields, headers })
      : await fetch(`${url}?${fields}`, { headers });
  const body = await answer.text();
  return [200, 201, 202].includes(answer.status) && (RETURN_SUCCESS === undefined || body.includes(RETURN_SUCCESS));
}

function asJson(value: string): string {
  try {
    return String(JSON.parse(value));
  } catch {
    return value;
  }
}
