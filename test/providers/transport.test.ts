// How requests travel: authentication that takes several calls, certificates on both sides, connections that are kept.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { retryAfter } from '#shared/providers/preset.ts';
import { redact } from '#shared/providers/redact.ts';
import { openDigest } from '../../services/egress-http/digest.ts';
import { type Behaviour, type HttpProvider, type Reply, startHttpProvider } from '../peers/http-provider.ts';
import { newAuthority } from '../rig/certificates.ts';
import { openRow, rowOf, sendBy, smsOf } from './rig.ts';

const providers: HttpProvider[] = [];
const start = async (...args: Parameters<typeof startHttpProvider>) => {
  const provider = await startHttpProvider(...args);
  providers.push(provider);
  return provider;
};
afterEach(async () => {
  for (const provider of providers.splice(0)) await provider.stop();
});

const row = (provider: HttpProvider, more: Record<string, unknown> = {}) => ({
  url: `${provider.url}/send?x=1`,
  query: { to: '{to}' },
  ...more,
});

describe('Digest', () => {
  const login = { user: 'acme', password: 'a password' };
  const realm = 'sms "gate"';

  /** A server that checks each response by RFC 7616, with a nonce for so many requests. */
  function digestServer(algorithm: 'MD5' | 'SHA-256', uses: number): Behaviour {
    const hash = (text: string) =>
      createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
        .update(text)
        .digest('hex');
    let nonce = 'n0';
    let left = uses;
    const challenge = (): Reply => {
      nonce = `n${Math.random()}`;
      left = uses;
      const fields = `realm="sms \\"gate\\"", nonce="${nonce}", qop="auth,auth-int", algorithm=${algorithm}, opaque="op"`;
      return { status: 401, headers: { 'www-authenticate': `Basic realm="x", Digest ${fields}` } };
    };
    return ({ method, url, headers }) => {
      const given = headers.authorization ?? '';
      const field = (name: string) => new RegExp(`\\b${name}="?([^",]+)`).exec(given)?.[1];
      if (field('nonce') !== nonce || left-- === 0) return challenge();
      const a1 = hash(`${login.user}:${realm}:${login.password}`);
      const expected = hash(`${a1}:${nonce}:${field('nc')}:${field('cnonce')}:auth:${hash(`${method}:${url}`)}`);
      const fine = field('response') === expected && field('uri') === url && field('opaque') === 'op';
      return fine && Number.parseInt(field('nc')!, 16) === uses - left ? { body: 'OK' } : challenge();
    };
  }

  test.each(['MD5', 'SHA-256'] as const)(
    '%s: one challenge serves many requests, an old one is renewed',
    async (algorithm) => {
      const provider = await start(digestServer(algorithm, 2));
      const { link, send } = await openRow(row(provider, { auth: { digest: login } }));
      for (let i = 0; i < 5; i++) expect((await send()).kind).toBe('done');
      link.cut('done');
      // Five messages, and a challenge before the first, the third and the fifth.
      expect(provider.calls).toHaveLength(8);
    },
  );

  test('a wrong password is refused after one more try', async () => {
    const provider = await start(digestServer('MD5', 9));
    const auth = { digest: { ...login, password: 'wrong' } };
    expect(await sendBy(row(provider, { auth }))).toMatchObject({ kind: 'refused', scope: 'provider' });
    expect(provider.calls).toHaveLength(2);
  });

  test.each([
    '',
    'Basic realm="x"',
    'Digest realm="x"',
    'Digest realm="x", nonce="n", algorithm=ROT13',
    'Digest realm="x", nonce="n", qop="auth-int"',
  ])('a challenge that nobody can answer: %j', (challenge) => {
    const digest = openDigest(login);
    expect(digest.learn(challenge)).toBe(false);
    expect(digest.authorization({ method: 'GET', url: 'http://x/' })).toBeUndefined();
  });
});

