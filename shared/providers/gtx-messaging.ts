// GTX Messaging's HTTP API, as privacyIDEA's documentation has it.
import { RE2JS } from 're2js';
import { z } from 'zod';
import { templated } from './templated.ts';

export const gtxMessaging = templated({
  name: 'gtx-messaging',
  source: ['privacyIDEA, SMS Gateway configuration, GTX-Messaging', 'https://www.gtx-messaging.com/de/api-docs/http/'],
  url: 'https://http.gtx-messaging.net',
  number: 'plus',
  account: z.strictObject({ user: z.string().min(1), pass: z.string().min(1) }),
  secrets: ['pass'],
  example: { user: 'acme', pass: 'a-password-of-gtx' },
  template: ({ user, pass }, url) => ({
    url: `${url}/smsc.php`,
    query: { user, pass, from: '{from}', to: '{to}', text: '{text}' },
    answer: {
      status: ['2xx'],
      success: { contains: '200 OK' },
      id: { regex: RE2JS.compile('200 OK\\s+([\\w-]{8,})') },
    },
  }),
});
