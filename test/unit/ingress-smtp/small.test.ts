import { describe, expect, test } from 'vitest';
import { faultOf } from '../../../services/ingress-smtp/octets.ts';
import { Refused } from '../../../services/ingress-smtp/refused.ts';
import { openRepeats } from '../../../services/ingress-smtp/repeats.ts';
import { allowsSender } from '../../../services/ingress-smtp/rights.ts';
import { statusFor } from '../../../services/ingress-smtp/status.ts';
import { configOf } from './guide.ts';

describe('octets on the wire', () => {
  test.each([
    ['a\r\nb\r\n', undefined],
    ['', undefined],
    ['a\nb\r\n', /line feed without/],
    ['\nb\r\n', /line feed without/],
    ['a\rb\r\n', /carriage return without/],
    ['a\r\n\r', /carriage return without/],
    ['a\r\r\n', /carriage return without/],
    ['a\0b\r\n', /NUL/],
  ])('%j: %s', (text, fault) => {
    const found = faultOf(Buffer.from(text, 'latin1'));
    if (fault) expect(found).toMatch(fault);
    else expect(found).toBeUndefined();
  });
});

describe('repeats', () => {
  const MINUTE = 60_000;

  test('are known for ten minutes after they were accepted', () => {
    const repeats = openRepeats();
    const key = repeats.key('ise', '<1@ise>', '4850');
    expect(repeats.state(key, 0)).toBe('new');
    repeats.begin([key]);
    expect(repeats.state(key, 0)).toBe('open');
    repeats.end([key], true, 0);
    expect(repeats.state(key, 10 * MINUTE - 1)).toBe('taken');
    expect(repeats.state(key, 10 * MINUTE)).toBe('new');
  });

  test('are new again when they were not accepted', () => {
    const repeats = openRepeats();
    const key = repeats.key('ise', '<1@ise>', '4850');
    repeats.begin([key]);
    repeats.end([key], false, 0);
    expect(repeats.state(key, 0)).toBe('new');
  });

  test('differ by client, Message-ID and number', () => {
    const { key } = openRepeats();
    const keys = [key('a', 'bc', 'd'), key('ab', 'c', 'd'), key('a', 'b', 'cd'), key('a', 'bc', 'e')];
    expect(new Set(keys).size).toBe(4);
    expect(key('a', 'bc', 'd')).toBe(keys[0]);
  });

  test('of the most recent are kept when there are too many', () => {
    const repeats = openRepeats();
    for (let i = 0; i < 60_000; i++) repeats.end([String(i)], true, 0);
    expect(repeats.state('0', 1)).toBe('new');
    expect(repeats.state('59999', 1)).toBe('taken');
  });
});

test('a refusal is one line of ASCII', () => {
  const refused = new Refused(550, '5.7.1', `no ’rule’\r\n250 ok ${'x'.repeat(900)}`, 'rule');
  expect(refused.message).toMatch(/^5\.7\.1 no \?rule\?\?\?250 ok x+$/);
  expect(refused.message.length).toBeLessThanOrEqual(400);
});

const clientWith = (mail: string) =>
  configOf(`
callbacks: { mail: { host: mail.example.com, from: sms@example.com } }
clients: { otp: { password: x, mail: { ${mail} } } }
`).clients.otp!;

test.each([
  ['otp@example.com', true],
  ['OTP@Example.com', true],
  ['anyone@otp.example.org', true],
  ['otp@example.com.evil', false],
  ['x@otp@example.com', false],
  ['otp@sub.otp.example.org', false],
  ['', false],
])('mail.senders and %j: %s', (from, allowed) => {
  expect(allowsSender(clientWith("senders: [otp@example.com, '@otp.example.org']"), from)).toBe(allowed);
});

test('without mail.senders every sender is allowed', () => expect(allowsSender(clientWith(''), '')).toBe(true));

describe('news for the sender of a mail', () => {
  const from = 'a&b@example.com';
  const maskFor = (mail: string, notify: string[]) => statusFor({ from, notify }, clientWith(mail), undefined)?.dlrMask;

  test.each([
    ['asked', [], undefined],
    ['asked', ['NEVER'], undefined],
    ['asked', ['DELAY'], undefined],
    ['asked', ['SUCCESS'], 1],
    ['asked', ['SUCCESS', 'FAILURE'], 3],
    ['failures', [], 2],
    ['failures', ['SUCCESS'], 3],
    ['all', ['NEVER'], 3],
    ['never', ['SUCCESS', 'FAILURE'], undefined],
  ])('status %s, NOTIFY %j: mask %s', (status, notify, mask) =>
    expect(maskFor(`status: ${status}`, notify)).toBe(mask),
  );

  test('goes to its mailbox, with the names by which it knows the mail', () => {
    const status = statusFor({ from, notify: ['SUCCESS'], envid: 'QQ+2B1' }, clientWith(''), '<1@x>');
    expect(status).toEqual({
      dlrMask: 1,
      dlrUrl: 'mailto:a%26b%40example.com?in-reply-to=%3C1%40x%3E&envid=QQ%2B2B1',
    });
  });

  test('goes nowhere for a mail without a sender', () => {
    expect(statusFor({ from: '', notify: ['SUCCESS'] }, clientWith('status: all'), '<1@x>')).toBeUndefined();
  });
});
