// `hermod modem`: which serial devices there are, and what the modem on one of them is and can do. Before any
// configuration, without the broker, and without sending anything.
import type { Command } from 'commander';
import { reasonOf } from '#shared/telemetry/log.ts';
import { type At, AtFault, openAt } from '../../services/egress-modem/at.ts';
import {
  ask,
  type Identity,
  identityOf,
  isRegistered,
  operatorOf,
  type Registration,
  registrationOf,
  type Storage,
  signalOf,
  simOf,
  smscOf,
  storageOf,
} from '../../services/egress-modem/identity.ts';
import { closePort, openPort, portsIn } from '../../services/egress-modem/port.ts';
import { profileOf } from '../../services/egress-modem/types.ts';
import { Fault, notFound, usageFault } from './fault.ts';
import { type Options, optionsOf } from './gateway.ts';
import { paint, say, sayJson, sayTable } from './output.ts';
import { readSecret } from './prompt.ts';

const PORTS = ['/dev/serial/by-id/*', '/dev/ttyUSB*', '/dev/ttyACM*'];
const ANSWER_MS = 5_000;
/** After its PIN a SIM needs a moment before it is ready, and the network a few seconds more. */
const PIN_MS = 10_000;
const REGISTER_MS = 15_000;
const ASK_AGAIN_MS = 1_000;

type ModemOptions = Options & { speed: string; pin?: boolean };

type Found = {
  identity: Identity;
  type: string;
  sim: string;
  registration: Registration;
  operator: string | undefined;
  dbm: number | undefined;
  smsc: string | undefined;
  storage: Storage | undefined;
  pduMode: boolean;
  /** Why it cannot send now; empty when it can. */
  obstacles: string[];
};

export function addModem(program: Command): void {
  program
    .command('modem [device]')
    .description('show what a modem is, its network, signal and storage, and whether it can send; nothing is sent')
    .option('--speed <baud>', 'of a true serial line', '115200')
    .option('--pin', "ask for the SIM's PIN and enter it once; else a locked SIM stays locked")
    .addHelpText(
      'after',
      `
Without a device it lists the serial devices of this machine.

Example:
  hermod modem /dev/ttyUSB0`,
    )
    .action((device: string | undefined, _options, command: Command) => {
      const options = optionsOf<ModemOptions>(command);
      return device === undefined ? list(options) : show(device, options);
    });
}

async function list(options: ModemOptions): Promise<void> {
  const ports = await portsIn(PORTS);
  if (options.json) return sayJson(ports);
  if (ports.length === 0)
    throw notFound('there is no serial device: plug the stick in, and look at `dmesg` when it stays away');
  sayTable(
    ['DEVICE', 'NOW'],
    ports.map(({ path, device }) => [path, device]),
  );
  say();
  say('A stick has several; the modem answers on one or two of them:');
  for (const { path } of ports) say(`  hermod modem ${path}`);
}

async function show(device: string, options: ModemOptions): Promise<void> {
  const speed = Number(options.speed);
  if (!Number.isInteger(speed) || speed < 300) throw usageFault('--speed is a number of baud, such as 115200');
  const pin = options.pin ? (await readSecret('PIN: ')).trim() : undefined;
  if (pin !== undefined && !/^\d{4,8}$/.test(pin)) throw usageFault('a PIN has 4 to 8 digits');
  const port = await openPort(device, speed);
  const timeouts = { answerTimeout: ANSWER_MS, submitTimeout: ANSWER_MS };
  const at = openAt(port, timeouts, { unasked() {}, ended() {} });
  try {
    const found = await look(at, pin);
    if (options.json) sayJson({ device, ...found, canSend: found.obstacles.length === 0 });
    else sayFound(device, found);
  } catch (error) {
    if (error instanceof AtFault && error.kind === 'silent')
      throw new Fault(`${device}: ${error.message}: another port of the stick may be the modem, see \`hermod modem\``);
    throw new Fault(`${device}: ${reasonOf(error)}`);
  } finally {
    at.end('looked at');
    await closePort(port);
  }
}

