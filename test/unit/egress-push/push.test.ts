// The push bearer against a stand-in of Google: the token's assertion, the messages to the octet, answers good and bad.
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { retryAfterMs } from '#shared/egress/retry-after.ts';
import { pushBearer } from '../../../services/egress-push/bearer.ts';
import { verdict } from '../../../services/egress-push/verdict.ts';
import { fcmError, type Google, startGoogle } from '../../peers/google.ts';
import { bearerOf, type Opened, openBearer, sms } from '../../rig/bearer.ts';
import { until } from '../../rig/until.ts';

const DEVICE = 'fGx1:APA91b-device_token';
let google: Google;
let dir: string;
let opened: Opened | undefined;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'hermod-push-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));
beforeEach(async () => {
  google = await startGoogle();
  google.writeAccount(join(dir, 'account.json'));
  writeFileSync(join(dir, 'devices.json'), JSON.stringify({ 447700900123: DEVICE }));
});
afterEach(async () => {
  await opened?.close();
  opened = undefined;
  await google.stop();
});

const bearer = (row: Record<string, unknown> = {}) =>
  bearerOf(
    pushBearer,
    {
      bearer: 'push',
      serviceAccount: 'account.json',
      devices: 'devices.json',
      endpoint: `http://127.0.0.1:${google.port}`,
      ...row,
    },
    { dir },
  );
const open = async (row: Record<string, unknown> = {}) => {
  opened = await openBearer(bearer(row));
  return opened;
};
const challenge = {
  nonce: 'ABC',
  question: 'Do you want to confirm the login?',
  serial: 'PIPU0001',
  title: 'privacyIDEA',
  sslverify: 1,
  url: 'https://pi.example.org/ttype/push',
};

describe('the token', () => {
  test('the assertion is signed by the account, for FCM alone', async () => {
    await open();
    const [{ header, claims }] = google.assertions as [Google['assertions'][number]];
    expect(header).toEqual({ typ: 'JWT', alg: 'RS256', kid: 'key-1' });
    expect(claims).toEqual({
      iat: expect.any(Number),
      exp: (claims.iat as number) + 3_600,
      iss: 'push@hermod-test.iam.gserviceaccount.com',
      aud: 'https://oauth2.googleapis.com/token',
      scope: 'https://www.googleapis.com/auth/firebase.messaging',
    });
  });

  test('it is kept, fetched once for many, and renewed before it ends', async () => {
    google.token.lifetime = 0.2;
    const { handOver } = await open();
    await Promise.all([handOver(sms()), handOver(sms()), handOver(sms())]);
    expect(google.assertions).toHaveLength(1);
    await until('it is renewed', async () => {
      await handOver(sms());
      return google.assertions.length > 1;
    });
    expect(google.sent.at(-1)!.headers.authorization).toBe(`Bearer token-${google.assertions.length}`);
  });

  test('one that FCM does not take any more is renewed, and the message sent again with the new one', async () => {
    const { handOver } = await open();
    google.revoked.add('token-1');
    expect(await handOver(sms())).toMatchObject({ kind: 'done' });
    expect(google.sent.map(({ headers }) => headers.authorization)).toEqual(['Bearer token-1', 'Bearer token-2']);
  });

  test('an account that is never taken makes the provider unavailable', async () => {
    const { handOver, ended } = await open();
    for (const token of ['token-1', 'token-2']) google.revoked.add(token);
    expect(await handOver(sms())).toMatchObject({ kind: 'unavailable' });
    await until('the link is over', () => ended() !== undefined);
  });

  test('without a token there is no link, and the reason names the account and no secret', async () => {
    google.token.status = 401;
    const failure = await open().catch((error: Error) => error.message);
    expect(failure).toBe(
      `127.0.0.1:${google.port} gave no token for push@hermod-test.iam.gserviceaccount.com: status 401`,
    );
  });

  test.each([
    ['no file', undefined, /account\.json: cannot be read: ENOENT/],
    ['no JSON', '{"private_key": "hunter2', /is not JSON$/],
    ['another type', { type: 'authorized_user' }, /is no service account: type is wrong/],
    ['a key that is none', { private_key: 'hunter2' }, /private_key is not an RSA key/],
  ])('a service account with %s is refused in one line', async (_name, change, message) => {
    const path = join(dir, 'account.json');
    if (change === undefined) rmSync(path);
    else if (typeof change === 'string') writeFileSync(path, change);
    else google.writeAccount(path, change);
    const failure = await open().catch((error: Error) => error.message);
    expect(failure).toMatch(message);
    expect(failure).not.toMatch(/hunter2|PRIVATE KEY|\n/);
  });
});

