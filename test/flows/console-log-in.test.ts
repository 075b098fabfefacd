// Second factors and single sign-on at the console, over HTTP: who is let in, who has to do something first, who is not.
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { Secret, TOTP } from 'otpauth';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hashPassword } from '#shared/doors/credentials.ts';
import { ledger } from '../../services/ledger/main.ts';
import { type Console, startConsole, visitor } from '../rig/console.ts';
import { freePort } from '../rig/port.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const HERMOD = resolve(import.meta.dirname, '../../deploy/cli/hermod.ts');
const STEP_MS = 30_000;
let rig: Rig;
let console_: Console;

beforeAll(async () => {
  const port = await freePort();
  const password = await hashPassword('right');
  rig = await startRig({
    services: [ledger],
    settings: (standard) => ({
      ...standard,
      listen: { ...standard.listen, console: { port } },
      console: {
        totp: ['admin'],
        users: {
          anna: { password, role: 'admin' },
          bob: { password, role: 'viewer' },
          carl: { password, role: 'admin', totp: false },
        },
      },
    }),
  });
  console_ = await startConsole(rig, port);
});
afterAll(async () => {
  await console_?.stop();
  await rig?.stop();
});

const codeOf = (secret: string, timestamp: number) =>
  TOTP.generate({ secret: Secret.fromBase32(secret), timestamp, digits: 6, period: 30, algorithm: 'SHA1' });
const hermod = (...args: string[]) =>
  promisify(execFile)(process.execPath, [HERMOD, ...args], {
    env: { PATH: process.env.PATH, HERMOD_CONFIG: rig.configFile, AMQP_URL: rig.amqpUrl },
  });

test('whoever needs a second factor sets one up before anything else, and is asked for it from then on', async () => {
  const logIn = (user: string, more: { password?: string; code?: string } = {}) => {
    const one = visitor(console_.url);
    return one.post('/api/login', { user, password: 'right', ...more }).then((answer) => ({ ...one, answer }));
  };
  // By role, and for one account otherwise.
  for (const user of ['bob', 'carl']) expect((await (await logIn(user)).get('/api/now')).status, user).toBe(200);

  const anna = await logIn('anna');
  expect(anna.answer).toMatchObject({ status: 200, body: { user: 'anna' } });
  expect((await anna.get('/api/session')).body).toEqual({ user: 'anna', role: 'admin', enrol: true });
  for (const path of ['now', 'live', 'messages', 'audit'])
    expect(await anna.get(`/api/${path}`), path).toMatchObject({ status: 403, body: { error: /second factor/ } });
  expect((await anna.post('/api/account/log-out-others')).status).toBe(403);
  const { secret, uri } = (await anna.post('/api/account/second-factor')).body as { secret: string; uri: string };
  expect(uri).toContain(`secret=${secret}`);
  const first = Date.now();
  const limited = anna.cookie().split(';')[0]!;
  for (const [code, status] of [
    ['12345', 400],
    ['000000', 401],
    [codeOf(secret, first), 200],
  ] as const)
    expect((await anna.post('/api/account/second-factor/confirm', { code })).status, code).toBe(status);
  expect((await anna.get('/api/now')).status).toBe(200);
  expect((await anna.get('/api/now', { cookie: limited })).status, 'the token before').toBe(401);

  // From now on the password alone opens nothing, and a code opens once.
  const without = await logIn('anna');
  expect(without.answer).toMatchObject({ status: 200, body: { wants: 'code' } });
  expect(without.cookie()).toBe('');
  expect((await logIn('anna', { password: 'wrong', code: codeOf(secret, first + STEP_MS) })).answer.status).toBe(401);
  for (const code of [codeOf(secret, first), '000 000', 'abc'])
    expect((await logIn('anna', { code })).answer, code).toMatchObject({ status: 401, body: { error: /^this code/ } });
  const next = codeOf(secret, first + STEP_MS);
  const again = await logIn('anna', { code: ` ${next.slice(0, 3)} ${next.slice(3)}` });
  expect(again.answer.status).toBe(200);
  expect((await logIn('anna', { code: next })).answer.status, 'twice').toBe(401);

  // Logged out everywhere else.
  expect((await again.get('/api/account')).body).toMatchObject({ way: 'password', secondFactor: true });
  expect((await again.post('/api/account/log-out-others')).body).toEqual({ ended: 1 });
  expect((await anna.get('/api/now')).status).toBe(401);
  expect((await again.get('/api/now')).status).toBe(200);

  // The phone is lost.
  expect((await hermod('totp-reset', 'anna')).stdout).toMatch(/^anna has no second factor now/);
  await expect(hermod('totp-reset', 'anna')).rejects.toMatchObject({ code: 3 });
  expect((await (await logIn('anna')).get('/api/session')).body).toMatchObject({ enrol: true });
  type Entry = { action: string; result: string };
  const entries = async () => (await again.get('/api/audit?object=account+anna')).body.entries as Entry[];
  await until('all of it is written down', async () => (await entries()).length >= 5);
  expect((await entries()).map(({ action, result }) => `${action} ${result}`)).toEqual([
    'reset second factor failed',
    'reset second factor done',
    'log-out done',
    'second factor done',
    'second factor failed',
  ]);
  expect(`${JSON.stringify(console_.access())}${console_.output.join('\n')}`).not.toMatch(
    new RegExp(`${secret}|${next}`),
  );
});
