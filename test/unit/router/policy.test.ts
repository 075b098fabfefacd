// Policies as a table: a configuration as it is written, a message, and the provider it takes or the reason why none does.
// The behaviour of LinOTP's policies and of Kannel's smsc groups first, then our own rules.
import { describe, expect, test } from 'vitest';
import { parseConfig } from '#shared/config/load.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { explain, judge } from '../../../services/router/judge.ts';
import { compilePolicy } from '../../../services/router/policy.ts';
import { messageAt } from './message.ts';

/** Monday, 23 November 2026, 09:30 in Berlin. */
const NOW = Date.UTC(2026, 10, 23, 8, 30);
const base = messageAt(NOW, { text: 'Your code is 123456' });
type Case = [what: string, message: Partial<Sms>, goesTo: string];

const CLIENTS = 'clients: { ise: { password: x }, visulox: { password: x }, linotp: { password: x } }\n';
/** `a: { … }` per line, completed to a provider's row. */
const providers = (rows: Record<string, string>) =>
  `providers:\n${Object.entries(rows)
    .map(([name, row]) => `  ${name}: { bearer: smpp, host: h, systemId: s${row ? `, ${row}` : ''} }\n`)
    .join('')}`;
const policyOf = (text: string) => compilePolicy(parseConfig(CLIENTS + text, 'gateway.yaml', {}));
const UP = { up: true, share: 1, words: 'up' };

/** Judged, and explained to the same end. */
function outcome(policy: ReturnType<typeof policyOf>, message: Partial<Sms>, now = NOW): string {
  const whole = { ...base, ...message };
  const knowledge = { policy, standing: () => UP };
  const verdict = judge(whole, knowledge, now);
  expect(explain(whole, knowledge, now).verdict).toEqual(verdict);
  if (verdict.kind === 'send')
    return verdict.from === whole.from ? verdict.provider : `${verdict.provider} as ${verdict.from}`;
  return verdict.kind === 'end' ? `${verdict.state}: ${verdict.reason}` : `step ${verdict.step}`;
}

const table = (text: string, cases: Case[]) => {
  const policy = policyOf(text);
  test.each(cases)('%s', (_what, message, goesTo) => {
    expect(outcome(policy, message)).toBe(goesTo);
  });
};

describe('LinOTP: sms_provider=… by user, realm and client; else the provider marked as default', () => {
  table(
    `${providers({ vip: '', cheap: '', branch: '', both: '', 'imported-default': 'default: true' })}
routes:
  - { when: { user: [anna, bert], realm: staff }, to: [vip] }
  - { when: { realm: Students }, to: [cheap] }
  - { when: { user: carla, address: 10.9.0.0/16 }, to: [both] }
  - { when: { address: [192.168.0.0/16, 203.0.113.9, '2001:db8::/32'] }, to: [branch] }
`,
    [
      ['user and realm of a policy', { user: 'anna', realm: 'staff' }, 'vip'],
      ['another of its users', { user: 'bert', realm: 'staff' }, 'vip'],
      ['its user in another realm', { user: 'anna', realm: 'students' }, 'cheap'],
      ['a realm in capital letters', { user: 'anna', realm: 'Staff' }, 'vip'],
      ['a user in capital letters is another', { user: 'Anna', realm: 'staff' }, 'imported-default'],
      ['its realm, another user', { user: 'zoe', realm: 'staff' }, 'imported-default'],
      ['its realm, no user named', { realm: 'staff' }, 'imported-default'],
      ['its user, no realm named', { user: 'anna' }, 'imported-default'],
      ['realm alone', { user: 'anyone', realm: 'students' }, 'cheap'],
      ['neither user nor realm', {}, 'imported-default'],
      ['an empty user is none', { user: '', realm: 'staff' }, 'imported-default'],
      ['client in a subnet', { address: '192.168.7.1' }, 'branch'],
      ['client in a subnet, as IPv6 writes it', { address: '::ffff:192.168.7.1' }, 'branch'],
      ['client by address', { address: '203.0.113.9' }, 'branch'],
      ['client beside that address', { address: '203.0.113.10' }, 'imported-default'],
      ['client in an IPv6 network', { address: '2001:db8::1' }, 'branch'],
      ['client whose address is not known', { address: undefined }, 'imported-default'],
      ['user and client', { user: 'carla', address: '10.9.1.1' }, 'both'],
      ['user of that policy from elsewhere', { user: 'carla', address: '10.8.1.1' }, 'imported-default'],
      ['the first policy that applies', { user: 'carla', realm: 'students', address: '10.9.1.1' }, 'cheap'],
    ],
  );

  test('without policies the default takes everything, and without a default nothing has a way', () => {
    expect(outcome(policyOf(providers({ a: '', b: 'default: true' })), {})).toBe('b');
    expect(outcome(policyOf(providers({ a: '', b: '' })), {})).toBe('rejected: no route leads to a provider');
    expect(outcome(policyOf(providers({ a: 'default: false' })), {})).toBe('rejected: no route leads to a provider');
  });
});

