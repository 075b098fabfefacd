// Backup, wipe, restore, carry on: with the command as it stands, a real broker, SQLite and PostgreSQL.
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Bus, openBus } from '#shared/bus/bus.ts';
import { openLog } from '#shared/telemetry/log.ts';
import { topology, toReport, toSchedule } from '#shared/topology.ts';
import { egressSmpp } from '../../services/egress-smpp/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { notifier } from '../../services/notifier/main.ts';
import { router } from '../../services/router/main.ts';
import { startPostgres } from '../peers/postgres.ts';
import { type Ran, runHermod } from '../rig/hermod.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { receiptOf, smsAt } from '../rig/story.ts';
import { until } from '../rig/until.ts';

const NUMBER = '447700900123';
const LATER = 'a text for later';
const PROGRAM = '#!/bin/sh\nexit 0\n';

let rig: Rig;
let bus: Bus;
let receiver: Receiver;
let takes = false;
let out: string;

beforeAll(async () => {
  out = mkdtempSync(join(tmpdir(), 'hermod-backup-'));
  receiver = await startReceiver((response) => {
    response.statusCode = takes ? 200 : 503;
    response.end();
  });
  rig = await startRig({
    smsc: { receipts: { missing: true } },
    services: [ledger, notifier, router, egressSmpp, ingressHttp],
    settings: (standard) => ({
      ...standard,
      clients: { tester: { ...(standard.clients.tester as object), callbacks: { allow: ['127.0.0.1'] } } },
      callbacks: { retries: ['1s'] },
      scripts: { folder: 'scripts' },
      providers: { ...standard.providers, program: { bearer: 'script', script: 'send' } },
    }),
  });
  bus = await openBus(rig.amqpUrl, 'test', openLog('test'));
  // The configuration names a file with a secret, and one without.
  mkdirSync(join(rig.dir, 'scripts'));
  writeFileSync(join(rig.dir, 'scripts', 'send'), PROGRAM, { mode: 0o755 });
  writeFileSync(join(rig.dir, 'smsc.password'), 'secret\n', { mode: 0o600 });
  const yaml = readFileSync(rig.configFile, 'utf8');
  writeFileSync(rig.configFile, yaml.replace('password: secret', `password: $\{file:smsc.password}`));
}, 60_000);
afterAll(async () => {
  await bus?.close();
  await rig?.stop();
  await receiver?.stop();
  rmSync(out, { recursive: true, force: true });
});

const hermod = (args: string[], env: Record<string, string> = {}): Promise<Ran> =>
  runHermod(args, { HERMOD_CONFIG: rig.configFile, AMQP_URL: rig.amqpUrl, ...env }, { cwd: out });
const at = (name: string) => join(out, name);
/** An archive of these lines with the right end. */
function sealed(lines: readonly string[]): Buffer {
  const text = lines.map((line) => `${line}\n`).join('');
  const end = { end: true, lines: lines.length, sha256: createHash('sha256').update(text).digest('hex') };
  return gzipSync(`${text}${JSON.stringify(end)}\n`);
}
const linesOf = (file: string) => gunzipSync(readFileSync(file)).toString().trimEnd().split('\n');

async function refused(ran: Promise<Ran>, words: RegExp): Promise<void> {
  const { code, out, err } = await ran;
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toMatch(/^hermod: [^\n]+\n$/);
  expect(err).toMatch(words);
}

const stateOf = async (id: string) => (await rig.message(id))?.state;

/** The broker's messages too: a machine that is gone. */
async function wipe(): Promise<void> {
  const channel = await bus.channel();
  for (const { name } of topology(['sandbox', 'program']).queues) await channel.purgeQueue(name);
  await channel.close();
  for (const name of readdirSync(rig.dir)) rmSync(join(rig.dir, name), { recursive: true });
}

