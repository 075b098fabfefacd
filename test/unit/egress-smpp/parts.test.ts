// The parts of egress-smpp that are pure: what is asked of the SMSC, what its answers mean, pace, and repeats.
import { describe, expect, test } from 'vitest';
import { parseConfig } from '#shared/config/load.ts';
import type { ProviderOf } from '#shared/config/schema.ts';
import { Handed } from '#shared/egress/handed.ts';
import { Pace } from '#shared/egress/pace.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { STATUS } from '#shared/smpp/library.ts';
import { absoluteTime, registeredDelivery, submitPdus } from '../../../services/egress-smpp/pdus.ts';
import { verdict } from '../../../services/egress-smpp/verdict.ts';

describe('registered_delivery for a dlr-mask, as Kannel 1.4.5 sends it', () => {
  test.each([
    [0, 0],
    [1, 1],
    [2, 2],
    [3, 1],
    [4, 16],
    [8, 0],
    [16, 0],
    [19, 1],
    [24, 0],
    [31, 17],
    [32, 2],
    [64, 2],
  ])('mask %i gives %i', (mask, wanted) => {
    expect(registeredDelivery(mask, false)).toBe(wanted);
  });
});

test('absolute times are in UTC', () => {
  expect(absoluteTime(Date.UTC(2026, 10, 21, 21, 27, 36))).toBe('261121212736000+');
});

describe('addresses of the recipient', () => {
  const { main } = parseConfig('providers: { main: { bearer: smpp, host: x, systemId: x } }', 'c', {}).providers as {
    main: ProviderOf<'smpp'>;
  };
  const message = {
    id: '01a20074-2214-7e29-a54a-7f8969b6ff5c',
    text: 'x',
    from: 'Acme',
    to: '447700900123',
    expiry: 1,
    lane: 'urgent',
  } as Sms;
  const address = (given: string, to = message.to) => {
    const { pdu } = submitPdus({ ...message, given, to }, main)[0]!;
    return [pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr];
  };
  test.each([
    ['447700900123', 2, '447700900123'],
    ['+447700900123', 1, '447700900123'],
    ['+44 7700-900123', 1, '447700900123'],
    ['00447700900123', 1, '447700900123'],
    ['07700 900123', 1, '447700900123'],
  ])('%s', (given, ton, digits) => {
    expect(address(given)).toEqual([ton, 1, digits]);
  });

  test('a short code stays as it is; a sender with letters is alphanumeric', () => {
    expect(address('12345', '12345')).toEqual([2, 1, '12345']);
    expect(submitPdus({ ...message, given: '1' }, main)[0]!.pdu).toMatchObject({
      source_addr_ton: 5,
      source_addr_npi: 0,
      source_addr: 'Acme',
    });
  });
});

describe('what a command_status means', () => {
  test.each([
    ['RTHROTTLED', 'throttled', undefined],
    ['RMSGQFUL', 'throttled', undefined],
    ['RSYSERR', 'retry', undefined],
    ['RINVDSTADR', 'refused', 'message'],
    ['RINVMSGLEN', 'refused', 'message'],
    ['RSUBMITFAIL', 'refused', 'provider'],
    ['RINVSRCADR', 'refused', 'provider'],
  ])('%s: %s', (name, kind, scope) => {
    expect(verdict(STATUS[name]!)).toMatchObject({ kind, ...(scope ? { scope, code: STATUS[name] } : {}) });
  });

  test('a status of a vendor is permanent at this provider, and named in hex', () => {
    expect(verdict(0x4_05)).toEqual({ kind: 'refused', scope: 'provider', reason: '0x00000405', code: 0x405 });
  });
});

describe('pace', () => {
  const sentIn = (pace: Pace, from: number, ms: number, share = 1) => {
    let sent = 0;
    for (let now = from; now < from + ms; now++) while (sent < 1_000_000 && pace.take(1, now, share)) sent++;
    return sent;
  };

  test('keeps the rate, without a burst after silence', () => {
    const pace = new Pace(100, 0);
    expect(sentIn(pace, 60_000, 1_000)).toBeGreaterThanOrEqual(100);
    expect(sentIn(pace, 61_000, 1_000)).toBeLessThanOrEqual(101);
  });

  test('long messages count as their parts', () => {
    const pace = new Pace(100, 0);
    let taken = 0;
    for (let now = 0; now < 1_000; now++) while (pace.take(5, now)) taken++;
    expect(taken).toBeLessThanOrEqual(21);
  });

  /** The provider takes `most` a second and throttles the rest; what it took in `ms`. */
  const takenBy = (pace: Pace, most: number, from: number, ms: number) => {
    let [taken, inThisSecond] = [0, 0];
    for (let now = from; now < from + ms; now++) {
      if (now % 1_000 === 0) inThisSecond = 0;
      for (let burst = 0; burst < 100 && pace.take(1, now); burst++) {
        if (++inThisSecond <= most) taken++;
        else pace.throttled(now);
      }
    }
    return taken;
  };

  test('is lowered to what the provider takes, and climbs back', () => {
    const pace = new Pace(1_000, 0);
    expect(takenBy(pace, 200, 0, 1_000)).toBe(200);
    const slow = sentIn(pace, 1_000, 200);
    expect(slow).toBeGreaterThan(30);
    expect(slow).toBeLessThan(80);
    expect(sentIn(pace, 5_000, 1_000)).toBeGreaterThan(950);
  });

  test('a provider with a limit of its own gets no less than that, and not much more', () => {
    const pace = new Pace(undefined, 0);
    takenBy(pace, 300, 0, 2_000);
    expect(takenBy(pace, 300, 2_000, 10_000)).toBe(3_000);
    expect(sentIn(pace, 12_000, 1_000)).toBeLessThan(1_000);
  });

  test('a provider that throttles every tenth whatever the rate is keeps its rate', () => {
    const pace = new Pace(undefined, 0);
    let [turn, sent] = [0, 0];
    for (let now = 0; now < 10_000; now++) {
      if (!pace.take(1, now)) continue;
      sent++;
      if (++turn % 10 === 0) pace.throttled(now);
    }
    expect(sent).toBe(10_000);
  });

  test('without a limit nothing waits, until a throttle', () => {
    const pace = new Pace(undefined, 0);
    expect(pace.take(1, 0)).toBe(true);
    expect(pace.take(255, 1)).toBe(true);
    expect(pace.take(255, 1)).toBe(true);
  });
});

test('hand-overs are remembered for five minutes at least and forgotten in bulk', () => {
  const handed = new Handed(0);
  handed.add('a:0', 0);
  handed.add('b:0', 299_000);
  handed.add('c:0', 301_000);
  expect([handed.has('a:0'), handed.has('b:0'), handed.has('c:0')]).toEqual([true, true, true]);
  handed.add('d:0', 700_000);
  expect([handed.has('a:0'), handed.has('c:0'), handed.has('d:0')]).toEqual([false, true, true]);
  handed.delete('c:0');
  expect(handed.has('c:0')).toBe(false);
  for (let i = 0; i < 300_000; i++) handed.add(`x${i}`, 700_001);
  expect(handed.has('x0')).toBe(false);
  expect(handed.has('x299999')).toBe(true);
});
