// What a modem's refusal of AT+CMGS means for the message: `+CMS ERROR` (3GPP TS 27.005, 3.2.5), which carries the
// network's cause (TS 24.011, E.2) below 128 and the service centre's (TS 23.040, 9.2.3.22) below 256.
import type { Outcome } from '#shared/outcome.ts';
import type { AtFault } from './at.ts';

/** The number or the text is wrong: no other provider would take it. */
const MESSAGE: Record<number, string> = {
  1: 'the number is not assigned',
  28: 'the number is not identified',
  30: 'the subscriber is not known',
  195: 'the service centre knows no such number',
};

/** This SIM, this contract or this modem cannot send it: another provider may. */
const PROVIDER: Record<number, string> = {
  8: 'the operator bars sending with this SIM',
  10: 'sending is barred for this SIM',
  21: 'the network rejected it',
  29: 'the network rejected the facility',
  50: 'this SIM may not send SMS',
  69: 'the network does not offer it',
  96: 'the network found the message invalid',
  193: 'the service centre knows no contract of this SIM',
  196: 'the service centre bars this number',
  302: 'the modem does not allow it',
  303: 'the modem does not support it',
  304: 'the modem does not take this PDU',
  330: 'the SIM has no number of a service centre: set smsc',
};

/** The modem cannot send at all before somebody sees to its SIM. */
const NOT_READY: Record<number, string> = {
  310: 'there is no SIM in the modem',
  311: 'the SIM asks for its PIN',
  312: 'the SIM asks for the PIN of the phone',
  313: 'the SIM failed',
  315: 'this is a wrong SIM',
  316: 'the SIM asks for its PUK',
  317: 'the SIM asks for its PIN2',
  318: 'the SIM asks for its PUK2',
  331: 'there is no network',
};

/** 42 and 192 are the network's congestion; 314, 515 and 536 say that SIM or modem are still busy. */
const BUSY = new Set([42, 192, 314, 515, 536]);
/** The network did not answer in time: it may have the message. */
const NETWORK_TIMEOUT = 332;
export const INVALID_PDU = 304;

type Bad = Exclude<Outcome, { kind: 'done' }>;

/** For a fault at AT+CMGS. Refusals that are not listed pass with time, as Kannel takes them. */
export function verdictOf(fault: AtFault): Bad {
  if (fault.kind !== 'refused') {
    return fault.handed
      ? { kind: 'unknown', reason: `the modem had the message: ${fault.message}` }
      : { kind: 'unavailable', reason: fault.message };
  }
  const { code, family } = fault;
  if (family !== 'CMS' || code === undefined) return { kind: 'retry', reason: fault.message };
  const reason = (words: string) => `+CMS ERROR: ${code}, ${words}`;
  if (MESSAGE[code]) return { kind: 'refused', reason: reason(MESSAGE[code]), scope: 'message', code };
  if (PROVIDER[code]) return { kind: 'refused', reason: reason(PROVIDER[code]), scope: 'provider', code };
  if (NOT_READY[code]) return { kind: 'unavailable', reason: reason(NOT_READY[code]) };
  if (BUSY.has(code)) return { kind: 'throttled', reason: reason('busy') };
  if (code === NETWORK_TIMEOUT) return { kind: 'unknown', reason: reason('the network did not answer') };
  return { kind: 'retry', reason: fault.message };
}
