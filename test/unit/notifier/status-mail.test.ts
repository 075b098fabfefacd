// Whatever a sender wrote into its mail, what goes back is one mail to one mailbox.
import fc from 'fast-check';
import { simpleParser } from 'mailparser';
import { expect, test } from 'vitest';
import type { Callback } from '#shared/messages/callback.ts';
import { mailboxOf, statusMail } from '../../../services/notifier/status-mail.ts';

const callback = (url: string, reason = ''): Callback => ({
  ...{ v: 1, type: 'callback', callback: 7, tries: 0, id: '01939b1e-7c3a-7000-8000-0000000000ff' },
  ...{ client: 'tester', at: 0, url, dlrType: 2 },
  values: {
    ...{ to: '447700900123', from: '1', given: '', provider: '', providerId: '', text: '', account: '', meta: '' },
    ...{ state: 'failed', reason },
  },
});

test.each([
  ['mailto:a%2Bb%40example.com?in-reply-to=%3C1%40x%3E&envid=Q', 'a+b@example.com', '<1@x>', 'Q'],
  ['mailto:a@example.com', 'a@example.com', '', ''],
])('%s', (url, address, inReplyTo, envid) => expect(mailboxOf(url)).toEqual({ address, inReplyTo, envid }));

test.each([
  'mailto:',
  'mailto:bob',
  'mailto:%',
  'mailto:a@x,b@y',
  'mailto:a@x%0d%0aRCPT',
  'http://a@x',
  'mailto:a@b@c',
])('%s names no mailbox', (url) => expect(mailboxOf(url)).toBeUndefined());

test('no word of the sender or of a provider ends a header or begins another', async () => {
  const words = fc.string({
    unit: fc.constantFrom('a', ' ', ':', '\r', '\n', '\r\nBcc: b@c\r\n', '\0', 'é', '<'),
    maxLength: 30,
  });
  await fc.assert(
    fc.asyncProperty(words, words, words, async (inReplyTo, envid, reason) => {
      const query = new URLSearchParams({ 'in-reply-to': inReplyTo, envid });
      const octets = await statusMail(callback(`mailto:a%40example.com?${query}`, reason), 'sms@gateway.example');
      const { headers, to, bcc } = await simpleParser(octets);
      expect([...headers.keys()].filter((name) => !KNOWN.has(name))).toEqual([]);
      expect(to).toMatchObject({ text: 'a@example.com' });
      expect(bcc).toBeUndefined();
      const fields = /message\/delivery-status\r\n\r\n(.*?)\r\n--/s.exec(octets.toString('latin1'))![1]!;
      for (const line of fields.split('\r\n'))
        expect(line).toMatch(/^$|^(Reporting|Original|Final|Action|Status|Diag|Last)/);
    }),
    { numRuns: 200 },
  );
});

const KNOWN = new Set([
  ...['from', 'to', 'subject', 'date', 'message-id', 'auto-submitted', 'in-reply-to', 'references'],
  ...['mime-version', 'content-type'],
]);
