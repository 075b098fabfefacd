import { describe, expect, test } from 'vitest';
import { configOf, guideYaml } from './guide.ts';

const faultOf = (yaml: string): string => {
  try {
    configOf(yaml);
    return 'no fault';
  } catch (error) {
    return (error as Error).message;
  }
};
const changed = (from: string, to: string) => faultOf(guideYaml().replace(from, to));

describe('mail rules are checked with the configuration, with the line of the fault', () => {
  test('the shipped rule has none', () => expect(faultOf(guideYaml())).toBe('no fault'));

  test.each([
    ['(?P<username>.*)$', '(?P<username>.*$', /^gateway\.yaml:15: mail\.rules\.0\.pick\.1: .*RE2's syntax: missing/],
    ['Guest.*Text', 'Guest(?=Text)', /^gateway\.yaml:12: mail\.rules\.0\.when\.subject: .*RE2's syntax: /],
    ['{password}', '{passwort}', /^gateway\.yaml:18: mail\.rules\.0\.text: no pattern .*\(\?P<passwort>/],
    ['<username>', '<password>', /:16: mail\.rules\.0\.pick\.2: the group password is named twice/],
    ['client: ise', 'client: isa', /:9: mail\.rules\.0\.client: there is no client isa/],
    ['sender: "12345"', 'lane: bulk', /:8: mail\.rules\.0: the rule needs a sender, or its client ise one/],
    ['pick:', 'picks:', /:13: mail\.rules\.0\.picks: no such setting: do you mean pick\?/],
    ['127.0.0.0/8', '127.0.0.0/33', /:10: mail\.rules\.0\.networks\.0: must be an address or a network/],
  ])('%s → %s', (from, to, fault) => expect(changed(from, to)).toMatch(fault));

  test('two rules of one name', () => {
    const again = guideYaml().split('rules:\n')[1]!;
    expect(faultOf(guideYaml(again))).toMatch(/:19: mail\.rules\.1\.name: there are two rules ise-guest/);
  });

  test.each([
    ['auth: tls', /^gateway\.yaml:\d+: listen\.smtp\.auth: needs listen\.smtp\.tls/],
    ['requireTls: true', /listen\.smtp\.requireTls: needs listen\.smtp\.tls/],
    ['maxSize: 256', /listen\.smtp\.maxSize/],
    ['maxSize: 256k', /listen\.smtp\.maxSize: must be a size with its unit/],
  ])('a door with %s', (line, fault) => {
    expect(faultOf(`${guideYaml()}\nlisten:\n  smtp:\n    ${line}\n`)).toMatch(fault);
  });

  test('a rule that nobody could use', () => {
    const yaml = `${guideYaml()}\nlisten:\n  smtp:\n    port: 2525\n`.replace('      networks: [127.0.0.0/8]\n', '');
    expect(faultOf(yaml)).toMatch(/mail\.rules\.0: nobody could use this rule/);
    expect(faultOf(`${yaml}    auth: clear\n`)).toBe('no fault');
  });

  test.each([
    ['mail: { status: all }', /clients\.ise\.mail\.status: needs callbacks\.mail/],
    [
      'mail: { networks: [10.0.0.1], senders: [bob] }',
      /clients\.ise\.mail\.senders\.0: must be an address or a domain/,
    ],
  ])('a client with %s', (row, fault) => expect(changed('sender: "12345"', `sender: "1"\n    ${row}`)).toMatch(fault));

  test('a client whose mails need no login, and that has no sender', () => {
    const yaml = 'clients: { otp: { password: x, mail: { networks: [10.0.0.1] } } }';
    expect(faultOf(yaml)).toMatch(/clients\.otp\.mail: the client otp needs a sender/);
  });

  test('a listener for TLS without a certificate', () => {
    expect(faultOf('listen: { smtps: { port: 2465 } }')).toMatch(/listen\.smtps\.tls: missing/);
  });
});
