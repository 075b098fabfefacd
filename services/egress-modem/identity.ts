// Who a modem is and how it stands: what it says about itself, its SIM, its network and its storage. Nothing here costs
// money or changes anything.
import { type At, AtFault } from './at.ts';

/** What makers print around the bare answer: the command's name and quotes. */
const bare = (line: string) =>
  line
    .replace(/^\+[A-Z]+:\s*/, '')
    .replaceAll('"', '')
    .trim();

/** The answer's first line, or '' where the modem refuses the question. A modem that is silent is the caller's. */
export async function ask(at: At, command: string, wanted: RegExp = /./): Promise<string> {
  try {
    return (await at.command(command)).find((line) => wanted.test(line)) ?? '';
  } catch (error) {
    if (error instanceof AtFault && error.kind === 'refused') return '';
    throw error;
  }
}

export const imeiOf = async (at: At): Promise<string | undefined> =>
  /\d{14,16}/.exec(await ask(at, 'AT+CGSN', /^(\+CGSN:\s*)?"?\d{14,16}"?$/))?.[0];

export type Identity = { maker: string; model: string; firmware: string; imei: string | undefined; words: string };

export async function identityOf(at: At): Promise<Identity> {
  // News begin with a plus too, but not with this command's name.
  const named = async (command: string) =>
    bare(await ask(at, `AT+${command}`, new RegExp(`^(?!\\+)|^\\+${command}:`))).slice(0, 60);
  const maker = await named('CGMI');
  const model = await named('CGMM');
  const firmware = await named('CGMR');
  const information = await at.command('ATI').catch((error: unknown) => {
    if (error instanceof AtFault && error.kind === 'refused') return [];
    throw error;
  });
  return {
    maker,
    model,
    firmware,
    imei: await imeiOf(at),
    words: [maker, model, ...information.filter((line) => !line.startsWith('+'))].join(' '),
  };
}

/** The words of +CPIN? (TS 27.007, 8.3): READY, SIM PIN, SIM PUK and others; `absent` without a SIM. */
export async function simOf(at: At): Promise<string> {
  try {
    const line = (await at.command('AT+CPIN?')).find((one) => one.startsWith('+CPIN:'));
    return line === undefined ? 'unknown' : bare(line).toUpperCase();
  } catch (error) {
    if (!(error instanceof AtFault) || error.kind !== 'refused') throw error;
    // +CME ERROR (TS 27.007, 9.2): 10 no SIM, 13 SIM failure, 14 SIM busy, 15 wrong SIM.
    const words: Record<number, string> = { 10: 'absent', 13: 'failed', 14: 'busy', 15: 'wrong' };
    return words[error.code ?? -1] ?? 'unknown';
  }
}

export type Registration = 'home' | 'roaming' | 'searching' | 'denied' | 'none';
/** <stat> of +CREG (TS 27.007, 7.2); 6 and 7 are registered for SMS only, 9 and 10 without fallback. */
const STATS: Record<number, Registration> = {
  0: 'none',
  1: 'home',
  2: 'searching',
  3: 'denied',
  5: 'roaming',
  6: 'home',
  7: 'roaming',
  9: 'home',
  10: 'roaming',
};
export const isRegistered = (registration: Registration) => registration === 'home' || registration === 'roaming';

/** In the 2G and 3G network, or in the 4G one where a stick knows only that. */
export async function registrationOf(at: At): Promise<Registration> {
  let first: Registration | undefined;
  for (const command of ['CREG', 'CEREG']) {
    // The mode stands before the state in an answer, and not in news of the same name.
    const answer = new RegExp(`^\\+${command}:\\s*\\d\\s*,\\s*(\\d+)\\b`);
    const stat = answer.exec(await ask(at, `AT+${command}?`, answer))?.[1];
    const registration = stat === undefined ? undefined : STATS[Number(stat)];
    if (registration && isRegistered(registration)) return registration;
    first ??= registration;
  }
  return first ?? 'none';
}

/** In dBm; undefined while it is not known (TS 27.007, 8.5). */
export async function signalOf(at: At): Promise<number | undefined> {
  const rssi = /^\+CSQ:\s*(\d+)/.exec(await ask(at, 'AT+CSQ', /^\+CSQ:/))?.[1];
  return rssi === undefined || Number(rssi) > 31 ? undefined : 2 * Number(rssi) - 113;
}

/** Where messages are read and where they arrive, with what is in them (TS 27.005, 3.2.2). */
export type Storage = { name: string; receives: string; used: number; room: number };

export async function storageOf(at: At): Promise<Storage | undefined> {
  const line = await ask(at, 'AT+CPMS?', /^\+CPMS:/);
  const [name, used, room, , , , receives] = bare(line)
    .split(',')
    .map((part) => part.trim());
  if (!name || !/^\d+$/.test(used ?? '') || !/^\d+$/.test(room ?? '')) return undefined;
  return { name, receives: receives || name, used: Number(used), room: Number(room) };
}

export async function smscOf(at: At): Promise<string | undefined> {
  return /^\+CSCA:\s*"(\+?\d+)"/.exec(await ask(at, 'AT+CSCA?', /^\+CSCA:/))?.[1];
}

export async function operatorOf(at: At): Promise<string | undefined> {
  return /^\+COPS:\s*\d,\d,"([^"]{1,40})"/.exec(await ask(at, 'AT+COPS?', /^\+COPS:/))?.[1];
}
