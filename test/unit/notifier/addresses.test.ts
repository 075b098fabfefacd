// Where callbacks may go, and how a URL is read.
import type { LookupAddress } from 'node:dns';
import { describe, expect, test } from 'vitest';
import { openAddressRule, Refused } from '../../../services/notifier/addresses.ts';
import { targetOf } from '../../../services/notifier/target.ts';

const REFUSED: Record<string, string> = {
  '127.0.0.1': 'loopback',
  '127.255.255.254': 'loopback',
  '::1': 'loopback',
  '0.0.0.0': 'unspecified',
  '0.1.2.3': 'unspecified',
  '::': 'unspecified',
  '169.254.169.254': 'metadata',
  'fd00:ec2::254': 'metadata',
  '169.254.1.1': 'link-local',
  'fe80::1': 'link-local',
  'febf::1': 'link-local',
  '10.0.0.1': 'private',
  '172.16.0.1': 'private',
  '172.31.255.255': 'private',
  '192.168.0.1': 'private',
  'fc00::1': 'private',
  'fdff::1': 'private',
  'fec0::1': 'private',
  '100.64.0.1': 'carrier-grade',
  '100.127.255.255': 'carrier-grade',
  '224.0.0.1': 'multicast',
  '255.255.255.255': 'multicast',
  'ff02::1': 'multicast',
  '::ffff:8.8.8.8': 'IPv6 form',
  '::ffff:127.0.0.1': 'IPv6 form',
  '::FFFF:7f00:1': 'IPv6 form',
  '::127.0.0.1': 'reserved',
  '64:ff9b::7f00:1': 'reserved',
  '2002:7f00:1::': 'reserved',
  '2001:0:53aa::1': 'reserved',
  '2001:db8::1': 'reserved',
  '198.18.0.1': 'reserved',
  '192.0.2.1': 'reserved',
  '240.0.0.1': 'reserved',
};
const PUBLIC = ['8.8.8.8', '1.1.1.1', '172.15.0.1', '172.32.0.1', '100.63.0.1', '100.128.0.1', '193.99.144.80'];
const PUBLIC_6 = ['2606:4700:4700::1111', '2a02:2e0:3fe:1001::1', '2400:cb00::1'];

const refusalOf = (act: () => void): string | undefined => {
  try {
    act();
  } catch (error) {
    return error instanceof Refused ? error.message : String(error);
  }
  return undefined;
};

describe('addresses', () => {
  const rule = openAddressRule([]);
  test.each(Object.entries(REFUSED))('%s is refused: %s', (address, word) => {
    const said = refusalOf(() => rule.check(address));
    expect(said).toContain(address);
    expect(said).toContain(word);
    expect(said).toContain('callbacks.allow');
  });
  test.each([...PUBLIC, ...PUBLIC_6])('%s is public', (address) => {
    expect(refusalOf(() => rule.check(address))).toBeUndefined();
  });
  test('what the configuration names is allowed, and nothing beside it', () => {
    const wider = openAddressRule(['10.1.0.0/16', '127.0.0.1', 'fd12::/16', 'portal.example']);
    for (const address of ['10.1.2.3', '127.0.0.1', 'fd12::7', '::ffff:10.1.2.3'])
      expect(refusalOf(() => wider.check(address))).toBeUndefined();
    for (const address of ['10.2.0.1', '127.0.0.2', 'fd13::7', '::1', '::ffff:10.2.0.1'])
      expect(refusalOf(() => wider.check(address))).toBeDefined();
  });
});

