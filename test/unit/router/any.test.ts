// Whatever the configuration: every message gets a provider or a reason, the same one each time, and the explanation ends
// like the judgement.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { ConfigError, parseConfig } from '#shared/config/load.ts';
import { ranksOf } from '#shared/config/routes.ts';
import type { Config } from '#shared/config/schema.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { RETRY_STEPS_MS } from '#shared/outcome.ts';
import type { Standing } from '../../../services/router/health.ts';
import { explain, judge } from '../../../services/router/judge.ts';
import { compilePolicy } from '../../../services/router/policy.ts';

const NOW = Date.UTC(2026, 10, 23, 8, 30);
const PROVIDERS = ['a', 'b', 'c', 'd'];
const CLIENTS = ['ise', 'visulox'];
const provider = fc.constantFrom(...PROVIDERS);
const client = fc.constantFrom(...CLIENTS);
const prefix = fc.constantFrom('4', '44', '4477', '49', '1');
const sender = fc.constantFrom('12345', 'Acme', '*');
const listOf = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: 1, maxLength: 3 });
const oneOrMore = <T>(one: fc.Arbitrary<T>) => fc.oneof(one, listOf(one));
const rarely = <T>(wrong: T, right: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 1, arbitrary: fc.constant(wrong) }, { weight: 30, arbitrary: right });
/** Any of the keys, none of them required. */
const some = <T extends Record<string, fc.Arbitrary<unknown>>>(model: T) => fc.record(model, { requiredKeys: [] });

const when = some({
  client: oneOrMore(client),
  lane: oneOrMore(fc.constantFrom('urgent', 'bulk')),
  door: oneOrMore(fc.constantFrom('http', 'smtp', 'smpp')),
  prefix: oneOrMore(prefix),
  country: oneOrMore(fc.constantFrom('GB', 'DE', 'US')),
  sender: oneOrMore(sender),
  user: oneOrMore(fc.constantFrom('anna', 'constructor')),
  realm: oneOrMore(fc.constantFrom('Staff', '__proto__')),
  tag: oneOrMore(fc.constantFrom('vpn', 'wlan')),
  address: oneOrMore(fc.constantFrom('10.0.0.0/8', '::1', '192.0.2.7')),
  text: rarely('(?=x)', fc.constantFrom('code', '(?i)^your', '\\d{6}$')),
  time: fc.record(
    {
      days: listOf(fc.constantFrom('mon', 'sat-sun', 'fri-tue')),
      from: fc.constantFrom('00:00', '08:00', '22:30'),
      to: fc.constantFrom('06:30', '18:00', '24:00'),
      zone: rarely('Mars/Olympus', fc.constantFrom('Europe/Berlin', 'UTC', 'Asia/Kolkata')),
    },
    { requiredKeys: ['zone'] },
  ),
});
const route = fc.record(
  {
    when,
    to: listOf(fc.oneof(provider, fc.dictionary(provider, rarely(0, fc.integer({ min: 1, max: 9 })), { minKeys: 1 }))),
    pin: rarely('1s', fc.constantFrom('1min', '1h')),
    maxCost: fc.constantFrom(0, 0.05, 0.21),
  },
  { requiredKeys: ['to'] },
);
const group = some({ clients: listOf(client), prefixes: listOf(prefix) });
const settings = some({
  allow: group,
  deny: group,
  prefer: group,
  senders: fc.dictionary(sender, fc.constantFrom('999', 'Hermod')),
  maxSegments: fc.integer({ min: 1, max: 4 }),
});
const cost = fc.constantFrom(0, 0.03, 0.07);
const rows = fc.array(
  fc.tuple(settings, cost).map(([row, cost]) => ({ ...row, cost })),
  { minLength: PROVIDERS.length, maxLength: PROVIDERS.length },
);
const config = fc
  .tuple(fc.array(route, { maxLength: 4 }), rows, fc.option(fc.nat(PROVIDERS.length - 1)))
  .map(([routes, rows, standby]) => ({
    clients: Object.fromEntries(CLIENTS.map((name) => [name, { password: 'x' }])),
    providers: Object.fromEntries(
      rows.map((row, i) => [
        PROVIDERS[i],
        { bearer: 'smpp', host: 'h', systemId: 's', ...row, ...(i === standby ? { default: true } : {}) },
      ]),
    ),
    routes,
  }));

