// What `hermod route` says of a route's fallback: by whom and when, and when not.
import { expect, test } from 'vitest';
import { parseConfig } from '#shared/config/load.ts';
import { fallbackLines, fallbackOf } from '../../../deploy/cli/route/fallback.ts';
import { judge } from '../../../services/router/judge.ts';
import { compilePolicy } from '../../../services/router/policy.ts';
import { messageAt } from './message.ts';

const NOW = 1_795_303_200_000;
const SMSC = 'bearer: smpp, host: 127.0.0.1, port: 2775, systemId: a';
const MAIL = 'bearer: smtp, host: 127.0.0.1, from: otp@example.org, to: "{to}@example.net"';
const config = parseConfig(
  `
providers:
  main: { ${SMSC} }
  sends: { ${SMSC}, bindAs: transmitter }
  mail: { ${MAIL}, deny: { prefixes: ["49"] } }
routes:
  - { when: { prefix: "33" }, to: [sends], fallbackAfter: 30s, fallback: [mail] }
  - { when: { prefix: "34" }, to: [mail], fallbackAfter: 30s, fallback: [main] }
  - { when: { prefix: "1" }, to: [main] }
  - { to: [main], fallbackAfter: 30s, fallback: [mail] }
`,
  'gateway.yaml',
  {},
);
const knowledge = { policy: compilePolicy(config), standing: () => ({ up: true, share: 1, words: '' }) };

function said(to: string, validity: number): string {
  const message = { ...messageAt(NOW), to, expiry: NOW + validity };
  const verdict = judge(message, knowledge, NOW);
  const fallback = verdict.kind === 'send' && fallbackOf(message, verdict, config, knowledge, NOW);
  return fallback ? fallbackLines(fallback, message, NOW).join('; ') : 'nothing';
}

test.each([
  [
    '447700900123',
    120_000,
    /^by mail \(smtp\), after 30 s without a receipt, or at once when it fails before; not .*120 s$/,
  ],
  ['447700900123', 20_000, /^by mail \(smtp\), at once when it fails; never for want of a receipt: .*over after 20 s/],
  ['33612345678', 120_000, /^by mail \(smtp\), at once when it fails; never .*: sends gives no receipts/],
  ['34612345678', 120_000, /^by main \(smpp\), at once when it fails; never .*: mail gives no receipts/],
  ['4915112345678', 120_000, /after 30 s, but never is: no provider of the fallback may take it: mail: it denies/],
  ['12025550123', 120_000, /^nothing$/],
])('to %s, valid for %d ms', (to, validity, words) => {
  expect(said(to, validity)).toMatch(words);
});