describe('names', () => {
  const ZONE: Record<string, LookupAddress[]> = {
    'public.example': [{ address: '93.184.215.14', family: 4 }],
    'mixed.example': [
      { address: '127.0.0.1', family: 4 },
      { address: '93.184.215.14', family: 4 },
    ],
    'inside.example': [{ address: '10.0.0.5', family: 4 }],
    'six.example': [{ address: '::1', family: 6 }],
  };
  let asked = 0;
  const ruleWith = (allow: string[]) =>
    openAddressRule(allow, (host, done) => {
      asked++;
      setImmediate(() => (ZONE[host] ? done(null, ZONE[host]) : done(new Error(`ENOTFOUND ${host}`), [])));
    });
  const resolve = (allow: string[], host: string) =>
    new Promise<{ error: Error | null; addresses: unknown }>((done) =>
      ruleWith(allow).lookup(host, { all: true }, (error, addresses) => done({ error, addresses })),
    );

  test('a name is judged by its addresses: only those that calls may go to are given', async () => {
    expect((await resolve([], 'public.example')).addresses).toEqual(ZONE['public.example']);
    expect((await resolve([], 'mixed.example')).addresses).toEqual([{ address: '93.184.215.14', family: 4 }]);
    expect((await resolve(['127.0.0.1'], 'mixed.example')).addresses).toEqual(ZONE['mixed.example']);
  });
  test('a name with only forbidden ones is refused, with name and address', async () => {
    const { error } = await resolve([], 'inside.example');
    expect(error).toBeInstanceOf(Refused);
    expect(error?.message).toMatch(/inside\.example \(10\.0\.0\.5\) is a private address/);
    expect((await resolve([], 'six.example')).error).toBeInstanceOf(Refused);
  });
  test('a name that the configuration allows may resolve to anything', async () => {
    expect((await resolve(['inside.example'], 'inside.example')).addresses).toEqual(ZONE['inside.example']);
    expect((await resolve(['inside.example'], 'six.example')).error).toBeInstanceOf(Refused);
  });
  test('an unknown name is an error, not a refusal', async () => {
    const { error } = await resolve([], 'nowhere.example');
    expect(error?.message).toMatch(/ENOTFOUND/);
    expect(error).not.toBeInstanceOf(Refused);
  });
  test('one address is given to a caller that wants one', async () => {
    const one = await new Promise<unknown[]>((done) =>
      ruleWith([]).lookup('mixed.example', {}, (...answer) => done(answer)),
    );
    expect(one).toEqual([null, '93.184.215.14', 4]);
  });
  test('many calls to one name at a time are one look-up', async () => {
    const rule = ruleWith([]);
    asked = 0;
    await Promise.all(
      Array.from({ length: 50 }, () => new Promise((done) => rule.lookup('public.example', { all: true }, done))),
    );
    expect(asked).toBe(1);
  });
  test('behind a proxy a name is refused when it is known here and forbidden', async () => {
    await expect(ruleWith([]).checkName('inside.example')).rejects.toBeInstanceOf(Refused);
    await ruleWith([]).checkName('public.example');
    await ruleWith([]).checkName('nowhere.example');
  });
});

describe('URLs', () => {
  test.each([
    ['http://h', { origin: 'http://h', host: 'h', path: '/' }],
    ['http://h?a=1', { origin: 'http://h', host: 'h', path: '/?a=1' }],
    [
      "HTTPS://Host.Example:8443/a/../b?x='y'|z",
      { origin: 'https://host.example:8443', host: 'host.example', path: "/a/../b?x='y'|z" },
    ],
    ['http://h:80/a#frag?x', { origin: 'http://h', host: 'h', path: '/a' }],
    ['http://[::1]:8080/', { origin: 'http://[::1]:8080', host: '::1', path: '/' }],
    ['http://2130706433/', { origin: 'http://127.0.0.1', host: '127.0.0.1', path: '/' }],
    ['http://0x7f.1/', { origin: 'http://127.0.0.1', host: '127.0.0.1', path: '/' }],
    ['http://good\\@evil/', { origin: 'http://good', host: 'good', path: '/%5C@evil/' }],
    ['http://good#@evil/', { origin: 'http://good', host: 'good', path: '/' }],
    [
      'http://h/Ã©\u{1f600} x\r\nHost: y',
      { origin: 'http://h', host: 'h', path: '/%C3%A9%F0%9F%98%80%20x%0D%0AHost:%20y' },
    ],
  ])('%s', (url, target) => {
    expect(targetOf(url)).toEqual(target);
  });
  test('user and password are taken out', () => {
    expect(targetOf('http://ise:p%40ss@h/x')).toEqual({
      origin: 'http://h',
      host: 'h',
      path: '/x',
      authorization: `Basic ${Buffer.from('ise:p@ss').toString('base64')}`,
    });
  });
  test.each([
    '',
    'ftp://h/',
    'file:///etc/passwd',
    'http:/h',
    '//h/',
    'http://',
    'http://a b/',
    'http://h:99999/',
    'http://u:%ff@h/',
    'javascript:alert(1)',
  ])('is none: %s', (url) => expect(targetOf(url)).toBeUndefined());
});