describe('Kannel: allowed, denied and preferred, of clients (its smsc-id) and of prefixes', () => {
  const row = (name: string, settings: string, others = '') =>
    `${providers({ [name]: settings, rest: others })}routes: [{ to: [${name}, rest] }]\n`;
  const none = (provider: string, reason: string) =>
    `rejected: no provider of route 1 may take it: ${provider}: ${reason}`;

  describe('allow.clients', () =>
    table(row('a', 'allow: { clients: [ise, linotp] }'), [
      ['one of them', { client: 'ise' }, 'a'],
      ['another', { client: 'linotp' }, 'a'],
      ['none of them', { client: 'visulox' }, 'rest'],
    ]));
  describe('deny.clients', () =>
    table(row('a', 'deny: { clients: [ise] }'), [
      ['the one', { client: 'ise' }, 'rest'],
      ['another', { client: 'visulox' }, 'a'],
    ]));
  describe('allow.clients makes deny.clients void', () =>
    table(row('a', 'allow: { clients: [ise] }, deny: { clients: [ise, visulox] }'), [
      ['allowed and denied', { client: 'ise' }, 'a'],
      ['denied', { client: 'visulox' }, 'rest'],
      ['neither', { client: 'linotp' }, 'rest'],
    ]));
  describe('allow.prefixes', () =>
    table(row('a', "allow: { prefixes: ['4477', '49'] }"), [
      ['begins so', { to: '447700900123' }, 'a'],
      ['begins like the other', { to: '491701234567' }, 'a'],
      ['is the prefix', { to: '4477' }, 'a'],
      ['shorter than the prefix', { to: '447' }, 'rest'],
      ['has it, but not in front', { to: '33447712345' }, 'rest'],
    ]));
  describe('deny.prefixes', () =>
    table(row('a', "deny: { prefixes: ['44'] }"), [
      ['begins so', { to: '447700900123' }, 'rest'],
      ['does not', { to: '491701234567' }, 'a'],
    ]));
  describe('allow.prefixes names exceptions from deny.prefixes', () =>
    table(row('a', "allow: { prefixes: ['4477'] }, deny: { prefixes: ['44'] }"), [
      ['denied, but allowed', { to: '447700900123' }, 'a'],
      ['denied', { to: '441234567890' }, 'rest'],
      ['neither', { to: '491701234567' }, 'a'],
    ]));
  describe('prefer', () =>
    table(
      `${providers({ a: '', b: "prefer: { prefixes: ['49'] }", c: 'prefer: { clients: [visulox] }' })}routes: [{ to: [a, b, c] }]`,
      [
        ['nobody prefers it: the order of the route', {}, 'a'],
        ['preferred prefix', { to: '491701234567' }, 'b'],
        ['preferred client', { client: 'visulox' }, 'c'],
        ['two prefer it: the order of the route', { client: 'visulox', to: '491701234567' }, 'b'],
        ['refused there: the rest in its order', { to: '491701234567', refusedBy: ['b'] }, 'a'],
      ],
    ));
  describe('smsc= asks for a provider of the route', () =>
    table(row('a', '', "deny: { prefixes: ['44'] }"), [
      ['the first', { smsc: 'a' }, 'a'],
      ['the second', { smsc: 'rest', to: '491701234567' }, 'rest'],
      ['one that may not take it', { smsc: 'rest' }, none('rest', 'it denies numbers that begin with 44')],
      [
        'one that is not on it',
        { smsc: 'b' },
        'rejected: the client asked for provider b, to which route 1 does not lead',
      ],
    ]));
  test('smsc= is no way around the routes: a default that was not asked for does not take it', () => {
    const policy = policyOf(
      `${providers({ a: '', b: 'default: true' })}routes: [{ when: { client: visulox }, to: [a] }]`,
    );
    expect(outcome(policy, { smsc: 'b' })).toBe('b');
    expect(outcome(policy, { smsc: 'a' })).toMatch(
      'the client asked for provider a, to which the default does not lead',
    );
  });
  describe('denied at the only one (Kannel: "Not routable")', () =>
    table(`${providers({ a: "deny: { prefixes: ['44'] }" })}routes: [{ to: [a] }]`, [
      ['rejected with the reason', {}, none('a', 'it denies numbers that begin with 44')],
    ]));
});

