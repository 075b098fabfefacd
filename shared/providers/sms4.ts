// SMS4.de, which VISULOX names as an example. Its texts are ISO-8859-1 and at most 160 characters.
import { z } from 'zod';
import { templated } from './templated.ts';

export const sms4 = templated({
  name: 'sms4',
  source: ['https://www.sms4.de/cgi-bin/sms_http.pl?lang=en&gw=sms'],
  url: 'https://www.sms4.de',
  number: 'digits',
  account: z.strictObject({
    /** The customer's id: KDNR. */
    customer: z.string().min(1),
    user: z.string().min(1),
    password: z.string().min(1),
    /** Only tariff 1 has a sender. */
    tariff: z.enum(['1', '7']).default('1'),
  }),
  secrets: ['password'],
  example: { customer: 'XY12345', user: 'acme', password: 'a-password-of-sms4' },
  template: ({ customer, user, password, tariff }, url) => ({
    url: `${url}/cgi-bin/sms_out.pl`,
    charset: 'iso-8859-1',
    query: {
      handynr: '{to}',
      user,
      pwd: password,
      kdnr: customer,
      tarif: tariff,
      ...(tariff === '1' ? { absender: '{from}' } : {}),
      text: '{text}',
    },
    answer: { status: ['2xx'], success: { contains: 'SMS erfolgreich versendet' } },
  }),
});
