// Who may use a door.
import { describe, expect, test } from 'vitest';
import { parseConfig } from '#shared/config/load.ts';
import { hashPassword, openCredentials } from '#shared/doors/credentials.ts';

const open = (clients: Record<string, unknown>) =>
  openCredentials(parseConfig(JSON.stringify({ clients }), 'c', {}).clients);

test('a hash is salted and verifies only its password', async () => {
  const [one, two] = [await hashPassword('s3cret'), await hashPassword('s3cret')];
  expect(one).not.toBe(two);
  expect(one).not.toContain('s3cret');
  const credentials = open({ a: { password: one } });
  expect(await credentials.verify('a', 's3cret')).toMatchObject({ name: 'a' });
  expect(await credentials.verify('a', 'S3cret')).toBeUndefined();
  expect(await credentials.verify('a', '')).toBeUndefined();
  expect(await credentials.verify('b', 's3cret')).toBeUndefined();
});

test('a verified password is remembered: the second answer needs no hash', async () => {
  const credentials = open({ a: { password: await hashPassword('s3cret') } });
  expect(credentials.verify('a', 's3cret')).toBeInstanceOf(Promise);
  await credentials.verify('a', 's3cret');
  expect(credentials.verify('a', 's3cret')).toMatchObject({ name: 'a' });
});

test('guessing cannot fill the thread pool: beyond the bound the answer is no, at once', async () => {
  const credentials = open({ a: { password: await hashPassword('s3cret') } });
  const answers = Array.from({ length: 50 }, (_, i) => credentials.verify('a', `guess ${i}`));
  expect(answers.filter((answer) => answer instanceof Promise)).toHaveLength(8);
  await Promise.all(answers);
  expect(await credentials.verify('a', 's3cret')).toMatchObject({ name: 'a' });
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
  });
  const allows = (name: string, address: string) => {
    const verified = credentials.verify(name, 'x');
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
  ])('%s from %s: %s', (name, address, wanted) => {
    expect(allows(name, address)).toBe(wanted);
  });
});
