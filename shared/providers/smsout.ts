// SMSout.de, which LinOTP names as an example.
import { z } from 'zod';
import { templated } from './templated.ts';

/** Types of SMS: V1 without a sender, V3 with one, V5 with a report that only their console shows, V6 up to 1,560 characters. */
const TYPES = ['V1', 'V3', 'V5', 'V6'] as const;

export const smsout = templated({
  name: 'smsout',
  source: ['https://smsout.de/sms-in-eigenen-anwendungen-schnittstelle.htm'],
  url: 'https://www.smsout.de',
  number: '00',
  account: z.strictObject({ apiKey: z.string().min(1), type: z.enum(TYPES).default('V1') }),
  secrets: ['apiKey'],
  example: { apiKey: 'a-key-of-smsout' },
  template: ({ apiKey, type }, url) => ({
    url: `${url}/client/sendsms.php`,
    form: { APIkey: apiKey, SMSTo: '{to}', SMSType: type, SMSText: '{text}' },
    answer: { status: ['2xx'], success: { contains: 'Return: OK' } },
  }),
});
