// Messages to an HTTP provider through real proxies: tinyproxy (HTTP) and microsocks (SOCKS5), both with a password.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type HttpProvider, startHttpProvider } from '../peers/http-provider.ts';
import { type RealProxy, startMicrosocks, startTinyproxy } from '../peers/proxies.ts';
import { openRow, sendBy } from '../providers/rig.ts';
import { newAuthority } from '../rig/certificates.ts';
import { freePort } from '../rig/port.ts';

const LOGIN = { user: 'hermod', password: 'pass-word' };
const authority = newAuthority();
const dir = mkdtempSync(join(tmpdir(), 'hermod-http-proxies-'));
const ca = join(dir, 'ca.pem');
let plain: HttpProvider;
let secure: HttpProvider;
let proxies: Record<'http' | 'socks5', RealProxy>;

beforeAll(async () => {
  writeFileSync(ca, authority.ca);
  [plain, secure] = [await startHttpProvider(), await startHttpProvider({}, authority.issue('localhost'))];
  proxies = { http: await startTinyproxy(LOGIN), socks5: await startMicrosocks(LOGIN) };
}, 180_000);
afterAll(async () => {
  for (const one of [plain, secure, proxies?.http, proxies?.socks5]) await one?.stop();
  rmSync(dir, { recursive: true });
});
beforeEach(() => {
  plain.calls.length = 0;
  secure.calls.length = 0;
});

describe.each(['http', 'socks5'] as const)('%s', (kind) => {
  const through = ({ user, password } = LOGIN) => `${kind}://${user}:${password}@127.0.0.1:${proxies[kind].port}`;
  // The proxy resolves the name.
  const row = (proxy: string, more = {}) => ({
    url: `http://localhost:${plain.port}/send`,
    json: { text: '{text}' },
    proxy,
    ...more,
  });

  test('to a provider without TLS', async () => {
    expect((await sendBy(row(through()))).kind).toBe('done');
    expect(plain.calls).toHaveLength(1);
    expect(plain.calls[0]!.url).toBe('/send');
    if (kind === 'http') expect(plain.calls[0]!.headers.via).toContain('tinyproxy');
  });

  test('with TLS to the provider behind it, verified', async () => {
    const tls = { url: `https://localhost:${secure.port}/send`, tls: { ca } };
    expect((await sendBy(row(through(), tls))).kind).toBe('done');
    expect(secure.calls[0]!.headers.via).toBeUndefined();
    const unverified = await openRow(row(through(), { ...tls, tls: undefined }));
    expect(await unverified.send()).toMatchObject({ kind: 'unavailable' });
    expect(secure.calls).toHaveLength(1);
  });

  test('a wrong password: nothing was handed over, and the password is in no reason', async () => {
    for (const url of [`http://localhost:${plain.port}/`, `https://localhost:${secure.port}/`]) {
      const { send } = await openRow(row(through({ user: 'hermod', password: 'wrong-word' }), { url }));
      const outcome = await send();
      // In front of a provider without TLS tinyproxy says so in the provider's place, as a 401.
      const inPlace = kind === 'http' && url.startsWith('http:');
      expect(outcome.kind).toBe(inPlace ? 'refused' : 'unavailable');
      expect(JSON.stringify(outcome)).not.toContain('wrong-word');
    }
    expect(plain.calls.length + secure.calls.length).toBe(0);
  });

  test('no proxy there: the row says so before it takes messages', async () => {
    const port = await freePort();
    await expect(openRow(row(`${kind}://127.0.0.1:${port}`))).rejects.toThrow(
      `proxy 127.0.0.1:${port}: connection refused`,
    );
  });

  test('no provider behind it', async () => {
    const { send } = await openRow(row(through(), { url: `https://localhost:${await freePort()}/` }));
    expect(await send()).toMatchObject({ kind: 'unavailable' });
  });
});
