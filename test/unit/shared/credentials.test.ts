// Who may use a door.
import { describe, expect, test } from 'vitest';
import { parseConfig } from '#shared/config/load.ts';
import { hashPassword, openCredentials } from '#shared/doors/credentials.ts';

const HERE = '192.0.2.1';
const open = (clients: Record<string, unknown>) =>
  openCredentials(parseConfig(JSON.stringify({ clients }), 'c', {}).clients);

test('a hash is salted and verifies only its password', async () => {
  const [one, two] = [await hashPassword('s3cret'), await hashPassword('s3cret')];
  expect(one).not.toBe(two);
  expect(one).not.toContain('s3cret');
  const credentials = open({ a: { password: one } });
  expect(await credentials.verify('a', 's3cret', HERE)).toMatchObject({ name: 'a' });
  expect(await credentials.verify('a', 'S3cret', HERE)).toBeUndefined();
  expect(await credentials.verify('a', '', HERE)).toBeUndefined();
  expect(await credentials.verify('b', 's3cret', HERE)).toBeUndefined();
});

test('a verified password is remembered: the second answer needs no hash', async () => {
  const credentials = open({ a: { password: await hashPassword('s3cret') } });
  expect(credentials.verify('a', 's3cret', HERE)).toBeInstanceOf(Promise);
  await credentials.verify('a', 's3cret', HERE);
  expect(credentials.verify('a', 's3cret', HERE)).toMatchObject({ name: 'a' });
});

test('guessing cannot fill the thread pool: beyond the bound the answer is no, at once', async () => {
  const credentials = open({ a: { password: await hashPassword('s3cret') } });
  const answers = Array.from({ length: 100 }, (_, i) => credentials.verify('a', `guess ${i}`, `192.0.2.${i}`));
  expect(answers.filter((answer) => answer instanceof Promise)).toHaveLength(32);
  await Promise.all(answers);
  expect(await credentials.verify('a', 's3cret', HERE)).toMatchObject({ name: 'a' });
});

test('many requests with one password at once are one hash, and none is refused', async () => {
  const credentials = open({ a: { password: await hashPassword('s3cret') } });
  const startedAt = performance.now();
  const answers = await Promise.all(Array.from({ length: 200 }, () => credentials.verify('a', 's3cret', HERE)));
  expect(answers.filter((answer) => answer?.name === 'a')).toHaveLength(200);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
});

describe('after ten wrong passwords for a name from an address', () => {
  const wrong = async (credentials: ReturnType<typeof open>, name: string) => {
    for (let i = 0; i < 10; i++) expect(await credentials.verify(name, `guess ${i}`, HERE)).toBeUndefined();
  };
  test('no other is hashed, not even the right one; other addresses and names are not touched', async () => {
    const password = await hashPassword('s3cret');
    const credentials = open({ a: { password }, b: { password } });
    await wrong(credentials, 'a');
    expect(credentials.verify('a', 'guess', HERE)).toBeUndefined();
    expect(credentials.verify('a', 's3cret', HERE)).toBeUndefined();
    expect(await credentials.verify('a', 's3cret', '192.0.2.2')).toMatchObject({ name: 'a' });
    expect(await credentials.verify('b', 's3cret', HERE)).toMatchObject({ name: 'b' });
  });
  test('who is remembered goes on', async () => {
    const credentials = open({ a: { password: await hashPassword('s3cret') } });
    await credentials.verify('a', 's3cret', HERE);
    await wrong(credentials, 'a');
    expect(credentials.verify('a', 's3cret', HERE)).toMatchObject({ name: 'a' });
  });
});

test('a hash that is damaged is a fault of the configuration', async () => {
  const whole = await hashPassword('x');
  for (const password of ['scrypt$', 'scrypt$16384$8$1$$', whole.slice(0, 30), `scrypt$x$y$z${whole.slice(17)}`]) {
    expect(() => open({ a: { password } })).toThrow('must be the whole line that `hermod password` prints');
  }
});

describe('networks', () => {
  const credentials = open({
    none: { password: 'x' },
    some: { password: 'x', networks: ['192.168.0.0/16', '2001:db8::/32', '10.1.2.3'] },
    stars: { password: 'x', networks: ['192.*.7.*'] },
    denied: { password: 'x', deniedNetworks: ['10.0.0.0/8'] },
    both: { password: 'x', networks: ['10.1.0.0/16'], deniedNetworks: ['10.*.*.*'] },
  });
  const allows = (name: string, address: string) => {
    const verified = credentials.verify(name, 'x', HERE);
    return !(verified instanceof Promise) && verified !== undefined && credentials.allows(verified, address);
  };
  test.each([
    ['none', '203.0.113.9', true],
    ['some', '192.168.7.7', true],
    ['some', '::ffff:192.168.7.7', true],
    ['some', '2001:db8::7', true],
    ['some', '10.1.2.3', true],
    ['some', '10.1.2.4', false],
    ['some', '::1', false],
    ['some', '', false],
    ['stars', '192.168.7.1', true],
    ['stars', '::ffff:192.1.7.1', true],
    ['stars', '192.168.8.1', false],
    ['denied', '10.1.2.3', false],
    ['denied', '192.0.2.1', true],
    ['both', '10.1.2.3', true],
    ['both', '10.2.2.3', false],
    ['both', '192.0.2.1', true],
  ])('%s from %s: %s', (name, address, wanted) => {
    expect(allows(name, address)).toBe(wanted);
  });
});
