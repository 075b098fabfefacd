// A modem as a provider: a stand-in behind a real pseudo-terminal, the gateway around it. What modems do wrong is in
// test/unit/egress-modem/quirks.test.ts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { registry } from '#shared/telemetry/metrics.ts';
import { egressModem } from '../../services/egress-modem/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { router } from '../../services/router/main.ts';
import { requireDebian } from '../peers/debian.ts';
import { Modem } from '../peers/modem/modem.ts';
import { type Plugged, plug, point } from '../peers/modem/pty.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const ANSWER_MS = 1_500;
const NUMBER = '+447700900123';
const dir = mkdtempSync(join(tmpdir(), 'hermod-modem-'));
const BY_ID = join(dir, 'usb-stand-in');
/** One is known by its name under by-id, the other by its IMEI. */
const stick = new Modem({ submitMs: 0 });
const other = new Modem({ submitMs: 0, imei: '356938035643809' });
const plugged = new Map<Modem, Plugged>();
let tty = 0;
let rig: Rig;

/** Under the next name, as the kernel does it. */
async function plugIn(modem: Modem): Promise<void> {
  const path = join(dir, `ttyUSB${tty++}`);
  plugged.set(modem, await plug(modem, path));
  if (modem === stick) point(BY_ID, path);
}

const pullOut = (modem: Modem) => plugged.get(modem)!.unplug();

beforeAll(async () => {
  requireDebian('gnokii-cli', '/usr/bin/gnokii');
  for (const modem of [stick, other]) {
    modem.clock = Date.now();
    modem.onReset = () => void pullOut(modem).then(() => plugIn(modem));
    await plugIn(modem);
  }
  const row = { bearer: 'modem', answerTimeout: `${ANSWER_MS}ms`, submitTimeout: `${ANSWER_MS}ms`, checkEvery: '1s' };
  writeFileSync(join(dir, 'gnokiirc'), '[global]\nmodel = fake\nconnection = serial\nport = /dev/null\n');
  rig = await startRig({
    services: [ledger, router, egressModem, ingressHttp],
    waitForBind: false,
    settings: (standard) => ({
      ...standard,
      providers: {
        stick: { ...row, device: BY_ID, myNumber: '+491701112223' },
        imei: { ...row, imei: '356938035643809', ports: [join(dir, 'ttyUSB*')] },
        phone: { bearer: 'modem', gnokii: { config: join(dir, 'gnokiirc') } },
      },
      routes: [{ when: { prefix: '1' }, to: ['imei'] }, { when: { prefix: '2' }, to: ['phone'] }, { to: ['stick'] }],
    }),
  });
  for (const name of ['stick', 'imei', 'phone']) await bound(name);
}, 60_000);

afterAll(async () => {
  await rig?.stop();
  for (const device of plugged.values()) await device.unplug();
  rmSync(dir, { recursive: true, force: true });
});