describe('the message', () => {
  test("privacyIDEA's challenge, as its FirebaseProvider sends it", async () => {
    const { handOver } = await open({ message: 'privacyidea' });
    expect(await handOver(sms({ text: JSON.stringify(challenge) }))).toEqual({
      kind: 'done',
      parts: [{ providerId: 'projects/hermod-test/messages/1', receipt: false }],
    });
    const [{ url, method, headers, body }] = google.sent as [Google['sent'][number]];
    expect([method, url]).toEqual(['POST', '/v1/projects/hermod-test/messages:send']);
    expect(headers).toMatchObject({ authorization: 'Bearer token-1', 'content-type': 'application/json; UTF-8' });
    const alert = { title: challenge.title, body: challenge.question };
    expect(body).toEqual({
      message: {
        token: DEVICE,
        data: { ...challenge, sslverify: '1' },
        notification: alert,
        android: {
          priority: 'HIGH',
          ttl: expect.stringMatching(/^1(20|19)s$/),
          fcm_options: { analytics_label: 'AndroidPushToken' },
        },
        apns: {
          headers: {
            'apns-priority': '10',
            'apns-push-type': 'alert',
            'apns-collapse-id': 'privacyidea.pushtoken',
            'apns-expiration': expect.stringMatching(/^\d{10}$/),
          },
          payload: { aps: { alert, sound: 'default', category: 'PUSH_AUTHENTICATION' } },
          fcm_options: { analytics_label: 'iOSPushToken' },
        },
      },
    });
  });

  test('a plain notification: the text, and nothing kept beyond the validity', async () => {
    const { handOver } = await open({ title: 'Guest access' });
    const expiry = Date.now() + 30_500;
    await handOver(sms({ text: 'Grüße, your code: 482913', expiry }));
    const alert = { title: 'Guest access', body: 'Grüße, your code: 482913' };
    expect(google.sent[0]!.body).toEqual({
      message: {
        token: DEVICE,
        notification: alert,
        android: { priority: 'HIGH', ttl: expect.stringMatching(/^(30|2\d)s$/) },
        apns: {
          headers: { 'apns-priority': '10', 'apns-push-type': 'alert', 'apns-expiration': expect.any(String) },
          payload: { aps: { alert, sound: 'default' } },
        },
      },
    });
    const { headers } = (google.sent[0]!.body as { message: { apns: { headers: Record<string, string> } } }).message
      .apns;
    expect(Number(headers['apns-expiration'])).toBeLessThanOrEqual(expiry / 1_000);
  });

  test('a text that is no challenge is refused where a challenge is asked for', () => {
    const { prepare } = bearer({ message: 'privacyidea' });
    for (const text of ['hello', '[]', '"x"', 'null', '{"title":"a"}', '{"title":1,"question":"q"}', '[1'])
      expect(() => prepare(sms({ text })), text).toThrow('JSON object with title and question');
    fc.assert(
      fc.property(fc.json(), (text) => {
        try {
          const push = prepare(sms({ text }));
          expect(Object.values(push.challenge!).every((value) => typeof value === 'string')).toBe(true);
        } catch (error) {
          expect((error as Error).message).toContain('title and question');
        }
      }),
    );
  });
});

describe('devices', () => {
  test('a number without a device is refused for this recipient, so that the next provider is asked', async () => {
    const { handOver } = await open();
    expect(await handOver(sms({ to: '447700900999', given: '+447700900999' }))).toEqual({
      kind: 'refused',
      scope: 'recipient',
      reason: 'no device is known for this number',
    });
    expect(google.sent).toHaveLength(0);
  });

  test('a changed file is read again; one that has become unusable leaves the old content in force', async () => {
    const { handOver } = await open();
    const path = join(dir, 'devices.json');
    writeFileSync(path, JSON.stringify({ 447700900123: 'another' }));
    utimesSync(path, 1, 1);
    await until('the new token is used', async () => {
      await handOver(sms());
      return JSON.stringify(google.sent.at(-1)!.body).includes('"token":"another"');
    });
    writeFileSync(path, 'not JSON');
    expect(await handOver(sms())).toMatchObject({ kind: 'done' });
  });

  test.each(['{', '[]', '{"+4477":"x"}', '{"447700900123":"a b"}', '{"447700900123":1}'])(
    'a file that holds %s is refused in one line',
    async (content) => {
      writeFileSync(join(dir, 'devices.json'), content);
      await expect(open()).rejects.toThrow(/devices\.json/);
    },
  );
});