async function look(at: At, pin: string | undefined): Promise<Found> {
  await at.sync();
  await ask(at, 'ATE0');
  await ask(at, 'AT+CMEE=1');
  const pduMode = await at.command('AT+CMGF=0').then(
    () => true,
    (error: unknown) => {
      if (error instanceof AtFault && error.kind === 'refused') return false;
      throw error;
    },
  );
  const identity = await identityOf(at);
  const sim = await unlocked(at, pin);
  const registration = await registered(at, pin !== undefined);
  const operator = await operatorOf(at);
  const dbm = await signalOf(at);
  const smsc = await smscOf(at);
  const storage = await storageOf(at);
  const obstacles = [
    ...(pduMode ? [] : ['it has no PDU mode']),
    ...(sim === 'READY' ? [] : [SIM_WORDS[sim] ?? `the SIM is not ready: ${sim}`]),
    ...(isRegistered(registration) ? [] : [`it is not registered in the network: ${registration}`]),
    ...(smsc === undefined ? ['the SIM has no number of a service centre: set smsc'] : []),
  ];
  const type = profileOf('auto', identity.words).name;
  return { identity, type, sim, registration, operator, dbm, smsc, storage, pduMode, obstacles };
}

const SIM_WORDS: Record<string, string> = {
  absent: 'there is no SIM in it',
  'SIM PIN': 'the SIM asks for its PIN: set pin in the configuration, or look again with --pin',
  'SIM PUK': 'the SIM is locked and asks for its PUK: enter it in a phone',
};

async function unlocked(at: At, pin: string | undefined): Promise<string> {
  const sim = await simOf(at);
  if (sim !== 'SIM PIN' || pin === undefined) return sim;
  await at.command(`AT+CPIN="${pin}"`, PIN_MS).catch((error: unknown) => {
    if (error instanceof AtFault && error.kind === 'refused')
      throw new Error('the SIM refused the PIN: three times lock it');
    throw error;
  });
  return untilIs(
    PIN_MS,
    () => simOf(at),
    (now) => now === 'READY',
  );
}

/** Only a SIM that was unlocked just now is worth waiting for. */
const registered = (at: At, wait: boolean) => untilIs(wait ? REGISTER_MS : 0, () => registrationOf(at), isRegistered);

async function untilIs<T>(ms: number, get: () => Promise<T>, is: (value: T) => boolean): Promise<T> {
  const until = performance.now() + ms;
  for (;;) {
    const value = await get();
    if (is(value) || performance.now() >= until) return value;
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
}

function sayFound(device: string, found: Found): void {
  const { identity, type, sim, registration, operator, dbm, smsc, storage, pduMode, obstacles } = found;
  const { maker, model, firmware, imei } = identity;
  const line = (name: string, value: string) => say(`${name.padEnd(13)} ${value}`);
  line('device', device);
  line('modem', [maker, model, firmware].filter(Boolean).join(' ') || 'it does not say');
  line('IMEI', imei ?? 'it does not say');
  line('modemType', type === 'generic' ? 'auto (none of the special ones)' : `auto (${type})`);
  line('SIM', sim === 'READY' ? 'ready' : sim);
  line('network', [registration, operator].filter(Boolean).join(', '));
  line('signal', dbm === undefined ? 'unknown' : `${dbm} dBm (${dbm > -85 ? 'good' : dbm > -100 ? 'fair' : 'weak'})`);
  line('SMS centre', smsc ?? 'none');
  line('storage', storage ? `${storage.used} of ${storage.room} messages (${storage.name})` : 'unknown');
  line('PDU mode', pduMode ? 'yes' : 'no');
  line('can send', obstacles.length === 0 ? paint('green', 'yes') : paint('red', `no: ${obstacles.join('; ')}`));
}