describe('OAuth2 client credentials', () => {
  const settings = (tokens: HttpProvider, more: object = {}) => ({
    auth: {
      oauth2: { tokenUrl: `${tokens.url}/token`, clientId: 'the id', clientSecret: 's:ecret', scope: 'sms', ...more },
    },
  });

  test('one token serves many messages; one that is not taken any more is renewed once', async () => {
    let issued = 0;
    const tokens = await start(() => ({ body: JSON.stringify({ access_token: `t${++issued}`, expires_in: 3_600 }) }));
    let valid = 't1';
    const provider = await start(({ headers }) => ({
      status: headers.authorization === `Bearer ${valid}` ? 200 : 401,
    }));
    const { link, send } = await openRow(row(provider, settings(tokens)));
    const outcomes = await Promise.all([send(), send(), send()]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['done', 'done', 'done']);
    expect(issued).toBe(1);
    const [{ body, headers }] = tokens.calls as [HttpProvider['calls'][0]];
    expect(body).toBe('grant_type=client_credentials&scope=sms');
    expect(headers.authorization).toBe(`Basic ${Buffer.from('the%20id:s%3Aecret').toString('base64')}`);
    valid = 't2';
    expect((await send()).kind).toBe('done');
    valid = 'never';
    expect(await send()).toMatchObject({ kind: 'refused', scope: 'provider' });
    link.cut('done');
  });

  test('a token that ends is renewed before; id and secret in the body', async () => {
    const tokens = await start({ body: '{"access_token":"t","expires_in":0}' });
    const provider = await start();
    const { link, send } = await openRow(row(provider, settings(tokens, { credentials: 'body' })));
    for (let i = 0; i < 2; i++) expect((await send()).kind).toBe('done');
    link.cut('done');
    expect(tokens.calls).toHaveLength(2);
    expect(tokens.calls[0]!.body).toBe(
      'grant_type=client_credentials&scope=sms&client_id=the+id&client_secret=s%3Aecret',
    );
  });

  test.each([
    [{ status: 401, body: '{"error":"invalid_client"}' }, 'no access token: HTTP 401 invalid_client'],
    [{ status: 200, body: 'hello' }, 'no access token: HTTP 200'],
  ])('without a token nothing is handed over: %j', async (reply, reason) => {
    const tokens = await start(reply);
    const provider = await start();
    const opened = await openRow(row(provider, settings(tokens)));
    expect(await opened.send()).toEqual({ kind: 'unavailable', reason });
    expect(await opened.ended).toBe(reason);
    expect(provider.calls).toHaveLength(0);
  });
});

describe('TLS', () => {
  const authority = newAuthority();
  const dir = mkdtempSync(join(tmpdir(), 'hermod-http-'));
  const file = (name: string, content: string) => {
    writeFileSync(join(dir, name), content);
    return join(dir, name);
  };
  const ca = file('ca.pem', authority.ca);
  const other = file('other.pem', newAuthority('Another').ca);
  const own = authority.issue('client');
  const [cert, key] = [file('cert.pem', own.cert), file('key.pem', own.key)];
  afterAll(() => rmSync(dir, { recursive: true }));

  test('verified by its own authority and its name; without them it is not reached', async () => {
    const provider = await start({}, authority.issue('127.0.0.1'));
    expect((await sendBy(row(provider, { tls: { ca } }))).kind).toBe('done');
    expect((await sendBy(row(provider, { tls: { verify: false } }))).kind).toBe('done');
    await expect(openRow(row(provider))).rejects.toThrow(/certificate/);
    await expect(openRow(row(provider, { tls: { ca: other } }))).rejects.toThrow(/certificate/);
    const named = await start({}, authority.issue('sms.example.com'));
    await expect(openRow(row(named, { tls: { ca } }))).rejects.toThrow(/127\.0\.0\.1/);
    expect((await sendBy(row(named, { tls: { ca, serverName: 'sms.example.com' } }))).kind).toBe('done');
  });

  test('a client certificate; without one the message was not handed over', async () => {
    const server = { ...authority.issue('127.0.0.1'), ca: authority.ca, requestCert: true, rejectUnauthorized: true };
    const provider = await start({}, server);
    expect((await sendBy(row(provider, { tls: { ca, cert, key } }))).kind).toBe('done');
    expect((await sendBy(row(provider, { tls: { ca } }))).kind).not.toBe('done');
    expect(provider.calls).toHaveLength(1);
  });

  test('a file that is missing or no certificate ends in one line', async () => {
    const provider = await start();
    await expect(openRow(row(provider, { tls: { ca: join(dir, 'none.pem') } }))).rejects.toThrow(
      /^providers\.p\.tls\.ca: ENOENT/,
    );
    const nonsense = file('nonsense.pem', 'hello');
    await expect(openRow(row(provider, { tls: { ca: nonsense } }))).rejects.toThrow(
      /^providers\.p\.tls: its ca, cert or key/,
    );
  });
});

