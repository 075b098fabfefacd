// A message from a handset on its way to a URL: Kannel's codes as recorded from Kannel 1.4.5, its post-url, and what a reply
// becomes as text.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Callback, IncomingMessage } from '#shared/messages/callback.ts';
import { newId } from '#shared/messages/id.ts';
import { fillEscapes } from '../../../services/notifier/escapes.ts';
import { incomingMail } from '../../../services/notifier/incoming-mail.ts';
import { replyText } from '../../../services/notifier/reply.ts';
import { requestOf } from '../../../services/notifier/request.ts';

const AT = Date.UTC(2026, 10, 22, 5, 35, 11);

const heard = (incoming: Partial<IncomingMessage>, change: Partial<Callback> = {}): Callback => ({
  ...{ v: 1, type: 'callback', callback: 1, tries: 0, id: newId(AT), client: 'everything', at: AT, dlrType: 0 },
  url: 'http://127.0.0.1/all',
  values: {
    ...{ to: '447700900123', given: '+447700900123', from: '12345' },
    ...{ provider: 'hermod', providerId: '', text: '', account: 'u', meta: '' },
  },
  incoming: { text: 'all one Two  three?&', ...incoming },
  ...change,
});
const filled = (template: string, incoming: Partial<IncomingMessage> = {}) => fillEscapes(template, heard(incoming));

describe('as recorded from Kannel 1.4.5', () => {
  /** Sender and time apart: the record's sender had no plus, since its SMSC gave no type of number. */
  test.each([
    ['P=%P&Q=%Q&t=%t&T=%T', 'P=12345&Q=12345&t=2026-11-22+05:35:11&T=1795325711'],
    ['k=%k&s=%s&S=%S&r=%r', 'k=all&s=one&S=Two&r=three%3F%26'],
    ['a=%a&A=%A&b=%b', 'a=all+one+Two+three%3F%26&A=all+one+Two++three%3F%26&b=all+one+Two++three%3F%26'],
    ['c=%c&m=%m&M=%M&C=%C&u=%u&d=%d&R=%R', 'c=0&m=-1&M=-1&C=UTF-8&u=&d=-1&R='],
    ['n=%n&o=%o&O=%O&f=%f&F=%F&i=%i&B=%B', 'n=everything&o=u&O=00&f=&F=&i=hermod&B='],
    ['x=%x&v=%v&V=%V&pc=%%', 'x=%x&v=&V=&pc=%'],
  ])('%s', (template, expected) => expect(filled(template)).toBe(expected));

  test.each([
    ['two a b c d', 's=%s&s2=%s&r=%r&a=%a', 's=a&s2=b&r=c+d&a=two+a+b+c+d'],
    ['rest  x y  z', 'r=%r&k=%k', 'r=x+y+z&k=rest'],
    ['', 'k=%k&a=%a&b=%b', 'k=&a=&b='],
    ['  all  lead', 'k=%k&a=%a&b=%b', 'k=all&a=all+lead&b=++all++lead'],
  ])('%j', (text, template, expected) => expect(filled(template, { text })).toBe(expected));
});

test('a sender has its plus; texts are UTF-8, octets are octets', () => {
  expect(filled('%p %q')).toBe('%2B447700900123 %2B447700900123');
  expect(filled('%a&c=%c', { text: 'Жук', encoding: 'ucs2' })).toBe('%D0%96%D1%83%D0%BA&c=2');
  expect(filled('%b&c=%c', { text: '\x00\xffA ', encoding: 'binary' })).toBe('%00%FFA%20&c=1');
});

test('whatever is written, it stays one value of its parameter, and comes back as it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      const url = new URL(`http://h/?a=%b&z=1`.replace('%b', () => filled('%b', { text })!));
      expect([...url.searchParams.keys()]).toEqual(['a', 'z']);
      expect(url.searchParams.get('a')).toBe(text.toWellFormed());
    }),
  );
});

test('POST has the octets of a binary message, and no header that a sender could end', () => {
  const octets = heard({ text: '\x00\xff', encoding: 'binary' }, { url: 'post:http://h/n?p=%p' });
  octets.values.given = 'Evil\r\nx: y';
  const request = requestOf(octets, undefined);
  if ('ok' in request) throw new Error(request.reason);
  expect(request.target.path).toBe('/n?p=Evil%0D%0Ax%3A+y');
  const { headers, body } = request.post!();
  expect(body).toEqual(Buffer.of(0, 255));
  expect(headers).toMatchObject({
    'content-type': 'application/octet-stream',
    'x-kannel-from': 'Evil??x: y',
    'x-kannel-coding': '1',
  });
});

test.each([
  ['webhook:https://h/', 'the client has no callbacks.secret to sign it with'],
  ['smpp:', 'no SMPP session of the client took it in time'],
  ['post:ftp://h/', 'no http or https URL'],
  [`http://h/${'%a'.repeat(100)}`, 'the URL, filled, is longer than 8192 characters'],
])('%.30s cannot be called', (url, reason) =>
  expect(requestOf(heard({ text: 'x'.repeat(100) }, { url }), undefined)).toEqual({
    ok: false,
    permanent: true,
    reason,
  }),
);

describe('replies', () => {
  const text = (type: string, body: string | Buffer) => replyText({ type, body: Buffer.from(body) });
  test.each<[string, string | Buffer, string | undefined]>([
    ['text/plain', ' Hello\r\n', 'Hello'],
    ['', 'no type', 'no type'],
    ['text/plain; charset=iso-8859-1', Buffer.of(0xfc), 'ü'],
    ['text/plain; charset="utf-16be"', Buffer.from([4, 0x16]), 'Ж'],
    ['text/plain', Buffer.of(0xff), undefined],
    ['text/plain; charset=klingon', 'x', undefined],
    ['Text/HTML; charset=utf-8', '<h1>Hi</h1><p>you &amp; <a href="x">me</a></p><script>no</script>', 'Hi\n\nyou & me'],
    ['application/json', '{}', undefined],
    ['image/png', 'x', undefined],
    ['text/plain', '  ', ''],
  ])('%s', (type, body, expected) => expect(text(type, body)).toBe(expected));

  test('one that was too long to read has no text', () =>
    expect(replyText({ type: 'text/plain', body: undefined })).toBeUndefined());

  test('nested tags without end do no harm', () => {
    const startedAt = performance.now();
    text('text/html', '<div>'.repeat(13_000));
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});

test('as a mail: no line of the sender begins a header, octets are attached', async () => {
  const callback = heard({ text: 'Grüße\n.\n' }, { url: 'mailto:desk@example.com' });
  callback.values.given = 'Evil\r\nBcc: x@example.com';
  const mail = (await incomingMail(callback, 'sms@example.com')).toString();
  expect(mail).toMatch(/^Subject: SMS from Evil Bcc: x@example\.com to 12345\r$/m);
  expect(mail).not.toMatch(/^Bcc:/m);
  const octets = await incomingMail(heard({ text: '\x00\xff', encoding: 'binary' }, { url: callback.url }), 'a@b.c');
  expect(octets.toString()).toMatch(/application\/octet-stream[\s\S]*AP8=/);
});
