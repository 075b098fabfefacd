// The device of a modem: where it is, how it is opened, and what to say when it cannot be. `SerialPort.list()` is not
// used: it runs udevadm, and ends the process where that program is missing.
import { constants, globSync } from 'node:fs';
import { access, realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { SerialPort } from 'serialport';
import { reasonOf } from '#shared/telemetry/log.ts';
import { openAt } from './at.ts';
import { imeiOf } from './identity.ts';

/** What a port may take to answer while a modem is looked for. */
const LOOK_TIMEOUT_MS = 1_000;

/** The ports that the patterns name, each device once: its name under by-id comes first and stays. */
export async function portsIn(patterns: readonly string[]): Promise<{ path: string; device: string }[]> {
  const found = new Map<string, string>();
  for (const path of patterns.flatMap((pattern) => globSync(pattern).toSorted())) {
    const device = await realpath(path).catch(() => undefined);
    if (device !== undefined && !found.has(device)) found.set(device, path);
  }
  return [...found].map(([device, path]) => ({ path, device }));
}

/** Opens it for us alone. Rejects with one line that says what to do. */
export async function openPort(path: string, speed: number): Promise<SerialPort> {
  await access(path, constants.R_OK | constants.W_OK).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${path}: ${whyNot(error)}`);
  });
  const port = new SerialPort({ path, baudRate: speed, autoOpen: false });
  await new Promise<void>((resolve, reject) => {
    port.open((error) => (error ? reject(new Error(`${path}: ${whyNot(error)}`)) : resolve()));
  });
  // Some adapters, and every pseudo-terminal, have no such lines.
  port.set({ dtr: true, rts: true }, () => {});
  return port;
}

function whyNot(error: NodeJS.ErrnoException): string {
  const { code } = error;
  const says = (text: string) => error.message.toLowerCase().includes(text);
  if (code === 'ENOENT' || says('no such file'))
    return 'there is no such device: is the stick plugged in? `hermod modem` lists those that are';
  if (code === 'EACCES' || says('permission denied'))
    return 'this user may not open it: add the user to the group dialout (usermod -aG dialout NAME), and log in again or restart the service';
  if (code === 'EBUSY' || says('cannot lock port') || says('busy'))
    return 'another program uses it: a gateway that runs already, ModemManager, or a terminal program';
  return reasonOf(error);
}

/** Closing a hung device may never end: nobody waits for that longer than a moment. */
export async function closePort(port: SerialPort): Promise<void> {
  if (!port.isOpen) return;
  await Promise.race([
    new Promise<void>((resolve) => port.close(() => resolve())),
    new Promise<void>((resolve) => setTimeout(resolve, 1_000).unref()),
  ]);
}

/** The port behind which a modem with this IMEI answers. A stick has several, and answers on one or two of them. */
export async function findByImei(imei: string, patterns: readonly string[], speed: number): Promise<string> {
  const ports = await portsIn(patterns);
  const faults: string[] = [];
  const found = await Promise.all(
    ports.map(async ({ path }) => {
      try {
        return (await lookAt(path, speed)) === imei ? path : undefined;
      } catch (error) {
        faults.push(reasonOf(error));
        return undefined;
      }
    }),
  );
  const path = found.find((one) => one !== undefined);
  if (path !== undefined) return path;
  const looked =
    ports.length === 0 ? 'there is no serial device' : `not on ${ports.map((one) => basename(one.path)).join(', ')}`;
  throw new Error(`no modem with IMEI ${imei}: ${[looked, ...faults].join('; ')}`.slice(0, 300));
}

async function lookAt(path: string, speed: number): Promise<string | undefined> {
  const port = await openPort(path, speed);
  const at = openAt(
    port,
    { answerTimeout: LOOK_TIMEOUT_MS, submitTimeout: LOOK_TIMEOUT_MS },
    { unasked() {}, ended() {} },
  );
  try {
    await at.sync();
    return await imeiOf(at);
  } catch {
    return undefined; // Not every port of a stick speaks AT.
  } finally {
    at.end('looked at');
    await closePort(port);
  }
}
