// Makes a modem ready to send and to receive: awake, unlocked, in PDU mode, in the network. What only adds comfort may be
// refused; the PIN and PDU mode may not.
import type { ModemType } from '#shared/config/bearers/modem.ts';
import { type At, AtFault } from './at.ts';
import {
  ask,
  type Identity,
  identityOf,
  isRegistered,
  registrationOf,
  type Storage,
  signalOf,
  simOf,
  storageOf,
} from './identity.ts';
import { indications, type Profile, profileOf } from './types.ts';

/** After its PIN a SIM needs a moment, and the network a few seconds more. */
const SIM_READY_MS = 10_000;
const REGISTER_MS = 8_000;
const ASK_AGAIN_MS = 500;
/** With no more tries than this left, a wrong PIN would lock the SIM. */
const LAST_TRY = 1;

/** A PIN that the SIM refused: it is not tried again, because the third time locks the SIM. */
export class WrongPin extends Error {
  override name = 'WrongPin';
}

export type Ready = {
  identity: Identity;
  profile: Profile;
  storage: Storage | undefined;
  /** Status reports and messages that come at once want an AT+CNMA (TS 27.005, 3.4.4). */
  acknowledges: boolean;
  /** Whether it gives status reports at all. */
  reports: boolean;
};

export type SetupOptions = { modemType: ModemType; pin?: string | undefined; warn(reason: string): void };

/** Rejects with one line that says what is wrong and what to do; a modem that falls silent ends in its AtFault. */
export async function setUp(at: At, { modemType, pin, warn }: SetupOptions): Promise<Ready> {
  await at.sync();
  const comfort = (command: string) => accepts(at, command, warn);
  await comfort('ATE0');
  await comfort('AT+CMEE=1');
  await unlock(at, pin);
  await required(at, 'AT+CMGF=0', 'it has no PDU mode, so it cannot be used');
  const identity = await identityOf(at);
  const profile = profileOf(modemType, identity.words);
  for (const command of profile.init) await comfort(command);
  // News about the network are asked for, not waited for.
  await comfort('AT+CREG=0');
  const acknowledges = await comfort('AT+CSMS=1');
  const reports = await indicate(at, profile, warn);
  await inNetwork(at);
  return { identity, profile, storage: await oneStorage(at, warn), acknowledges, reports };
}

async function accepts(at: At, command: string, warn: (reason: string) => void): Promise<boolean> {
  try {
    await at.command(command);
    return true;
  } catch (error) {
    if (!(error instanceof AtFault) || error.kind !== 'refused') throw error;
    warn(error.message);
    return false;
  }
}

async function required(at: At, command: string, otherwise: string): Promise<void> {
  try {
    await at.command(command);
  } catch (error) {
    if (!(error instanceof AtFault) || error.kind !== 'refused') throw error;
    throw new Error(`${otherwise} (${error.message})`);
  }
}

async function unlock(at: At, pin: string | undefined): Promise<void> {
  let sim = await simOf(at);
  if (sim === 'SIM PIN') {
    if (pin === undefined) throw new Error('the SIM asks for its PIN: set pin in the row of this provider');
    const left = /^\+CPINR:\s*SIM PIN,\s*(\d+)/.exec(await ask(at, 'AT+CPINR="SIM PIN"', /^\+CPINR:\s*SIM PIN,/))?.[1];
    if (left !== undefined && Number(left) <= LAST_TRY)
      throw new WrongPin(`the SIM takes ${left} more wrong PIN before it locks: enter the PIN in a phone first`);
    await at.command(`AT+CPIN="${pin}"`, SIM_READY_MS).catch((error: unknown) => {
      if (!(error instanceof AtFault) || error.kind !== 'refused') throw error;
      throw new WrongPin('the SIM refused the PIN, and it is not tried again: correct pin and restart');
    });
  }
  const until = performance.now() + SIM_READY_MS;
  while (sim !== 'READY') {
    sim = await simOf(at);
    if (sim === 'absent') throw new Error('there is no SIM in the modem');
    if (/PUK/.test(sim)) throw new Error('the SIM is locked and asks for its PUK: enter it in a phone');
    if (sim === 'READY') return;
    if (performance.now() > until) throw new Error(`the SIM is not ready: ${sim}`);
    await pause();
  }
}

/** Has messages and status reports announced, in the best way that the modem takes. */
async function indicate(at: At, profile: Profile, warn: (reason: string) => void): Promise<boolean> {
  const test = await ask(at, 'AT+CNMI=?', /^\+CNMI:/);
  for (const command of indications(profile, test || undefined)) {
    if (await accepts(at, command, () => {})) return !command.endsWith(',0,0');
  }
  warn('no form of AT+CNMI is taken: messages are read at every check, and there are no status reports');
  return false;
}

async function inNetwork(at: At): Promise<void> {
  const until = performance.now() + REGISTER_MS;
  for (;;) {
    const registration = await registrationOf(at);
    if (isRegistered(registration)) return;
    if (performance.now() < until && registration !== 'denied') {
      await pause();
      continue;
    }
    const dbm = await signalOf(at);
    const signal = dbm === undefined ? 'no signal' : `signal ${dbm} dBm`;
    throw new Error(`not registered in the network: ${registration}, ${signal}`);
  }
}

/** Messages are read where they arrive. */
async function oneStorage(at: At, warn: (reason: string) => void): Promise<Storage | undefined> {
  const storage = await storageOf(at);
  if (!storage || storage.name === storage.receives) return storage;
  if (!(await accepts(at, `AT+CPMS="${storage.receives}"`, warn))) return storage;
  return storageOf(at);
}

const pause = () => new Promise<void>((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