describe('conditions', () => {
  table(
    `${providers({ a: '', b: '', c: '', d: '', e: '', f: '', g: '', h: '', rest: '' })}
routes:
  - { when: { client: [visulox, linotp], lane: bulk }, to: [a] }
  - { when: { door: smtp }, to: [b] }
  - { when: { prefix: ['4930', '4940'] }, to: [c] }
  - { when: { country: [DE, CH] }, to: [d] }
  - { when: { sender: [VISULOX RA 2FA PIN, Acme] }, to: [e] }
  - { when: { tag: [vpn, wlan] }, to: [f] }
  - { when: { text: '(?i)^guest (name|login)' }, to: [g] }
  - { when: { text: 'TAN \\d{6}$', client: ise }, to: [h] }
  - { to: [rest] }
`,
    [
      ['all conditions of a route hold', { client: 'visulox', lane: 'bulk' }, 'a'],
      ['one of them does not', { client: 'visulox' }, 'rest'],
      ['door', { door: 'smtp' }, 'b'],
      ['first match wins', { door: 'smtp', client: 'linotp', lane: 'bulk' }, 'a'],
      ['a prefix of a list', { to: '494012345678' }, 'c'],
      ['country', { to: '491701234567' }, 'd'],
      ['another country of the list', { to: '41791234567' }, 'd'],
      ['another country', { to: '33612345678' }, 'rest'],
      ['a short code has no country', { to: '49123' }, 'rest'],
      ['sender', { from: 'Acme' }, 'e'],
      ['a sender in other letters is another', { from: 'ACME' }, 'rest'],
      [
        'the sender that the client gave, not the one written for a provider',
        { from: '999', givenFrom: 'Acme' },
        'e as Acme',
      ],
      ['a tag', { tags: ['wlan'] }, 'f'],
      ['one tag of several', { tags: ['x', 'vpn'] }, 'f'],
      ['another tag', { tags: ['x'] }, 'rest'],
      ['text in any case, at the head of a line', { text: 'Welcome\nGUEST LOGIN: x' }, 'g'],
      ['text with the words elsewhere', { text: 'Your guest login' }, 'rest'],
      ['text in the case as it is written', { text: 'Your TAN 123456' }, 'h'],
      ['text in another case', { text: 'Your tan 123456' }, 'rest'],
    ],
  );

  test.each([
    ['447700900123', 'GB', 'a number that no plan knows counts as the first country of its code'],
    ['447624123456', 'IM', 'the plan tells the Isle of Man from Great Britain'],
    ['14165550123', 'CA', 'and Canada from the USA'],
    ['77011234567', 'KZ', 'and Kazakhstan from Russia'],
  ])('%s is in %s: %s', (to, country) => {
    const policy = policyOf(
      `${providers({ a: '', b: '' })}routes: [{ when: { country: ${country} }, to: [a] }, { to: [b] }]`,
    );
    expect(outcome(policy, { to })).toBe('a');
  });
});