test('messages are found again, receipts match, what waits goes on', async () => {
  const submitted = (await rig.send({ to: `+${NUMBER}`, text: 'one', 'dlr-mask': '3' })).ids[0]!;
  const callback = `http://127.0.0.1:${receiver.port}/d?type=%d`;
  const owed = (await rig.send({ to: `+${NUMBER}`, text: 'two', 'dlr-mask': '8', 'dlr-url': callback })).ids[0]!;
  const now = Date.now();
  const later = smsAt(now, { client: 'tester', text: LATER, notBefore: now + 3_600_000, expiry: now + 7_200_000 });
  await bus.publish(toSchedule, [later]);
  await until('both are with the SMSC', async () => (await stateOf(submitted)) === 'submitted');
  await until('the third is scheduled', async () => (await stateOf(later.id)) === 'scheduled');
  await until('a callback failed', () => receiver.seen.length > 0);
  const before = await rig.message(submitted);

  const backed = await hermod(['backup', at('a'), '--secrets', at('a.secrets')]);
  expect(backed).toMatchObject({ code: 0, err: '' });
  expect(backed.out).toMatch(/a: \d+ rows of the ledger, gateway.yaml, scripts\/send\n/);
  expect(backed.out).toMatch(/a.secrets: smsc.password, ledger.sqlite.key\n/);
  expect([at('a'), at('a.secrets')].map((file) => statSync(file).mode & 0o777)).toEqual([0o600, 0o600]);
  const key = readFileSync(join(rig.dir, 'ledger.sqlite.key'), 'utf8');
  const plain = linesOf(at('a')).join('\n');
  for (const hidden of [LATER, key.trim(), Buffer.from(key).toString('base64')]) expect(plain).not.toContain(hidden);
  await refused(hermod(['backup', at('a')]), /is there already/);
  expect((await hermod(['backup', at('b')])).out).toMatch(/not in it: smsc.password, ledger.sqlite.key \(secrets:/);
  await refused(hermod(['restore', at('a'), '--secrets', at('a.secrets')]), /a ledger answers on this broker/);
  await refused(hermod(['restore', at('a')], { AMQP_URL: 'amqp://127.0.0.1:9' }), /a ledger has \S+ open: stop/);

  await rig.stopServices();
  await refused(
    hermod(['restore', at('a'), '--secrets', at('a.secrets')]),
    /ledger.sqlite is there already: --replace/,
  );
  await wipe();
  await refused(hermod(['restore', at('a')]), /the ledger's key is missing: name the file of secrets/);
  expect(readdirSync(rig.dir)).toEqual([]);
  const restored = await hermod(['restore', at('a'), '--secrets', at('a.secrets')]);
  expect(restored).toMatchObject({ code: 0, err: '' });
  expect(restored.out).toMatch(/gateway.yaml: 4 files and \d+ rows of \S+, from Hermod \d/);
  expect((await hermod(['check', rig.configFile])).code).toBe(0);
  expect(statSync(join(rig.dir, 'scripts', 'send')).mode & 0o777).toBe(0o755);
  expect(statSync(join(rig.dir, 'ledger.sqlite.key')).mode & 0o777).toBe(0o600);
  // The third is due now.
  const db = new DatabaseSync(join(rig.dir, 'ledger.sqlite'));
  db.exec('update scheduled set release_at = 0');
  db.close();

  takes = true;
  await rig.startServices();
  expect(await rig.message(submitted)).toEqual(before);
  const { attempts } = (await (await hermod(['status', submitted, '--json'])).json()) as {
    attempts: { providerId: string }[];
  };
  const receipt = receiptOf(attempts[0]!.providerId, Date.now(), { provider: 'sandbox', to: NUMBER });
  await bus.publish(toReport('receipt'), [receipt]);
  await until('the receipt is matched', async () => (await stateOf(submitted)) === 'delivered');
  await until(
    'the client is told',
    async () => ((await stateOf(owed)) === 'sent' ? receiver.seen.length > 1 : false),
    20_000,
  );
  await until(
    'the third is sent',
    () => rig.smsc.received.some(({ shortMessage }) => shortMessage.toString() === LATER),
    20_000,
  );
}, 120_000);

test('what is damaged, newer or no backup is refused in one line, and nothing is written', async () => {
  const { dir } = rig;
  await rig.stopServices();
  const whole = readFileSync(at('a'));
  const target = at('elsewhere');
  mkdirSync(target);
  const restore = (name: string) =>
    hermod(['restore', at(name), '--config', join(target, 'gateway.yaml'), '--without-key']);
  const flipped = Buffer.from(gunzipSync(whole));
  flipped[flipped.indexOf('"known"') + 200]! ^= 1;
  const [first] = linesOf(at('a'));
  const newer = JSON.stringify({ ...JSON.parse(first!), schema: 999, version: '9.9.9' });
  const outside = JSON.stringify({ file: '../evil', mode: 0o644, base64: '' });
  const bad: [string, Buffer, RegExp][] = [
    ['cut', whole.subarray(0, whole.length - 100), /damaged or cut off/],
    ['short', gzipSync(`${linesOf(at('a')).slice(0, -2).join('\n')}\n`), /damaged or cut off/],
    ['flipped', gzipSync(flipped), /damaged or cut off/],
    ['newer', sealed([newer]), /made by Hermod 9.9.9, which is newer: restore it with that version/],
    ['outside', sealed([first!, outside]), /has a file outside of its folder: ..\/evil/],
    ['other', Buffer.from('hello'), /damaged or cut off/],
    ['tar', gzipSync('{"a":1}\n'), /is no backup of Hermod/],
  ];
  for (const [name, content] of bad) writeFileSync(at(name), content);
  for (const [name, , words] of bad) await refused(restore(name), words);
  await refused(restore('a.secrets'), /holds only secrets: name it with --secrets/);
  await refused(restore('nothing'), /there is no such file/);
  expect(readdirSync(target)).toEqual([]);

  // With --replace what was there is kept beside it.
  const replaced = await hermod(['restore', at('a'), '--secrets', at('a.secrets'), '--replace']);
  expect(replaced).toMatchObject({ code: 0, err: '' });
  expect(existsSync(join(dir, 'ledger.sqlite.before'))).toBe(true);
}, 120_000);

test('from SQLite into PostgreSQL and back: the same rows', async () => {
  const postgres = await startPostgres();
  try {
    const url = await postgres.fresh();
    const target = at('postgres');
    const config = ['--config', join(target, 'gateway.yaml')];
    const into = (name: string, ...more: string[]) =>
      hermod(['restore', at(name), '--secrets', at('a.secrets'), ...config, ...more], { DATABASE_URL: url });
    expect(await into('a')).toMatchObject({ code: 0, err: '' });
    await refused(into('a'), /a ledger in the database of DATABASE_URL is there already: --replace/);
    expect(await hermod(['backup', at('p'), ...config], { DATABASE_URL: url })).toMatchObject({ code: 0, err: '' });
    expect(await into('p', '--replace')).toMatchObject({ code: 0, err: '' });
    const rows = (name: string) => linesOf(at(name)).slice(1, -1).sort();
    expect(rows('p')).toEqual(rows('a'));
  } finally {
    await postgres.stop();
  }
}, 120_000);
