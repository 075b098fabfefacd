// The console's sessions end in time, its first link is for half an hour, and what is wrong is said in words.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { hashPassword } from '#shared/doors/credentials.ts';
import { openAccounts } from '../../../services/console/accounts.ts';
import { cookieName, isSecure } from '../../../services/console/cookie.ts';
import { problemsOf } from '../../../services/console/problems.ts';

import { openSessions } from '../../../services/console/sessions.ts';

const MIN = 60_000;
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());
const pass = (ms: number) => vi.setSystemTime(Date.now() + ms);

test('a session ends when nothing is done, and at its fixed end whatever is done', () => {
  const sessions = openSessions({ idle: 30 * MIN, session: 60 * MIN });
  const token = sessions.open({ user: 'anna', role: 'viewer' }, 'password');
  pass(29 * MIN);
  expect(sessions.find(token, true)).toMatchObject({ user: 'anna', role: 'viewer' });
  pass(29 * MIN);
  expect(sessions.find(token, true)).toBeDefined();
  pass(3 * MIN);
  expect(sessions.find(token, true)).toBeUndefined();

  const watched = sessions.open({ user: 'anna', role: 'viewer' }, 'password');
  pass(20 * MIN);
  expect(sessions.find(watched, false)).toBeDefined();
  pass(11 * MIN);
  expect(sessions.find(watched, false), 'what a page does by itself keeps nobody logged in').toBeUndefined();
  expect(sessions.find(undefined, true)).toBeUndefined();
  expect(sessions.find('', true)).toBeUndefined();
});

const accountsOf = (entry: string | undefined) => openAccounts({ users: {}, totp: [] }, entry, async () => 'none');

test('a token that someone brought is never the one of a session: nobody can fix it beforehand', () => {
  const sessions = openSessions({ idle: 30 * MIN, session: 60 * MIN });
  const fixed = 'a'.repeat(43);
  expect(sessions.find(fixed, true)).toBeUndefined();
  const tokens = Array.from({ length: 50 }, () => sessions.open({ user: 'anna', role: 'admin' }, 'password'));
  expect(new Set(tokens).size).toBe(tokens.length);
  for (const token of tokens) expect(token).toMatch(/^[\w-]{43}$/);
  expect(sessions.find(fixed, true)).toBeUndefined();
});

test('the first link is of no use after half an hour, nor an empty one at any time', () => {
  const accounts = accountsOf('token');
  expect(accountsOf('').enter('', '::1')).toBe('wrong');
  expect(accountsOf(undefined).enter('undefined', '::1')).toBe('wrong');
  pass(31 * MIN);
  expect(accounts.enter('token', '::1')).toBe('wrong');
});

test('all sessions of a person end, but the one that asks for it', () => {
  const sessions = openSessions({ idle: 30 * MIN, session: 60 * MIN });
  const anna = { user: 'anna', role: 'viewer' } as const;
  const [one, two, other] = [
    sessions.open(anna, 'password'),
    sessions.open(anna, 'password'),
    sessions.open({ ...anna, user: 'bob' }, 'link'),
  ];
  expect(sessions.endAll('anna', two)).toBe(1);
  expect([one, two, other].map((token) => sessions.find(token, true)?.user)).toEqual([undefined, 'anna', 'bob']);
  expect(sessions.endAll('anna')).toBe(1);
  expect(sessions.find(two, true)).toBeUndefined();
});