describe('times', () => {
  const at = (window: string) => {
    const policy = policyOf(
      `${providers({ a: '', b: '' })}routes: [{ when: { time: ${window} }, to: [a] }, { to: [b] }]`,
    );
    return (iso: string) => outcome(policy, { expiry: Number.MAX_SAFE_INTEGER }, Date.parse(iso));
  };
  test.each([
    ['days: [mon-fri], from: "08:00", to: "18:00"', '2026-11-23T07:00:00Z', 'a', 'Monday, the first minute'],
    ['days: [mon-fri], from: "08:00", to: "18:00"', '2026-11-23T06:59:59Z', 'b', 'the minute before'],
    ['days: [mon-fri], from: "08:00", to: "18:00"', '2026-11-27T16:59:59Z', 'a', 'Friday, the last minute'],
    ['days: [mon-fri], from: "08:00", to: "18:00"', '2026-11-27T17:00:00Z', 'b', 'the minute after'],
    ['days: [mon-fri], from: "08:00", to: "18:00"', '2026-11-28T09:00:00Z', 'b', 'Saturday'],
    ['from: "08:00", to: "18:00"', '2026-07-01T06:30:00Z', 'a', 'summer time is two hours ahead'],
    ['from: "08:00", to: "18:00"', '2026-12-01T06:30:00Z', 'b', 'winter time one'],
    ['days: [fri], from: "22:00", to: "06:00"', '2026-11-27T21:00:00Z', 'a', 'Friday night'],
    ['days: [fri], from: "22:00", to: "06:00"', '2026-11-28T04:59:00Z', 'a', 'that night on Saturday'],
    ['days: [fri], from: "22:00", to: "06:00"', '2026-11-28T05:00:00Z', 'b', 'that morning'],
    ['days: [fri], from: "22:00", to: "06:00"', '2026-11-27T03:00:00Z', 'b', "Thursday's night on Friday"],
    ['days: [sat-sun, wed]', '2026-11-22T22:59:00Z', 'a', 'Sunday to its last minute'],
    ['days: [sat-sun, wed]', '2026-11-22T23:00:00Z', 'b', 'Monday begins'],
    ['days: [sun-mon]', '2026-11-23T12:00:00Z', 'a', 'days in a row over the end of the week'],
    ['days: [sun-mon]', '2026-11-24T12:00:00Z', 'b', 'and the day after them'],
    ['from: "18:00"', '2026-11-23T22:59:00Z', 'a', 'until midnight'],
    ['to: "08:00"', '2026-11-22T23:00:00Z', 'a', 'from midnight'],
    ['from: "02:15", to: "02:45"', '2026-03-29T01:15:00Z', 'b', 'in spring 02:30 does not come: it is 03:15'],
    ['from: "02:15", to: "02:45"', '2026-10-25T00:30:00Z', 'a', 'in autumn 02:30 comes'],
    ['from: "02:15", to: "02:45"', '2026-10-25T01:30:00Z', 'a', 'twice'],
  ])('%s at %s: %s (%s)', (window, iso, wanted) => {
    expect(at(`{ ${window}, zone: Europe/Berlin }`)(iso)).toBe(wanted);
  });

  test('a zone that is half an hour off, and one judgement after another in any order', () => {
    const open = at('{ from: "12:00", to: "12:01", zone: Asia/Kolkata }');
    expect(['06:29', '06:30', '06:31', '06:30'].map((time) => open(`2026-11-23T${time}:30Z`))).toEqual([
      'b',
      'a',
      'b',
      'a',
    ]);
  });
});

describe('what a provider takes', () => {
  describe('cost and segments', () =>
    table(
      `${providers({ a: 'cost: 0.07, maxSegments: 3', b: 'cost: 0.03, maxSegments: 8', free: 'cost: 0' })}
routes:
  - { when: { client: ise }, to: [a, b], maxCost: 0.21 }
  - { when: { client: visulox }, to: [a, free], maxCost: 0 }
  - { to: [a] }
`,
      [
        ['under the ceiling', { segments: 2 }, 'a'],
        ['three times 0.07 is 0.21', { segments: 3 }, 'a'],
        ['too many parts for the first', { segments: 4 }, 'b'],
        ['the cheaper one, at its ceiling', { segments: 7 }, 'b'],
        [
          'too dear for all',
          { segments: 8 },
          'rejected: no provider of route 1 may take it: a: segments: 8, it takes at most 3; b: segments: 8, the cost ceiling allows 7',
        ],
        ['only what costs nothing', { client: 'visulox' }, 'free'],
        ['no ceiling on the route', { client: 'linotp', segments: 3 }, 'a'],
      ],
    ));

  describe('senders', () =>
    table(
      `${providers({ a: "senders: { '*': '12321', VISULOX RA 2FA PIN: VISULOX }", b: 'senders: { Acme: ACME-2 }', c: '' })}
routes: [{ when: { client: visulox }, to: [a] }, { to: [b, c, a] }]`,
      [
        ['by the sender that was given', { client: 'visulox', from: 'VISULOX RA 2FA PIN' }, 'a as VISULOX'],
        ['all others', { client: 'visulox', from: 'Acme' }, 'a as 12321'],
        ['not listed, and no word on others', { from: '12345' }, 'b'],
        ['listed', { from: 'Acme' }, 'b as ACME-2'],
        [
          'after a failover: from the one that was given',
          { from: 'ACME-2', givenFrom: 'Acme', refusedBy: ['b'] },
          'c as Acme',
        ],
        ['and written anew for the next', { from: 'ACME-2', givenFrom: 'Acme', refusedBy: ['b', 'c'] }, 'a as 12321'],
      ],
    ));
});
