// Twilio's answers as XML: well-formed and true whatever the text is.
import fc from 'fast-check';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { expect, test } from 'vitest';
import type { Sms } from '#shared/messages/sms.ts';
import { twilio } from '../../../services/ingress-http/shapes/twilio.ts';

const sms = (text: string): Sms => ({
  ...{ v: 1, type: 'sms', id: '01a20074-2214-7e29-a54a-7f8969b6ff5c', handover: 0, attempts: 0 },
  ...{ expiry: 2, at: 1_795_303_200_000, traceparent: '', client: 'a', door: 'http', lane: 'urgent' },
  ...{ to: '447700900123', given: '447700900123', from: 'Acme', text, segments: 1 },
});
const asker = { path: '/2010-04-01/Accounts/AC1/Messages', fields: new Map() };
const parser = new XMLParser({ parseTagValue: false, trimValues: false, processEntities: true });

test('any text is in it as it was, but for what XML cannot hold', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[<>&;"'a\]![CDAT\0\x1b-]*$/));
  fc.assert(
    fc.property(text, (one) => {
      const { body } = twilio.accepted([sms(one)], asker);
      expect(XMLValidator.validate(body)).toBe(true);
      const wanted = one.replaceAll(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '');
      expect(parser.parse(body).TwilioResponse.Message.Body).toBe(wanted.replaceAll(/\r\n?/g, '\n'));
    }),
  );
});

test('an account that is no name is not repeated', () => {
  const { body } = twilio.accepted([sms('x')], { ...asker, path: '/2010-04-01/Accounts/%3Cb%3E"/Messages.json' });
  expect(JSON.parse(body).account_sid).toBe('3Cb3E');
});