describe('answers', () => {
  test.each([
    [fcmError(404, 'UNREGISTERED'), { kind: 'refused', scope: 'recipient', reason: 'FCM answered 404 UNREGISTERED' }],
    [fcmError(403, 'SENDER_ID_MISMATCH'), { kind: 'refused', scope: 'recipient' }],
    [fcmError(400, 'INVALID_ARGUMENT'), { kind: 'refused', scope: 'recipient' }],
    [fcmError(401, 'THIRD_PARTY_AUTH_ERROR'), { kind: 'refused', scope: 'provider' }],
    [
      { status: 403, body: { error: { status: 'PERMISSION_DENIED' } } },
      { kind: 'refused', scope: 'provider' },
    ],
    [fcmError(429, 'QUOTA_EXCEEDED'), { kind: 'throttled', reason: 'FCM answered 429 QUOTA_EXCEEDED' }],
    [
      { status: 429, headers: { 'retry-after': '7' } },
      { kind: 'throttled', afterMs: 7_000 },
    ],
    [fcmError(500, 'INTERNAL'), { kind: 'retry' }],
    [fcmError(503, 'UNAVAILABLE'), { kind: 'retry' }],
    [
      { status: 503, headers: { 'retry-after': '2' } },
      { kind: 'throttled', afterMs: 2_000 },
    ],
    ['cut' as const, { kind: 'unknown' }],
  ])('%j', async (answer, outcome) => {
    const { handOver } = await open();
    google.answers.push(answer);
    expect(await handOver(sms())).toMatchObject(outcome);
    expect(google.sent).toHaveLength(1);
  });

  test('a server that hangs is unknown after the timeout', async () => {
    const { handOver, ended } = await open({ responseTimeout: '1s' });
    google.answers.push('hang');
    expect(await handOver(sms())).toEqual({
      kind: 'unknown',
      reason: `127.0.0.1:${google.port} did not answer within 1 s`,
    });
    expect(ended()).toBeUndefined();
  });

  test('a refused connection is unavailable and ends the link', async () => {
    const { handOver, ended } = await open({ endpoint: 'http://127.0.0.1:1' });
    expect(await handOver(sms())).toEqual({ kind: 'unavailable', reason: '127.0.0.1:1: connection refused' });
    await until('the link is over', () => ended() !== undefined);
  });

  test('through a proxy with credentials; one that refuses makes the provider unavailable', async () => {
    const asked: string[] = [];
    let refuses = false;
    const proxy = createServer((incoming, response) => {
      asked.push(`${incoming.url} ${incoming.headers['proxy-authorization']}`);
      if (refuses) return void response.writeHead(407).end();
      const { method, headers } = incoming;
      incoming.pipe(
        request(incoming.url!, { method, headers }, (answer) => {
          response.writeHead(answer.statusCode!, answer.headers);
          answer.pipe(response);
        }),
      );
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.address() as AddressInfo;
    try {
      const row = { proxy: `http://user:p%40ss@127.0.0.1:${port}/` };
      const { handOver } = await open(row);
      expect(await handOver(sms())).toMatchObject({ kind: 'done' });
      const login = `Basic ${Buffer.from('user:p@ss').toString('base64')}`;
      expect(asked[0]).toBe(`http://127.0.0.1:${google.port}/token ${login}`);
      refuses = true;
      expect(await handOver(sms())).toMatchObject({ kind: 'unavailable', reason: expect.stringContaining('proxy') });
      const failure = await open(row).catch((error: Error) => error.message);
      expect(failure).toMatch(/Proxy Authentication Required/);
      expect(failure).not.toMatch(/p@ss|p%40ss/);
    } finally {
      proxy.closeAllConnections();
      proxy.close();
    }
  });

  test('an answer of any shape has a verdict', () => {
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 599 }), fc.jsonValue(), fc.string(), (status, body, retryAfter) => {
        const { kind } = verdict({ status, body, retryAfter }, Date.now());
        expect(kind === 'done').toBe(status === 200);
      }),
    );
  });

  test('Retry-After in seconds and as a date', () => {
    const now = Date.parse('2026-03-01T12:00:00Z');
    expect(retryAfterMs('120', now)).toBe(120_000);
    expect(retryAfterMs('Sun, 01 Mar 2026 12:00:30 GMT', now)).toBe(30_000);
    expect(retryAfterMs('Sun, 01 Mar 2026 11:00:00 GMT', now)).toBe(0);
    for (const value of [undefined, '', '-1', 'soon', '1e9', '12345678901'])
      expect(retryAfterMs(value, now)).toBe(undefined);
  });
});
