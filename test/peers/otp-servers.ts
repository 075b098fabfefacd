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
