// Swisscom's messaging proxy: submit_sm as JSON, as LinOTP's documentation has it.
import { z } from 'zod';
import { templated } from './templated.ts';

/** SMPP 3.4, 5.2.5: 6 abbreviated, for short ids; 1 international; 5 alphanumeric. */
const TON = { short: 6, international: 1, alphanumeric: 5 } as const;
const SHORT_MOST = 6;

export const swisscom = templated({
  name: 'swisscom',
  source: ['LinOTP, SMS Provider for SMS OTP Tokens, Swisscom'],
  url: 'https://messagingproxy.swisscom.ch:4300',
  number: 'digits',
  account: z.strictObject({
    account: z.string().regex(/^\d{1,20}$/, 'digits in quotes'),
    password: z.string().min(1),
    /** The sender that the account has; messages bear it whatever the client wrote. */
    sender: z.string().min(1).max(20),
  }),
  secrets: ['password'],
  example: { account: '123456', password: 'a-password-of-swisscom', sender: '123456' },
  template: ({ account, password, sender }, url) => ({
    url: `${url}/rest/1.0.0/submit_sm/${account}`,
    auth: { basic: { user: account, password } },
    json: {
      destination_addr: '{to}',
      source_addr: sender,
      short_message: '{text}',
      source_addr_ton: tonOf(sender),
      source_addr_npi: 0,
      dest_addr_ton: TON.international,
      dest_addr_npi: 1,
    },
    answer: { status: ['2xx'], id: { json: 'message_id' } },
  }),
});

const tonOf = (sender: string) => {
  if (!/^\+?\d+$/.test(sender)) return TON.alphanumeric;
  return sender.length <= SHORT_MOST ? TON.short : TON.international;
};
