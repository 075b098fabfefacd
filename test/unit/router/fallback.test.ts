// Fallback at the router: which hand-over asks for one, where a message for which no receipt came may go, and what the
// configuration may say.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig, parseConfig } from '#shared/config/load.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { judge, type Knowledge } from '../../../services/router/judge.ts';
import { compilePolicy } from '../../../services/router/policy.ts';
import { smsAt } from '../../rig/story.ts';

const NOW = 1_795_296_456_000;
const smpp = (name: string, more = '') =>
  `  ${name}: { bearer: smpp, host: h, port: 1, systemId: s${more ? `, ${more}` : ''} }`;
const config = (route: string) => `
clients: { test: { password: x } }
providers:
${smpp('a')}
${smpp('b')}
${smpp('push', 'deny: { prefixes: ["49"] }')}
routes:
  - ${route}
`;
const ROUTE = '{ to: [a, b], fallbackAfter: 30s, fallback: [push] }';
const parsed = (route: string) => parseConfig(config(route), 'gateway.yaml', {});
const knowledge: Knowledge = {
  policy: compilePolicy(parsed(ROUTE)),
  standing: () => ({ up: true, share: 1, words: 'up' }),
};
const judged = (change: Partial<Sms>) => judge(smsAt(NOW, change), knowledge, NOW);

test('the first hand-over of a message asks for it, and no other', () => {
  const asked = { fallback: { after: 30_000, to: ['push'] } };
  expect(judged({})).toMatchObject({ kind: 'send', provider: 'a', handover: 0, ...asked });
  expect(judged({ provider: 'a', tried: ['a'] })).toMatchObject({ kind: 'send', provider: 'b' });
  for (const change of [{ provider: 'a' }, { handover: 1, attempts: 1 }, { fallback: ['push'], handover: 10_000 }])
    expect(judged(change)).not.toHaveProperty('fallback');
});

test('what had no receipt goes to the providers of its fallback, by what they allow, and nowhere else', () => {
  const late = { handover: 10_000, fallback: ['gone', 'push'] };
  expect(judged(late)).toMatchObject({
    kind: 'send',
    provider: 'push',
    handover: 10_000,
    why: expect.stringMatching(/^no receipt came in time: /),
  });
  expect(judged({ ...late, smsc: 'a' })).toMatchObject({ kind: 'send', provider: 'push' });
  expect(judged({ ...late, to: '491701234567' })).toMatchObject({
    kind: 'end',
    state: 'rejected',
    reason: expect.stringMatching(/^no provider of the fallback may take it: push: it denies/),
  });
  expect(judged({ ...late, expiry: NOW })).toMatchObject({ kind: 'end', state: 'expired' });
  expect(judged({ ...late, fallback: ['gone'] })).toMatchObject({ kind: 'end', state: 'rejected' });
  const refused = { ...late, provider: 'push', last: { outcome: 'refused' as const, reason: 'no' } };
  expect(judged(refused)).toMatchObject({ kind: 'end', state: 'rejected' });
});

test.each([
  ['{ to: [a], fallbackAfter: 30s }', /routes\.0: fallbackAfter and fallback belong together/],
  ['{ to: [a], fallback: [push] }', /belong together/],
  ['{ to: [a], fallbackAfter: 9s, fallback: [push] }', /routes\.0\.fallbackAfter: at least 10s/],
  ['{ to: [a], fallbackAfter: 10s, fallback: [nobody] }', /routes\.0\.fallback\.0: there is no provider nobody/],
  ['{ to: [{ a: 1, b: 1 }], fallbackAfter: 10s, fallback: [b] }', /the route leads to b already/],
])('%s is refused', (route, fault) => expect(() => parsed(route)).toThrow(fault));

test('the example for one-time passwords', () => {
  const file = join(import.meta.dirname, '../../../deploy/config/otp.yaml');
  const env = { OTP_PASSWORD: 'x', MAIN_USER: 'x', MAIN_PASSWORD: 'x' };
  expect(loadConfig(file, env).config.routes).toMatchObject([{ fallbackAfter: 30_000, fallback: ['mail'] }]);
});
