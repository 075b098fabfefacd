// The configuration file: what is right is read with units and defaults, what is wrong ends in one line with its place.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConfigError, loadConfig, parseConfig } from '#shared/config/load.ts';
import { jsonSchema, schema } from '#shared/config/schema.ts';

const GOOD = `clients:
  ise:
    password: \${ISE_PASSWORD}
    networks: [192.168.0.0/16]
    validity: 120s
providers:
  main:
    bearer: smpp
    host: smsc.example
    systemId: acme
    password: secret
    rate: 600/min
routes:
  - when: { client: ise, prefix: "44" }
    to: [main]
`;
const read = (text: string, env = { ISE_PASSWORD: 'from the environment' }) => parseConfig(text, 'gateway.yaml', env);
const fault = (text: string, env?: { ISE_PASSWORD: string }) => {
  try {
    read(text, env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  return 'no fault';
};

test('units, defaults and secrets', () => {
  const config = read(GOOD);
  expect(config.clients.ise).toMatchObject({ password: 'from the environment', validity: 120_000, lane: 'urgent' });
  expect(config.providers.main).toMatchObject({ rate: 10, port: 2775, window: 100, binds: 1, onUnknown: 'resend' });
  expect(config.listen.http).toEqual({ host: '127.0.0.1', port: 13013, proxies: [], sendsms: '/cgi-bin/sendsms' });
  expect(config.limits.failoverAfter).toBe(10_000);
});

test('an empty file is a gateway without clients', () => {
  expect(read('')).toMatchObject({ clients: {}, providers: {}, routes: [] });
});

describe('faults', () => {
  test.each([
    [
      'an unknown key names the nearest',
      GOOD.replace('networks', 'network'),
      'gateway.yaml:4: clients.ise.network: no such setting: do you mean networks?',
    ],
    [
      'an unknown section',
      `${GOOD}provider: {}\n`,
      'gateway.yaml:16: provider: no such setting: do you mean providers?',
    ],
    [
      'a duration without a unit',
      GOOD.replace('120s', '120'),
      /^gateway\.yaml:5: clients\.ise\.validity: .*duration with its unit|expected string/,
    ],
    [
      'a missing setting',
      GOOD.replace('    host: smsc.example\n', ''),
      /^gateway\.yaml:\d+: providers\.main\.host: missing/,
    ],
    [
      'a network that is none',
      GOOD.replace('192.168.0.0/16', '192.168.*'),
      /^gateway\.yaml:4: clients\.ise\.networks\.0: must be an address or a network/,
    ],
    [
      'a route to a provider that is not there',
      GOOD.replace('[main]', '[mian]'),
      'gateway.yaml:15: routes.0.to.0: there is no provider mian',
    ],
    [
      'a route for a client that is not there',
      GOOD.replace('client: ise', 'client: isa'),
      /^gateway\.yaml:14: routes\.0\.when\.client: there is no client isa/,
    ],
    [
      'single sign-on at an address that nobody knows',
      `${GOOD}console:\n  oidc: { issuer: "https://login.example.com", clientId: hermod, roles: { admin: [sms] } }\n`,
      'gateway.yaml:17: console.oidc: needs listen.console.url, the address to which people are sent back',
    ],
    [
      'an identity provider without TLS',
      `${GOOD}console:\n  oidc: { issuer: "http://login.example.com", clientId: hermod, roles: { admin: [sms] } }\n`,
      /^gateway\.yaml:17: console\.oidc\.issuer: an address that begins with https/,
    ],
    ['a name that cannot be a queue', GOOD.replace('main:', 'Main Provider:'), /^gateway\.yaml:\d+: providers/],
    ['broken YAML', 'clients: [', /^gateway\.yaml:1: /],
    ['the same key twice', `${GOOD}routes: []\n`, /^gateway\.yaml:16: Map keys must be unique/],
  ])('%s', (_name, text, wanted) => {
    const message = fault(text);
    if (typeof wanted === 'string') expect(message).toBe(wanted);
    else expect(message).toMatch(wanted);
    expect(message).not.toContain('    at ');
  });

  test('a secret that is not there, and no secret in any message', () => {
    expect(fault(GOOD.replace('ISE_PASSWORD', 'OTHER'))).toBe(
      'gateway.yaml:3: the environment has no OTHER: set it before the start',
    );
    expect(fault(GOOD.replace('systemId: acme', 'systemId: [acme]'))).not.toContain('secret');
    expect(fault(GOOD.replace('password: secret', 'password: muchtoolongasecret'))).not.toContain('muchtoolong');
  });

  test('a file that is not there', () => {
    expect(() => loadConfig('/nowhere/gateway.yaml')).toThrow('/nowhere/gateway.yaml: there is no such file');
  });
});

test('secrets come from files beside the configuration', () => {
  const dir = mkdtempSync(join(tmpdir(), 'hermod-config-'));
  try {
    writeFileSync(join(dir, 'ise.secret'), 'from a file\n');
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is how secrets are written in the configuration
    writeFileSync(join(dir, 'gateway.yaml'), GOOD.replace('${ISE_PASSWORD}', '${file:ise.secret}'));
    expect(loadConfig(join(dir, 'gateway.yaml')).config.clients.ise!.password).toBe('from a file');
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('whatever stands in the file, the answer is a configuration or a line with its place', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat(GOOD.length), (junk, at) => {
      const message = fault(GOOD.slice(0, at) + junk + GOOD.slice(at));
      expect(message === 'no fault' || message.startsWith('gateway.yaml:')).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test.each([
  [
    'aliases that multiply',
    `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdef'.replaceAll(/./g, (c) => `${c}: &${c} [${`*${String.fromCharCode(c.charCodeAt(0) - 1)},`.repeat(9)}]\n`)}clients: *f\n`,
  ],
  ['an alias of nothing', 'clients: *none\n'],
  ['an alias of itself', 'clients: &a\n  x: *a\n'],
  ['a name of JavaScript as a client', 'clients: { __proto__: { password: x } }\n'],
  ['a name of JavaScript as a setting', 'clients: { x: { password: y, __proto__: { polluted: true } } }\n'],
  ['a constructor', 'clients: { x: { password: y, constructor: { prototype: { polluted: true } } } }\n'],
  ['a tag of another language', 'clients: !!python/object/apply:os.system [id]\n'],
  ['brackets without end', `clients: ${'['.repeat(20_000)}${']'.repeat(20_000)}\n`],
  ['a key that is a mapping', '? { password: s3cret }\n: x\n'],
])('%s in the file: a line with its place, at once, and no object has more than before', (_what, text) => {
  const began = performance.now();
  const message = fault(text);
  expect(message).toMatch(/^gateway\.yaml:\d+: /);
  expect(performance.now() - began).toBeLessThan(10_000);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test('the JSON Schema for editors in deploy/config is what `hermod check --schema` prints', () => {
  const stored = readFileSync(join(import.meta.dirname, '../../../deploy/config/gateway.schema.json'), 'utf8');
  expect(
    JSON.parse(stored),
    'write it anew: npm run -s hermod -- check --schema > deploy/config/gateway.schema.json',
  ).toEqual(JSON.parse(JSON.stringify(jsonSchema())));
});

/** With every reference replaced by what it names; what leads back to itself is cut there. */
function inlined(node: unknown, defs: Record<string, unknown>, above: readonly string[] = []): unknown {
  if (Array.isArray(node)) return node.map((one) => inlined(one, defs, above));
  if (typeof node !== 'object' || node === null) return node;
  const { $ref, $defs: _defs, ...rest } = node as { $ref?: string; $defs?: unknown };
  const own = Object.fromEntries(Object.entries(rest).map(([key, one]) => [key, inlined(one, defs, above)]));
  if ($ref === undefined) return own;
  const name = $ref.replace('#/$defs/', '');
  if (above.includes(name)) return { again: above.length - above.indexOf(name), ...own };
  expect(defs).toHaveProperty([name]);
  return { ...(inlined(defs[name], defs, [...above, name]) as object), ...own };
}

test('what an editor finds behind its references is the whole schema', () => {
  const [short, long] = [jsonSchema(), schema.toJSONSchema({ io: 'input' })];
  const plain = (from: { $defs?: Record<string, unknown> }) => inlined(from, from.$defs ?? {});
  expect(JSON.stringify(short).length).toBeLessThan(JSON.stringify(long).length * 0.7);
  expect(plain(short)).toEqual(plain(long));
});
