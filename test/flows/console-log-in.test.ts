// Second factors and single sign-on at the console, over HTTP: who is let in, who has to do something first, who is not.
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { Secret, TOTP } from 'otpauth';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { hashPassword } from '#shared/doors/credentials.ts';
import { ledger } from '../../services/ledger/main.ts';
import { type Answer, CLIENT, type OpenId, startOpenId } from '../peers/openid.ts';
import { type Console, startConsole, visitor } from '../rig/console.ts';
import { freePort } from '../rig/port.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const HERMOD = resolve(import.meta.dirname, '../../deploy/cli/hermod.ts');
const STEP_MS = 30_000;
let rig: Rig;
let console_: Console;
let openId: OpenId;

beforeAll(async () => {
  const [port, openIdPort] = [await freePort(), await freePort()];
  openId = await startOpenId(openIdPort);
  const password = await hashPassword('right');
  rig = await startRig({
    services: [ledger],
    settings: (standard) => ({
      ...standard,
      listen: { ...standard.listen, console: { port, url: `http://127.0.0.1:${port}` } },
      console: {
        totp: ['admin'],
        oidc: {
          issuer: openId.issuer,
          clientId: CLIENT.id,
          clientSecret: CLIENT.secret,
          label: 'Example log-in',
          claim: 'realm_access.roles',
          roles: { admin: ['sms-admins'], viewer: ['sms', 'everyone'] },
        },
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
  await openId?.stop();
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
    new RegExp(`${secret}|(?<!\\w)${next}(?!\\w)`),
  );
});

/** Goes where it is sent, as a browser does, with the cookies of each host. Ends at a page that is none of the provider's. */
async function browse(from: string, cookies = new Map<string, string>()) {
  for (let url = from; ; ) {
    const sent = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(url, {
      redirect: 'manual',
      headers: url.startsWith(console_.url) ? { cookie: sent } : {},
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line)!;
      if (value) cookies.set(name, value);
      else cookies.delete(name);
    }
    const next = answer.headers.get('location');
    if (!next) return { url, status: answer.status, text: await answer.text(), cookies };
    url = new URL(next, url).href;
  }
}
const start = () => `${console_.url}/api/oidc/start`;
const groups = (...roles: string[]) => ({ preferred_username: 'anna', realm_access: { roles } });

test('single sign-on: who is in a group with a role is let in with it, and logged out at the provider too', async () => {
  expect((await visitor(console_.url).get('/api/ways')).body).toEqual({
    password: true,
    singleSignOn: 'Example log-in',
  });
  openId.answer = { claims: groups('everyone', 'sms-admins') };
  const { url, status, cookies } = await browse(start());
  expect({ url, status }).toEqual({ url: `${console_.url}/`, status: 200 });
  expect([...cookies.keys()]).toEqual(['hermod']);
  const cookie = `hermod=${cookies.get('hermod')}`;
  const anna = visitor(console_.url);
  expect((await anna.get('/api/session', { cookie })).body).toMatchObject({ user: 'sso:anna', role: 'admin' });
  expect((await anna.get('/api/account', { cookie })).body).toMatchObject({ way: 'single sign-on' });
  expect((await anna.post('/api/account/second-factor', {}, { cookie })).status).toBe(409);

  const { next } = (await anna.post('/api/logout', {}, { cookie })).body as { next: string };
  expect((await anna.get('/api/session', { cookie })).status).toBe(401);
  expect(await browse(next)).toMatchObject({ url: `${console_.url}/`, status: 200 });
  expect(openId.ended[0]!.get('id_token_hint')).toMatch(/^ey[\w-]+\.[\w-]+\.[\w-]+$/);

  // Groups that only the provider's userinfo tells; the lesser role.
  openId.answer = { claims: { preferred_username: 'anna' }, userInfo: groups('sms') };
  const viewer = await browse(start());
  const session = await anna.get('/api/session', { cookie: `hermod=${viewer.cookies.get('hermod')}` });
  expect(session.body).toMatchObject({ user: 'sso:anna', role: 'viewer' });
});

test('single sign-on: nobody without a role, and nothing that is not signed for this log-in', async () => {
  const good = { claims: groups('sms-admins') };
  const past = Math.floor(Date.now() / 1_000) - 600;
  const wrong: Record<string, [Answer, number, RegExp]> = {
    'no group': [
      { claims: { preferred_username: '<b>anna</b>' } },
      403,
      /Example log-in knows sso:&lt;b&gt;anna&lt;\/b&gt;, but none/,
    ],
    'another group': [{ claims: groups('sms-adminsx', 'admin') }, 403, /none of their groups has a role here/],
    nonce: [{ ...good, spoilt: { nonce: 'another' } }, 401, /&quot;nonce&quot;/],
    'no nonce': [{ ...good, spoilt: { nonce: undefined } }, 401, /&quot;nonce&quot;/],
    issuer: [{ ...good, spoilt: { iss: 'http://127.0.0.1:9' } }, 401, /&quot;iss&quot;/],
    audience: [{ ...good, spoilt: { aud: 'another-client' } }, 401, /&quot;aud&quot;/],
    expired: [{ ...good, spoilt: { iat: past - 300, exp: past } }, 401, /&quot;exp&quot;/],
    signature: [{ ...good, otherKey: true }, 401, /signature/],
    state: [{ ...good, back: { state: 'another' } }, 401, /&quot;state&quot;/],
    code: [{ ...good, back: { code: 'another' } }, 401, /does not hold/],
    'issuer of the answer': [{ ...good, back: { iss: 'http://127.0.0.1:9' } }, 401, /&quot;iss&quot;/],
    'refused there': [{ ...good, back: { error: 'access_denied' } }, 401, /it says access_denied/],
  };
  for (const [what, [answer, status, words]] of Object.entries(wrong)) {
    openId.answer = answer;
    const end = await browse(start());
    expect(end.status, `${what}: ${end.text}`).toBe(status);
    expect(end.text, what).toMatch(words);
    expect(end.text).not.toMatch(/<script|<b>/);
    expect([...end.cookies.keys()], what).toEqual([]);
  }
  // Another browser's answer, and one that comes twice.
  openId.answer = good;
  const stolen = await fetch(start(), { redirect: 'manual' });
  const back = (await fetch(stolen.headers.get('location')!, { redirect: 'manual' })).headers.get('location')!;
  expect(await browse(back)).toMatchObject({
    status: 400,
    text: expect.stringContaining('did not begin in this browser'),
  });
  const [name = '', value = ''] = stolen.headers.getSetCookie()[0]!.split(';')[0]!.split('=');
  const mine = new Map([[name, value]]);
  expect((await browse(back, new Map(mine))).cookies.has('hermod')).toBe(true);
  expect(await browse(back, mine)).toMatchObject({ status: 400 });
  expect(console_.output.join('\n')).not.toMatch(/a fault of this program/);
});

test('single sign-on: a provider that is away is said so, and asked again when it is back', async () => {
  const port = Number(new URL(openId.issuer).port);
  const other = await freePort();
  const file = rig.configFile.replace('gateway.yaml', 'other.yaml');
  const url = `http://127.0.0.1:${other}`;
  const { console: section, ...rest } = parse(readFileSync(rig.configFile, 'utf8'));
  writeFileSync(
    file,
    stringify({ ...rest, listen: { ...rest.listen, console: { port: other, url } }, console: section }),
  );
  await openId.stop();
  const second = await startConsole({ ...rig, configFile: file }, other);
  try {
    const away = await fetch(`${url}/api/oidc/start`);
    expect({ status: away.status, text: await away.text() }).toMatchObject({
      status: 503,
      text: expect.stringContaining('The identity provider cannot be asked'),
    });
    openId = await startOpenId(port);
    expect((await fetch(`${url}/api/oidc/start`, { redirect: 'manual' })).status).toBe(302);
  } finally {
    await second.stop();
  }
});
