// The page on bearers: each example row is parsed as it stands there, and then carries a message to a stand-in.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { parseConfig } from '#shared/config/load.ts';
import { pushBearer } from '../../services/egress-push/bearer.ts';
import { scriptBearer } from '../../services/egress-script/bearer.ts';
import { smppBearer } from '../../services/egress-smpp/bearer.ts';
import { smtpBearer } from '../../services/egress-smtp/bearer.ts';
import { startGoogle } from '../peers/google.ts';
import { startMailGateway } from '../peers/mail-gateway.ts';
import { startRawSmsc } from '../peers/raw-smsc.ts';
import { bearerOf, type Make, openBearer, sms } from '../rig/bearer.ts';
import { newAuthority } from '../rig/certificates.ts';

type Row = { bearer: 'smpp' | 'smtp' | 'script' | 'push'; [key: string]: unknown };
type File = { providers: Record<string, Row>; [section: string]: unknown };

const page = readFileSync(resolve(import.meta.dirname, '../../deploy/docs/bearers.md'), 'utf8');
const blocks = Array.from(page.matchAll(/```yaml\n(.*?)```/gs), ([, block]) => block!.replaceAll(/\$\{\w+\}/g, 'word'));
const files = blocks.map((block) => parse(block) as File);
const rowOf = (bearer: Row['bearer']) =>
  files.flatMap(({ providers }) => Object.values(providers)).find((row) => row.bearer === bearer)!;

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'hermod-docs-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('all blocks together are one configuration', () => {
  const all = Object.assign({}, ...files, { providers: Object.assign({}, ...files.map(({ providers }) => providers)) });
  expect(Object.keys(parseConfig(stringify(all), 'bearers.md', {}).providers)).toEqual([
    'smsc',
    'mailgateway',
    'pager',
    'app',
  ]);
});

/** The row with what names the far side changed; the rest is as on the page. */
async function carry<P>(make: Make<Row['bearer'], P>, bearer: Row['bearer'], change: Record<string, unknown> = {}) {
  const more = bearer === 'script' ? { scripts: files.find(({ scripts }) => scripts)!.scripts } : {};
  const opened = await openBearer(bearerOf(make, { ...rowOf(bearer), ...change }, { dir, more }));
  const outcome = await opened.handOver(sms());
  await opened.close();
  return outcome;
}
const done = { kind: 'done', parts: [{ receipt: false }] };

describe('each row carries a message', () => {
  test('smpp', async () => {
    const [smsc, receiver] = [await startRawSmsc(), await startRawSmsc()];
    const there = { host: '127.0.0.1', port: smsc.port, receiver: { port: receiver.port } };
    expect(await carry(smppBearer as Make<Row['bearer'], unknown>, 'smpp', there)).toMatchObject(done);
    expect([smsc.lines(), receiver.lines()]).toEqual([1, 1]);
    expect(smsc.pdus[1]).toContain(Buffer.from('OTP\0').toString('hex'));
    await Promise.all([smsc.stop(), receiver.stop()]);
  });

  test('smtp', async () => {
    const authority = newAuthority();
    writeFileSync(join(dir, 'authority.pem'), authority.ca);
    const login = { user: 'hermod', password: 'word' };
    const gateway = await startMailGateway({ security: 'starttls', tls: authority.issue('127.0.0.1'), login });
    const there = { host: '127.0.0.1', port: gateway.port };
    expect(await carry(smtpBearer as Make<Row['bearer'], unknown>, 'smtp', there)).toMatchObject(done);
    expect(gateway.taken).toMatchObject([{ to: '447700900123@sms.example.net', user: 'hermod', encrypted: true }]);
    await gateway.stop();
  });

  test('script', async () => {
    mkdirSync(join(dir, 'scripts'), { mode: 0o755 });
    writeFileSync(join(dir, 'scripts', 'send-sms'), '#!/bin/sh\ncat > sent\n');
    chmodSync(join(dir, 'scripts', 'send-sms'), 0o755);
    expect(await carry(scriptBearer as Make<Row['bearer'], unknown>, 'script')).toMatchObject(done);
    expect(readFileSync(join(dir, 'scripts', 'sent'), 'utf8')).toBe(sms().text);
  });

  test('push', async () => {
    const google = await startGoogle();
    google.writeAccount(join(dir, 'firebase.json'));
    const devices = /```json\n(.*?)```/s.exec(page)![1]!.replace("the app's registration token", 'token');
    writeFileSync(join(dir, 'devices.json'), devices);
    const there = { endpoint: `http://127.0.0.1:${google.port}` };
    expect(await carry(pushBearer as Make<Row['bearer'], unknown>, 'push', there)).toMatchObject(done);
    expect(google.sent[0]!.body).toMatchObject({ message: { notification: { title: 'Acme login' } } });
    await google.stop();
  });
});

test('the table of exit codes is the one in the code', async () => {
  const { verdict } = await import('../../services/egress-script/verdict.ts');
  const rows = Array.from(page.matchAll(/^\| (\d\d? .*?|0) \| (\w+)/gm), ([, codes, outcome]) => ({
    codes: codes!,
    outcome,
  }));
  const told = rows.flatMap(({ codes, outcome }) =>
    (codes.match(/\b\d\d?\b/g) ?? []).map((code) => [Number(code), outcome]),
  );
  expect(told.length).toBe(7);
  for (const [code, outcome] of told)
    expect(verdict({ code: code as number, signal: null, said: '' }).kind, `${code}`).toBe(outcome);
});