const names = fc.uniqueArray(fc.constantFrom(...PROVIDERS, 'gone'));
const message = fc
  .record({
    fixed: fc.record({
      id: fc.uuid({ version: 7 }),
      expiry: fc.integer({ min: NOW - 10_000, max: NOW + 3_600_000 }),
      handover: fc.nat(20),
      attempts: fc.nat(20),
      client,
      door: fc.constantFrom('http', 'smtp', 'smpp'),
      lane: fc.constantFrom('urgent' as const, 'bulk' as const),
      to: fc.constantFrom('447700900123', '491701234567', '12345', '12025550123', '999123456789'),
      from: sender,
      text: fc.constantFrom('Your code is 123456', '', 'x'),
      segments: fc.integer({ min: 1, max: 5 }),
    }),
    changing: some({
      address: fc.constantFrom('10.1.1.1', '::ffff:192.0.2.7', '', 'not an address'),
      user: fc.constantFrom('anna', 'constructor'),
      realm: fc.constantFrom('STAFF', '__proto__'),
      tags: fc.array(fc.constantFrom('vpn', '')),
      smsc: fc.oneof(
        { weight: 4, arbitrary: fc.constant(undefined) },
        fc.constantFrom(...PROVIDERS, 'gone', 'constructor'),
      ),
      givenFrom: sender,
      provider: fc.constantFrom(...PROVIDERS, 'gone'),
      tried: names,
      refusedBy: names,
      last: fc.record({
        outcome: fc.constantFrom('retry' as const, 'unavailable' as const, 'refused' as const, 'unknown' as const),
        reason: fc.string(),
      }),
    }),
  })
  .map(({ fixed, changing }) => {
    const common = { v: 1, type: 'sms', at: NOW, traceparent: '', given: fixed.to };
    return { ...common, ...fixed, ...changing } as unknown as Sms;
  });
const standings = fc.array(
  fc.constantFrom<Standing>(
    { up: true, share: 1, words: 'up' },
    { up: true, share: 0.1, words: 'recovering' },
    { up: true, share: 0, words: 'probing' },
    { up: false, share: 0, words: 'down' },
  ),
  { minLength: PROVIDERS.length, maxLength: PROVIDERS.length },
);

type Knowledge = Parameters<typeof judge>[1];
const seen = { send: 0, wait: 0, end: 0 };

function check(sms: Sms, read: Config, knowledge: Knowledge): void {
  const verdict = judge(sms, knowledge, NOW);
  seen[verdict.kind]++;
  const { steps, verdict: explained } = explain(sms, knowledge, NOW);
  expect(explained).toEqual(verdict);
  for (const { words } of steps) expect(words).not.toBe('');
  if (verdict.kind === 'end') {
    expect(verdict.reason).not.toBe('');
    return;
  }
  expect(sms.expiry).toBeGreaterThan(NOW);
  if (verdict.kind === 'wait') {
    expect(NOW + RETRY_STEPS_MS[verdict.step]!).toBeLessThan(sms.expiry);
    return;
  }
  const { provider, from, handover } = verdict;
  const row = read.providers[provider]!;
  const onRoute = read.routes.some((one) => ranksOf(one).some((rank) => rank.some(([name]) => name === provider)));
  expect(onRoute || row.default === true).toBe(true);
  expect(sms.smsc ?? provider).toBe(provider);
  expect(verdict.refusedBy).not.toContain(provider);
  expect(sms.segments).toBeLessThanOrEqual(row.maxSegments ?? sms.segments);
  expect(handover - sms.handover).toBe(sms.provider !== undefined && sms.provider !== provider ? 1 : 0);
  const given = sms.givenFrom ?? sms.from;
  expect(from).toBe(row.senders?.[given] ?? row.senders?.['*'] ?? given);
  expect(steps.at(-1)).toMatchObject({ about: 'pick', name: provider, ok: knowledge.standing(provider).up });
}

test('every message gets a provider or a reason', () => {
  let refused = 0;
  fc.assert(
    fc.property(config, fc.array(message, { minLength: 20, maxLength: 20 }), standings, (written, list, stands) => {
      let read: Config;
      try {
        read = parseConfig(stringify(written), 'gateway.yaml', {});
      } catch (error) {
        // Weight 0, a bad pattern, an unknown zone, a pin of a second: refused in one line each.
        expect(error).toBeInstanceOf(ConfigError);
        refused++;
        return;
      }
      const standing = (name: string) => stands[PROVIDERS.indexOf(name)]!;
      const knowledge = { policy: compilePolicy(read), standing };
      const other = { policy: compilePolicy(read), standing };
      for (const sms of list) {
        check(sms, read, knowledge);
        expect(judge(structuredClone(sms), other, NOW)).toEqual(judge(sms, knowledge, NOW));
      }
    }),
    { numRuns: 250 },
  );
  for (const count of [refused, ...Object.values(seen)]) expect(count).toBeGreaterThan(10);
});
