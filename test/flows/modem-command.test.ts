// `hermod modem` and the words for devices that cannot be opened: the command as its own process, a stand-in behind a real
// pseudo-terminal.
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { closePort, findByImei, openPort, portsIn } from '../../services/egress-modem/port.ts';
import { type Behaviour, Modem } from '../peers/modem/modem.ts';
import { type Plugged, plug, point } from '../peers/modem/pty.ts';

const HERMOD = resolve(import.meta.dirname, '../../deploy/cli/hermod.ts');
const NOBODY = 65_534;
const dir = mkdtempSync(join(tmpdir(), 'hermod-modem-'));
const plugged: Plugged[] = [];
afterEach(async () => {
  for (const device of plugged.splice(0)) await device.unplug();
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function device(behaviour: Partial<Behaviour> = {}): Promise<{ modem: Modem; path: string }> {
  const modem = new Modem(behaviour);
  const one = await plug(modem, join(dir, `ttyUSB${plugged.length}`));
  plugged.push(one);
  return { modem, path: one.path };
}

function hermod(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((done) => {
    const env = { ...process.env, NO_COLOR: '1' };
    const child = execFile(process.execPath, [HERMOD, 'modem', ...args], { env }, (error, out, err) =>
      done({ code: error ? Number(error.code) : 0, out, err }),
    );
    child.stdin!.end('1234\n');
  });
}

test('what it is, how it stands, and that it can send; nothing is sent or changed', async () => {
  const { modem, path } = await device({ maker: 'SIEMENS', model: 'TC35', chatty: true });
  const { code, out, err } = await hermod(path);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toContain('modem         SIEMENS TC35 1.0');
  expect(out).toContain('IMEI          490154203237518');
  expect(out).toContain('modemType     auto (siemens-tc35)');
  expect(out).toContain('network       home, Testnetz');
  expect(out).toMatch(/signal +-\d+ dBm/);
  expect(out).toContain('SMS centre    +491710760000');
  expect(out).toContain('storage       0 of 20 messages (SM)');
  expect(out).toContain('can send      yes');
  expect(modem.taken).toEqual([]);
  expect(modem.commands.filter((command) => /CMGS|CMGW|CMGD|CNMI=\d|ATD|CUSD/.test(command))).toEqual([]);
});

test('why it cannot send; a locked SIM is unlocked only when it is asked for', async () => {
  const { modem, path } = await device({ pin: '1234', registration: 2 });
  expect((await hermod(path)).out).toContain(
    'can send      no: the SIM asks for its PIN: set pin in the configuration, or look again with --pin; it is not registered in the network: searching',
  );
  expect(modem.commands.some((command) => command.startsWith('AT+CPIN='))).toBe(false);
  modem.behaviour.registration = 1;
  expect((await hermod(path, '--pin')).out).toContain('can send      yes');
});

test('a device that is silent, absent or in use', async () => {
  const { modem, path } = await device();
  modem.deaf = true;
  const silent = await hermod(path);
  expect(silent.code).toBe(1);
  expect(silent.err).toContain('does not answer to AT: another port of the stick may be the modem');
  const absent = await hermod(join(dir, 'ttyUSB9'));
  expect(absent.err).toContain('there is no such device: is the stick plugged in?');
  const port = await openPort(path, 9_600);
  const busy = await hermod(path);
  await closePort(port);
  expect(busy.err).toContain('another program uses it');
});

test('a device that this user may not open', async () => {
  const path = join(dir, 'forbidden');
  writeFileSync(path, '');
  chmodSync(dir, 0o755);
  chmodSync(path, 0o000);
  const isRoot = process.getuid!() === 0;
  if (isRoot) process.seteuid!(NOBODY);
  try {
    await expect(openPort(path, 9_600)).rejects.toThrow('add the user to the group dialout');
  } finally {
    if (isRoot) process.seteuid!(0);
    rmSync(path);
  }
});

test('each device once, by its lasting name; found by IMEI past ports that are silent or another', async () => {
  const [first, second, third] = [await device(), await device({ imei: '356938035643809' }), await device()];
  third.modem.deaf = true;
  const lasting = join(dir, 'by-id-stick');
  point(lasting, second.path);
  const patterns = [join(dir, 'by-id-*'), join(dir, 'ttyUSB*')];
  expect((await portsIn(patterns)).map(({ path }) => path)).toEqual([lasting, first.path, third.path]);
  expect(await findByImei('356938035643809', patterns, 115_200)).toBe(lasting);
  await expect(findByImei('000000000000000', patterns, 115_200)).rejects.toThrow(
    'no modem with IMEI 000000000000000: not on by-id-stick, ttyUSB0, ttyUSB2',
  );
  rmSync(lasting);
});
