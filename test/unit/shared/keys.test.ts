// API keys: what the configuration holds opens nothing, what the client holds opens its row.
import { expect, test } from 'vitest';
import { parseConfig } from '#shared/config/load.ts';
import { newKey, newWebhookSecret, openKeys } from '#shared/doors/keys.ts';

const clientsWith = (keys: string[]) =>
  parseConfig(JSON.stringify({ clients: { a: { password: 'x', keys }, b: { password: 'x' } } }), 'f', {}).clients;

test('a key opens its client, and nothing else does', () => {
  const [first, second, foreign] = [newKey(), newKey(), newKey()];
  const verify = openKeys(clientsWith([first.digest, second.digest]));
  expect(verify(first.key)?.name).toBe('a');
  expect(verify(second.key)?.name).toBe('a');
  for (const wrong of [foreign.key, first.digest, first.key.slice(1), `${first.key} `, 'x', ''])
    expect(verify(wrong)).toBeUndefined();
});

test('the configuration takes digests only, and secrets as they are printed', () => {
  const { key } = newKey();
  expect(() => clientsWith([key])).toThrow(/keys.0: must be the line that `hermod key` prints/);
  expect(() => clientsWith([key])).not.toThrow(key);
  const withSecret = (secret: string) =>
    parseConfig(JSON.stringify({ clients: { a: { password: 'x', callbacks: { secret } } } }), 'f', {});
  expect(withSecret(newWebhookSecret()).clients.a?.callbacks?.secret).toMatch(/^whsec_/);
  expect(() => withSecret('whsec_short')).toThrow(/what `hermod webhook-secret` prints/);
});
