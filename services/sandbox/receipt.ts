// Delivery receipts as an SMSC writes them (SMPP 3.4, appendix B), and the message ids that they name.
import { type Behaviour, type IdForm, messageState, type State } from './behaviour.ts';
import { type Deliver, tag } from './pdu.ts';
import type { Received } from './submits.ts';
import { readText, userData } from './text.ts';

const ESM_RECEIPT = 0x04;
const ESM_INTERMEDIATE = 0x20;
/** registered_delivery (SMPP 3.4, 5.2.17). */
const ASKED_ALWAYS = 1;
const ASKED_ON_FAILURE = 2;
const ASKED_INTERMEDIATE = 0x10;
/** Characters of the message that `text:` repeats. */
const TEXT_LENGTH = 20;
const NO_OCTETS = Buffer.alloc(0);
const NO_TLVS: Deliver['tlvs'] = [];

/** The same number in one of several notations; `serial` is a whole number under 2^53. */
export function writeId(serial: number, form: IdForm): string {
  if (form === 'decimal') return String(serial);
  if (form === 'leadingZeros') return String(serial).padStart(20, '0');
  const hex = serial.toString(16);
  if (form === 'hex') return hex;
  if (form === 'upperHex') return hex.toUpperCase();
  const h = hex.padStart(16, '0');
  const uuid = `${h.slice(0, 8)}-${h.slice(8, 12)}-4${h.slice(12, 15)}-8${h.slice(15)}00-000000000000`;
  return form === 'uuid' ? uuid : uuid.replaceAll('-', '');
}

/** The state that a message comes to, and its error code; 'none' when no receipt is to tell it. */
export function finalState(received: Received, rules: Behaviour['receipts']): { state: State | 'none'; error: string } {
  const row = rules.states.find(({ suffix }) => received.dest.addr.endsWith(suffix));
  return { state: row?.state ?? rules.state, error: row?.error ?? rules.error };
}

export function isReceiptDue(received: Received, state: State | 'none', rules: Behaviour['receipts']): boolean {
  if (rules.missing || state === 'none') return false;
  if (!rules.onlyIfAsked) return true;
  const asked = received.registeredDelivery & 0x03;
  return asked === ASKED_ALWAYS || (asked === ASKED_ON_FAILURE && isFailure(state));
}

export function isIntermediateDue(received: Received, rules: Behaviour['receipts']): boolean {
  return rules.intermediate && !rules.missing && (received.registeredDelivery & ASKED_INTERMEDIATE) !== 0;
}

function isFailure(state: State): boolean {
  return state !== 'DELIVRD' && state !== 'ACCEPTD' && state !== 'ENROUTE';
}

export type Verdict = {
  /** As the receipt is to name the message. */
  id: string;
  state: State;
  error: string;
  isIntermediate: boolean;
  /** Whether it is told in the text, in optional parameters, or both. */
  text: boolean;
  tlvs: boolean;
};

/** The deliver_sm that tells the verdict: from the handset to the one who sent the message. */
export function receipt(received: Received, verdict: Verdict): Deliver {
  return {
    source: received.dest,
    dest: received.source,
    esmClass: verdict.isIntermediate ? ESM_INTERMEDIATE : ESM_RECEIPT,
    dataCoding: 0,
    shortMessage: verdict.text ? receiptText(received, verdict) : NO_OCTETS,
    tlvs: verdict.tlvs ? receiptTlvs(verdict) : NO_TLVS,
  };
}

function receiptTlvs({ id, state }: Verdict): Deliver['tlvs'] {
  return [
    [tag.receipted_message_id, Buffer.from(`${id}\0`, 'latin1')],
    [tag.message_state, Buffer.of(messageState[state])],
  ];
}

function receiptText(received: Received, { id, state, error }: Verdict): Buffer {
  const delivered = state === 'DELIVRD' ? '001' : '000';
  const dates = `submit date:${minute(received.at)} done date:${minute(Date.now())}`;
  const head = `id:${id} sub:001 dlvrd:${delivered} ${dates} stat:${state} err:${error.padStart(3, '0')} text:`;
  return Buffer.concat([Buffer.from(head, 'latin1'), firstCharacters(received)]);
}

/** In the default alphabet the octets are repeated as they came; of other alphabets only what is ASCII can be shown. */
function firstCharacters(received: Received): Buffer {
  if (received.dataCoding === 0) return userData(received).subarray(0, TEXT_LENGTH);
  const characters = [...readText(received)].slice(0, TEXT_LENGTH);
  return Buffer.from(characters.map((character) => (/^[ -~]$/.test(character) ? character : '?')).join(''), 'latin1');
}

/** YYMMDDhhmm in UTC. */
function minute(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(2, 16).replace(/\D/g, '');
}
