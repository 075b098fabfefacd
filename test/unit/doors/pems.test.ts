// A listener's certificate and key, as `hermod check` and the doors judge them.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { pemsFault, readPems } from '#shared/doors/pems.ts';
import { newAuthority } from '../../rig/certificates.ts';

const dir = mkdtempSync(join(tmpdir(), 'hermod-pems-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const authority = newAuthority('Private authority');
const { cert, key } = authority.issue('localhost');
const other = authority.issue('localhost');

const files = (parts: { cert: string; key: string; ca?: string }) => {
  for (const [name, text] of Object.entries(parts)) writeFileSync(join(dir, `${name}.pem`), text);
  const ca = parts.ca === undefined ? {} : { ca: 'ca.pem' };
  return { cert: 'cert.pem', key: 'key.pem', minVersion: 'TLSv1.2' as const, ...ca };
};

test.each([
  [
    'a chain without its intermediate',
    { cert, key },
    /the chain ends before its authority: append the certificate of "CN=Private authority"/,
  ],
  ['one that is whole', { cert: cert + authority.ca, key }, undefined],
  ['one of a private authority', { cert, key, ca: authority.ca }, undefined],
  ['one of another authority', { cert, key, ca: newAuthority().ca }, /the chain ends before its authority/],
  ['the wrong order', { cert: authority.ca + cert, key }, /listen\.http\.tls\.key: this is not the key/],
  ['one too many', { cert: cert + other.cert, key }, /certificate 1 of the file is not issued by the next one/],
  [
    'a key that does not fit',
    { cert: cert + authority.ca, key: other.key },
    /listen\.http\.tls\.key: this is not the key of the certificate/,
  ],
  ['no key', { cert: cert + authority.ca, key: 'nonsense' }, /listen\.http\.tls\.key: no private key in PEM form/],
  ['no certificate', { cert: 'nonsense', key }, /listen\.http\.tls\.cert: no certificate in PEM form/],
])('%s', (_case, parts, fault) => {
  const found = pemsFault('http', files(parts), dir);
  if (fault) expect(found).toMatch(fault);
  else expect(found).toBeUndefined();
});

test('a file that is not there', () => {
  expect(pemsFault('http', { cert: 'no.pem', key: 'no.pem', minVersion: 'TLSv1.2' }, dir)).toMatch(/tls\.cert: ENOENT/);
  expect(readPems('http', undefined, dir)).toBeUndefined();
});

test('hermod check says so in one line, and is content with a whole chain', () => {
  const check = (ca: object) => {
    files({ cert, key, ca: authority.ca });
    const tls = { cert: 'cert.pem', key: 'key.pem', ...ca };
    writeFileSync(join(dir, 'gateway.yaml'), JSON.stringify({ listen: { smpp: { tls } } }));
    const cli = resolve(import.meta.dirname, '../../../deploy/cli/hermod.ts');
    return spawnSync(process.execPath, [cli, 'check', join(dir, 'gateway.yaml')], { encoding: 'utf8' });
  };
  const refused = check({});
  expect(refused.status).not.toBe(0);
  expect(refused.stderr).toMatch(
    /^[^\n]*gateway\.yaml: listen\.smpp\.tls\.cert: the chain ends before its authority[^\n]*\n$/,
  );
  expect(check({ ca: 'ca.pem' })).toMatchObject({ status: 0, stderr: '' });
});

test('hermod check looks for the files of a provider too', () => {
  const row = { bearer: 'smpp', host: 'smsc.example.net', systemId: 'acme', tls: { ca: 'no.pem' } };
  writeFileSync(join(dir, 'gateway.yaml'), JSON.stringify({ providers: { main: row } }));
  const cli = resolve(import.meta.dirname, '../../../deploy/cli/hermod.ts');
  const { status, stderr } = spawnSync(process.execPath, [cli, 'check', join(dir, 'gateway.yaml')], {
    encoding: 'utf8',
  });
  expect(status).not.toBe(0);
  expect(stderr).toMatch(/^[^\n]*gateway\.yaml: providers\.main\.tls\.ca: ENOENT[^\n]*\n$/);
});
