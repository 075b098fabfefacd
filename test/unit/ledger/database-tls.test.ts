// TLS to the database: verified by the authority that DATABASE_URL names, and one line where it is not to be trusted.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from '../../../services/ledger/database/database.ts';
import { type Postgres, startPostgres } from '../../peers/postgres.ts';
import { newAuthority } from '../../rig/certificates.ts';

const log = pino({ level: 'silent' });
const dir = mkdtempSync(join(tmpdir(), 'hermod-database-tls-'));
let postgres: Postgres;

beforeAll(async () => {
  const authority = newAuthority();
  const issued = authority.issue('127.0.0.1');
  writeFileSync(join(dir, 'ca.pem'), authority.ca);
  writeFileSync(join(dir, 'other.pem'), newAuthority('Other').ca);
  writeFileSync(join(dir, 'text.pem'), 'no certificate');
  postgres = await startPostgres({ tls: issued });
}, 120_000);
afterAll(async () => {
  await postgres?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const urlWith = async (parameters: Record<string, string>, host = '127.0.0.1') => {
  const url = new URL(await postgres.fresh());
  url.hostname = host;
  url.password = 's3cret';
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
};

test('sslmode=verify-full with its own authority', async () => {
  const url = await urlWith({ sslmode: 'verify-full', sslrootcert: join(dir, 'ca.pem') });
  const database = await openDatabase('', url, log);
  const [row] = await database.read.rows('select ssl, version from pg_stat_ssl where pid = pg_backend_pid()');
  await database.close();
  expect(row).toEqual({ ssl: true, version: 'TLSv1.3' });
});

test.each([
  ['of an unknown authority', 'other.pem', '127.0.0.1', /^the database in DATABASE_URL cannot be used: .*certificate/],
  ['that no authority is named for', '', '127.0.0.1', /^the database in DATABASE_URL cannot be used: .*certificate/],
  ['for another host', 'ca.pem', 'localhost', /^the database in DATABASE_URL cannot be used: .*altnames/],
  ['whose authority is a missing file', 'none.pem', '127.0.0.1', /^DATABASE_URL\.ca: ENOENT/],
  ['whose authority is no certificate', 'text.pem', '127.0.0.1', /^DATABASE_URL: its ca, cert or key cannot be used/],
])('a certificate %s is one line, at once and without the password', async (_what, ca, host, line) => {
  const url = await urlWith({ sslmode: 'verify-full', ...(ca && { sslrootcert: join(dir, ca) }) }, host);
  const began = performance.now();
  const fault = await openDatabase('', url, log).then(
    () => 'it was opened',
    (error: Error) => error.message,
  );
  expect(fault).toMatch(line);
  expect(fault).not.toMatch(/\n|s3cret/);
  expect(performance.now() - began).toBeLessThan(20_000); // a database that is away would be waited for a minute
});