test('guesses are counted by address and by name; who was here before is not kept out by a stranger', async () => {
  const password = await hashPassword('right');
  const users = { anna: { password, role: 'admin' }, bob: { password, role: 'viewer' } } as const;
  const accounts = openAccounts({ users, totp: [] }, undefined, async () => 'none');
  const logIn = (user: string, password: string, address: string) => accounts.logIn({ user, password, address });
  expect(await logIn('anna', 'right', '192.0.2.1')).toMatchObject({ user: 'anna' });
  for (let i = 0; i < 10; i++) expect(await logIn('bob', 'x'.repeat(300), '192.0.2.2')).toBe('wrong');
  expect(await logIn('bob', 'right', '192.0.2.2')).toBe('too many');
  // From ever new addresses: the name is the limit.
  for (let i = 0; i < 30; i++) expect(await logIn('anna', 'wrong', `198.51.100.${i}`)).toBe('wrong');
  expect(await logIn('anna', 'right', '198.51.100.99')).toBe('too many');
  expect(await logIn('anna', 'right', '192.0.2.1')).toMatchObject({ user: 'anna' });
  pass(16 * MIN);
  expect(await logIn('anna', 'right', '198.51.100.99')).toMatchObject({ user: 'anna' });
});

test('codes: wrong ones are counted for the name, wherever they come from', async () => {
  const users = { anna: { password: await hashPassword('right'), role: 'admin' } } as const;
  const accounts = openAccounts({ users, totp: ['admin'] }, undefined, async (_user, code) =>
    code === undefined ? 'wanted' : code === '424242' ? 'right' : 'wrong',
  );
  const logIn = (code: string | undefined, i: number) =>
    accounts.logIn({ user: 'anna', password: 'right', code, address: `198.51.100.${i}` });
  expect(await logIn(undefined, 0)).toBe('code');
  for (let i = 0; i < 10; i++) expect(await logIn('000000', i)).toBe('wrong code');
  expect(await logIn('424242', 99)).toBe('too many');
  pass(16 * MIN);
  expect(await logIn('424242', 99)).toEqual({ user: 'anna', role: 'admin', enrol: false });
});

test('the cookie is bound to TLS where browsers speak TLS', () => {
  const plain = { host: '127.0.0.1', port: 1, proxies: [] };
  expect([isSecure(plain), cookieName(plain)]).toEqual([false, 'hermod']);
  const proxied = { ...plain, url: 'https://console.example.com' };
  expect([isSecure(proxied), cookieName(proxied)]).toEqual([true, '__Host-hermod']);
});

test('what is wrong comes first, with where to look', () => {
  const idle = {
    workers: 1,
    allowed: 1,
    waiting: 0,
    inFlight: 0,
    sentPerSecond: 0,
    errorsPerSecond: 0,
    paused: false,
    draining: false,
  };
  const row = (provider: string, more: object) => ({ provider, state: 'up' as const, bound: 1, ...idle, ...more });
  const known = {
    providers: [
      row('held', { state: 'paused' }),
      row('failing', { sentPerSecond: 1, errorsPerSecond: 3, lastError: 'ESME_RTHROTTLED' }),
      row('fine', { sentPerSecond: 9, errorsPerSecond: 1 }),
      row('gone', { state: 'no worker' }),
    ],
    lateReceipts: new Map([['fine', 0.5]]),
    ...{ denials: [], clients: [] },
    depths: [
      { queue: 'router.urgent', waiting: 500, readers: 1 },
      { queue: 'ledger', waiting: 0, readers: 0 },
      { queue: 'notifier', waiting: -1, readers: 0 },
      { queue: 'dead.report', waiting: 2, readers: 0 },
    ],
  };
  expect(problemsOf(known).map(({ level, text, page }) => `${level} ${page}: ${text}`)).toEqual([
    'bad /queues: Urgent messages wait for the router: 500 in its queue',
    'bad /queues: Nobody reads the queue ledger: nothing is written down, and no client is told',
    'bad /queues: There is no queue notifier at the broker: run hermod setup',
    'bad /providers: failing fails 75 % of what it is given: ESME_RTHROTTLED',
    'bad /providers: No worker speaks for gone: is its egress service running?',
    'bad /queues: 2 dead letters wait for someone to decide',
    'note /providers: held is paused: its messages take the next provider, or wait',
    'note /providers: Receipts of fine come late: 50 % after more than 15 min',
  ]);
  expect(problemsOf({ ...known, broker: 'no connection to the broker' })).toHaveLength(1);
  expect(problemsOf({ providers: [], lateReceipts: new Map(), depths: [], denials: [], clients: [] })).toEqual([]);
});
