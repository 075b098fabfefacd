// TLS at the doors: the oldest version, and certificates that are renewed while the gateway runs.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ingressSmpp } from '../../services/ingress-smpp/main.ts';
import { ingressSmtp } from '../../services/ingress-smtp/main.ts';
import { newAuthority } from '../rig/certificates.ts';
import { freePort } from '../rig/port.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const authority = newAuthority();
const dir = mkdtempSync(join(tmpdir(), 'hermod-tls-'));
const files = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') };
const ports = { http: 0, smtps: 0, smpp: 0 };
let rig: Rig;

function renew(): void {
  const { cert, key } = authority.issue('localhost');
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key);
}

beforeAll(async () => {
  renew();
  for (const name of Object.keys(ports) as (keyof typeof ports)[]) ports[name] = await freePort();
  rig = await startRig({
    services: [ingressHttp, ingressSmtp, ingressSmpp],
    settings: (standard) => ({
      ...standard,
      listen: {
        ...standard.listen,
        http: { port: ports.http, tls: files },
        smtps: { port: ports.smtps, tls: files },
        smpp: { port: ports.smpp, tls: files },
      },
    }),
  });
});
afterAll(async () => {
  await rig?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const shake = (port: number, options: ConnectionOptions = {}) =>
  new Promise<TLSSocket>((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: authority.ca, ...options }, () =>
      resolve(socket),
    );
    socket.once('error', reject);
  });
async function serial(port: number): Promise<string> {
  const socket = await shake(port);
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

test.each(['http', 'smtps', 'smpp'] as const)('%s speaks TLS 1.2 and no older', async (name) => {
  const socket = await shake(ports[name], { maxVersion: 'TLSv1.2' });
  expect(socket.getProtocol()).toBe('TLSv1.2');
  socket.destroy();
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
  await expect(shake(ports[name], old)).rejects.toThrow(/alert protocol version|ECONNRESET|disconnected/);
});

test('sendsms over TLS', async () => {
  const socket = await shake(ports.http);
  socket.write(
    'GET /cgi-bin/sendsms?username=tester&password=foobar&to=447700900001&text=x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  );
  let answer = '';
  for await (const chunk of socket) answer += chunk;
  expect(answer).toMatch(/^HTTP\/1\.1 202 Accepted\r\n[\s\S]*\r\n\r\n0: Accepted for delivery$/);
});

test('a renewed certificate is used without a restart, at every door', async () => {
  const before = await serial(ports.http);
  renew();
  const numbers = () => Promise.all(Object.values(ports).map(serial));
  const after = await until(
    'all have the new one',
    async () => {
      const [one, ...rest] = await numbers();
      return one !== before && rest.every((other) => other === one) ? one : undefined;
    },
    15_000,
  );
  expect(after).not.toBe(before);
});
