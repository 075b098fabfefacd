import { describe, expect, test } from 'vitest';
import { faultOf } from '../../../services/ingress-smtp/octets.ts';
import { Refused } from '../../../services/ingress-smtp/refused.ts';
import { openRepeats } from '../../../services/ingress-smtp/repeats.ts';

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