describe('connections', () => {
  test('are kept and used again; as many as the window, no more', async () => {
    const release: (() => void)[] = [];
    const provider = await start(() => new Promise<Reply>((resolve) => release.push(() => resolve({}))));
    const { link, send } = await openRow(row(provider, { window: 2 }));
    const probe = provider.connections();
    for (let round = 0; round < 3; round++) {
      const pair = [send(), send()];
      await expect.poll(() => release.length).toBe(2);
      expect(link.inFlight()).toBe(2);
      for (const go of release.splice(0)) go();
      expect((await Promise.all(pair)).map(({ kind }) => kind)).toEqual(['done', 'done']);
    }
    expect(provider.connections() - probe).toBe(2);
    link.cut('done');
  });

  test('closing waits for the answer that is under way; cutting does not', async () => {
    let answer: (() => void) | undefined;
    const hold: Behaviour = () =>
      new Promise((resolve) => {
        answer = () => resolve({});
      });
    const provider = await start(hold);
    const opened = await openRow(row(provider));
    const outcome = opened.send();
    await expect.poll(() => answer).toBeDefined();
    const closed = opened.link.close(5_000);
    answer!();
    await closed;
    expect((await outcome).kind).toBe('done');
    expect(await opened.ended).toBe('closed');

    const again = await openRow(row(provider));
    const lost = again.send();
    await expect.poll(() => provider.calls.length).toBe(2);
    again.link.cut('the broker is away');
    expect(await lost).toMatchObject({ kind: 'unknown' });
    expect(await again.ended).toBe('the broker is away');
  });

  test('when one call cannot connect, the others still get their answers before the link ends', async () => {
    let answer: (() => void) | undefined;
    const hold: Behaviour = () =>
      new Promise((resolve) => {
        answer = () => resolve({});
      });
    const provider = await start(hold);
    const tokens = await start((_call, count) =>
      count === 1 ? { body: '{"access_token":"t","expires_in":0}' } : 'drop',
    );
    const auth = { oauth2: { tokenUrl: tokens.url, clientId: 'x', clientSecret: 'y' } };
    const opened = await openRow(row(provider, { auth }));
    const first = opened.send();
    await expect.poll(() => answer).toBeDefined();
    expect(await opened.send()).toMatchObject({ kind: 'unavailable' });
    expect(opened.link.inFlight()).toBe(Number.POSITIVE_INFINITY);
    answer!();
    expect(await first).toMatchObject({ kind: 'done' });
    expect(await opened.ended).toMatch(/^no access token/);
  });

  test('an answer without an end is cut off at its limit', async () => {
    const provider = await start({ body: `OK ${'x'.repeat(1_000_000)}` });
    expect((await sendBy(row(provider, { answer: { success: { prefix: 'OK' } } }))).kind).toBe('done');
  });
});

test('Retry-After: seconds, a date, at most an hour, nothing else', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  expect(retryAfter('7', now)).toEqual({ afterMs: 7_000 });
  expect(retryAfter('Thu, 01 Jan 2026 00:00:30 GMT', now)).toEqual({ afterMs: 30_000 });
  expect(retryAfter('Wed, 31 Dec 2025 00:00:00 GMT', now)).toEqual({ afterMs: 0 });
  expect(retryAfter('999999', now)).toEqual({ afterMs: 3_600_000 });
  for (const nothing of [undefined, '', 'soon', '-5x']) expect(retryAfter(nothing, now)).toEqual({});
});

test('what a provider says is shown without secrets, full numbers and control characters', () => {
  expect(redact('no pa55word for +491701234567\r\nat 49170', ['pa55word'])).toBe('no … for 4917..67 at 49170');
  expect(redact(`x=${encodeURIComponent('a b&c')}`, ['a b&c'])).toBe('x=…');
  expect(redact('x=pass+word {"say":"say \\"hi\\""}', ['pass word', 'say "hi"'])).toBe('x=… {"say":"…"}');
  expect(redact('got Authorization: Basic YWNtZTpwYXNz and bearer abcdefgh.ij', [])).toBe(
    'got Authorization: Basic … and bearer …',
  );
  expect(redact('secret-long secret', ['secret', 'secret-long'])).toBe('… …');
  expect(redact('y'.repeat(500), []).length).toBeLessThan(200);
});

test('the receipt and validity that are asked for', async () => {
  const provider = await start({ body: '{"id":"1"}' });
  const account = { servicePlan: 'plan', token: 'a-token' };
  const asked = async (settings: object, sms: object) => {
    const outcome = await sendBy({ preset: 'sinch-xms', account, url: provider.url, ...settings }, smsOf(sms));
    const { delivery_report, callback_url, expire_at } = JSON.parse(provider.calls.at(-1)!.body);
    return [
      outcome.kind === 'done' && outcome.parts[0]!.receipt,
      delivery_report,
      callback_url,
      expire_at !== undefined,
    ];
  };
  const dlr = { token: 'a-token-0123456789' };
  const url = 'https://sms.example.com/dlr/p/a-token-0123456789';
  expect(await asked({ dlr }, { dlrMask: 3 })).toEqual([true, 'per_recipient', url, false]);
  expect(await asked({ dlr }, { dlrMask: 8 })).toEqual([false, undefined, undefined, false]);
  expect(await asked({ dlr }, { validityAsked: true })).toEqual([false, undefined, undefined, true]);
  expect(await asked({ dlr, receipts: 'always' }, {})).toEqual([true, 'per_recipient', url, true]);
  // Nobody would hear the receipt.
  expect(await asked({}, { dlrMask: 3 })).toEqual([false, undefined, undefined, false]);
  expect(rowOf({ preset: 'sinch-xms', account, dlr }).row.bearer).toBe('http');
});