async function metric(name: string, provider: string, more = ''): Promise<number> {
  const text = await registry.getSingleMetricAsString(name);
  return Number(new RegExp(`^${name}\\{provider="${provider}"${more}\\} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
}
const bound = (provider: string) =>
  until(`${provider} is ready`, async () => (await metric('hermod_binds_held', provider)) === 1, 20_000);

test('a text, a long one and Cyrillic arrive', async () => {
  const long = `${'Guten Tag. '.repeat(20)}{Ende}`;
  const ids = [];
  for (const text of ['Hello', long, 'Привет']) {
    const coding: Record<string, string> = text === 'Привет' ? { coding: '2', charset: 'UTF-8' } : {};
    ids.push(...(await rig.send({ to: NUMBER, text, ...coding })).ids);
  }
  const states = [];
  for (const id of ids) states.push((await rig.final(id)).state);
  expect(states).toEqual(['sent', 'sent', 'sent']);
  const texts = stick.taken.map(({ text }) => text);
  expect(texts).toEqual(['Hello', expect.any(String), expect.any(String), 'Привет']);
  expect(texts[1]! + texts[2]!).toBe(long);
  expect(stick.taken.every(({ to }) => to === NUMBER)).toBe(true);
  expect(stick.taken.some(({ statusReport }) => statusReport)).toBe(false);
});

test('its status report is the receipt', async () => {
  const [id] = (await rig.send({ to: NUMBER, text: 'code 1', 'dlr-mask': '3' })).ids;
  expect(await rig.final(id!)).toMatchObject({ state: 'delivered', provider: 'stick' });
  stick.behaviour.report = () => 0x46;
  const [late] = (await rig.send({ to: NUMBER, text: 'code 2', 'dlr-mask': '3' })).ids;
  expect(await rig.final(late!)).toMatchObject({ state: 'expired' });
  stick.behaviour.report = () => 0;
});

test('a status report that comes after a restart still finds its message', async () => {
  await until('ten minutes do not end just now', () => Date.now() % 600_000 < 590_000, 15_000);
  stick.clock = Date.now();
  stick.behaviour.report = () => undefined;
  const [id] = (await rig.send({ to: NUMBER, text: 'code 3', 'dlr-mask': '3' })).ids;
  await until('it was handed over', async () => (await rig.message(id!))?.state === 'submitted');
  await rig.stopServices();
  await rig.startServices();
  await bound('stick');
  stick.reportOn(stick.taken.at(-1)!, 0);
  expect(await rig.final(id!)).toMatchObject({ state: 'delivered' });
  stick.behaviour.report = () => 0;
});

test('an incoming message is in the ledger and no longer on the SIM', async () => {
  stick.receive({ from: NUMBER, text: 'STOP' });
  const database = new DatabaseSync(join(rig.dir, 'ledger.sqlite'), { readOnly: true });
  const row = await until('it is in the ledger', () => database.prepare('select * from incoming').get());
  database.close();
  expect(row).toMatchObject({ provider: 'stick', sender: '447700900123', number: '491701112223' });
  await until('it was deleted from the SIM', () => stick.stored.size === 0);
});

test('network, signal and storage are metrics', async () => {
  stick.store('0006FFFF', '', 3);
  await until('the storage was looked at', async () => (await metric('hermod_modem_stored_messages', 'stick')) === 1);
  expect(await metric('hermod_modem_storage_messages', 'stick')).toBe(20);
  expect(await metric('hermod_modem_signal_dbm', 'stick')).toBe(-73);
  expect(await metric('hermod_modem_registered', 'stick')).toBe(1);
  stick.stored.clear();
});

test('a lost network gives the messages back until it is there again', async () => {
  stick.behaviour.registration = 2;
  await until('it was given up', async () => (await metric('hermod_binds_held', 'stick')) === 0);
  const [id] = (await rig.send({ to: NUMBER, text: 'patience' })).ids;
  stick.behaviour.registration = 5;
  expect(await rig.final(id!, 20_000)).toMatchObject({ state: 'sent' });
});

test('by its IMEI, also under another name and after it hung', async () => {
  const [first] = (await rig.send({ to: '+15550001111', text: 'one' })).ids;
  await rig.final(first!);
  await pullOut(other);
  await plugIn(other);
  const [second] = (await rig.send({ to: '+15550001111', text: 'two' })).ids;
  expect(await rig.final(second!, 20_000)).toMatchObject({ state: 'sent', provider: 'imei' });
  other.deaf = true;
  const [third] = (await rig.send({ to: '+15550001111', text: 'three' })).ids;
  expect(await rig.final(third!, 25_000)).toMatchObject({ state: 'sent', provider: 'imei' });
  expect(other.taken.map(({ text }) => text)).toEqual(['one', 'two', 'three']);
});

test('gnokii hands over instead of a serial port', async () => {
  const [id] = (await rig.send({ to: '+20100000001', text: 'Grüße, 100 €' })).ids;
  expect(await rig.final(id!)).toMatchObject({ state: 'sent', provider: 'phone' });
});
