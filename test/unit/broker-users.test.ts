// Rights at the broker: every service has its own, every queue has its reader, and the command writes them for RabbitMQ.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseConfig } from '#shared/config/load.ts';
import { bindSlot, topologyOf } from '#shared/topology.ts';
import { passwordHash } from '../../deploy/broker/definitions.ts';
import { rightsOf } from '../../deploy/broker/rights.ts';
import { variableOf } from '../../deploy/cli/broker-users.ts';
import { SERVICES } from '../../deploy/services.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const dir = mkdtempSync(join(tmpdir(), 'hermod-users-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const smpp = (binds: number) => `{ bearer: smpp, host: h, systemId: s, password: p, binds: ${binds} }`;
const YAML = `
listen: { smpp: {} }
clients: { one: { password: x }, two: { password: y } }
providers:
  a: ${smpp(2)}
  b-c: ${smpp(1)}
  m: { bearer: smtp, host: h, from: a@example.org, to: b@example.org }
routes: [{ to: [a] }]
`;
const config = parseConfig(YAML, 'gateway.yaml', {});
const rights = rightsOf(config);
const may = (right: 'configure' | 'write' | 'read', name: string) =>
  [...rights].filter(([, each]) => new RegExp(each[right]).test(name)).map(([user]) => user);

test('each service has its user, and no user is for nothing', () => {
  expect([...rights.keys()].sort()).toEqual(Object.keys(SERVICES).sort());
});

test('every queue is read by one service, those of the retry steps by none; nobody declares or binds one', () => {
  const { queues } = topologyOf(config);
  for (const { name } of queues) {
    expect(may('read', name), name).toHaveLength(name.startsWith('retry.') ? 0 : 1);
    expect(may('configure', name), name).toEqual([]);
    expect(may('write', name), name).toEqual([]);
  }
  expect(may('read', 'egress.b-c.bulk')).toEqual(['egress-smpp']);
  expect(may('read', 'egress.bxc.bulk')).toEqual([]);
  expect(may('read', 'egressXa.bulk')).toEqual([]);
});

test('a bind slot is claimed by the workers of its bearer, as many as there are', () => {
  expect(may('configure', bindSlot('a', 2))).toEqual(['egress-smpp']);
  expect(may('read', bindSlot('a', 2))).toEqual(['egress-smpp']);
  expect(may('configure', bindSlot('a', 3))).toEqual([]);
  expect(may('configure', bindSlot('m', 1))).toEqual(['egress-smtp']);
  for (const { configure, write, read } of rights.values())
    for (const pattern of [configure, write, read]) expect(pattern).toMatch(/^\^.*\$$/);
});

test("the hash of RabbitMQ's documentation", () => {
  expect(passwordHash('test12', Buffer.from('908DC60A', 'hex'))).toBe(
    'kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR',
  );
});

test('the command writes for the owner alone, keeps passwords, and shows none', () => {
  const file = join(dir, 'gateway.yaml');
  const folder = join(dir, 'users');
  writeFileSync(file, YAML);
  const run = (...args: string[]) => {
    const command = [join(ROOT, 'deploy/cli/hermod.ts'), '--config', file, 'broker-users', folder, ...args];
    const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
    return { status, said: stdout + stderr };
  };
  const written = () => parseEnv(readFileSync(join(folder, 'broker.env'), 'utf8')) as Record<string, string>;
  const first = run();
  const before = written();
  expect(first).toEqual({ status: 0, said: `${folder}: definitions.json and broker.env with 15 users\n` });
  for (const name of ['definitions.json', 'broker.env']) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  run('--broker', 'amqps://rabbit.example.net/sms?cacertfile=/etc/ca.pem');
  const after = written();
  expect(Object.keys(after)).toEqual(Object.keys(before));
  for (const [name, url] of Object.entries(after)) {
    const { password } = new URL(before[name]!);
    expect(password.length).toBeGreaterThan(30);
    expect(new URL(url).password).toBe(password);
    expect(url).toMatch(/^amqps:\/\/[a-z-]+:[^@]+@rabbit\.example\.net\/sms\?cacertfile=\/etc\/ca\.pem$/);
  }
  const { users, permissions } = JSON.parse(readFileSync(join(folder, 'definitions.json'), 'utf8'));
  const router = users.find(({ name }: { name: string }) => name === 'router').password_hash;
  const salt = Buffer.from(router, 'base64').subarray(0, 4);
  expect(passwordHash(new URL(after[variableOf('router')]!).password, salt)).toBe(router);
  expect(permissions[0]).toMatchObject({ user: 'router', vhost: 'sms', configure: '^(health\\.[0-9a-f-]{36})$' });
  for (const wrong of ['rabbit', 'http://rabbit/', 'amqp://me:secret@rabbit/']) {
    const { status, said } = run('--broker', wrong);
    expect(status).toBe(2);
    expect(said).toMatch(/^hermod: --broker [^\n]*\n$/);
    expect(said).not.toContain('secret');
  }
});

test('deploy/compose.users.yaml gives every service its own', () => {
  const { services } = parse(readFileSync(join(ROOT, 'deploy/compose.users.yaml'), 'utf8'));
  const expected = [...Object.keys(SERVICES).map((name) => [name, name]), ['setup', 'hermod']];
  for (const [service, user] of expected)
    expect(services[service!].environment.AMQP_URL).toBe(`\${${variableOf(user!)}:?run hermod broker-users}`);
  expect(Object.keys(services)).toHaveLength(expected.length);
});
