// Which callback an event owes to a client, and what it says: Kannel's types, texts and dlr-mask, as recorded from
// Kannel 1.4.5.
import { STATUS, statusName } from '#shared/smpp/library.ts';

/** 1 delivered, 2 failed, 4 buffered, 8 accepted by the SMSC, 16 refused by it. */
export type DlrType = 1 | 2 | 4 | 8 | 16;
export type Owed = {
  type: DlrType;
  /** When it happened, epoch ms. */
  at: number;
  text: string;
  provider: string;
  providerId: string;
  /** The receipt's error, where it has one. */
  error?: string;
};

const FAILED = 2;
const REFUSED = 16;

/** Whether a client with this mask hears of it. Who asked for failures hears of refusals too, as type 16. */
export function isOwed(type: DlrType, mask: number): boolean {
  return (mask & type) !== 0 || (type === REFUSED && (mask & FAILED) !== 0);
}

/** Kannel's words for what an SMSC may answer to a submit_sm (SMPP 3.4, 5.1.3). */
const WORDS: Record<string, string> = {
  RINVMSGLEN: 'Message Length is invalid',
  RINVCMDLEN: 'Command Length is invalid',
  RINVCMDID: 'Invalid Command ID',
  RINVBNDSTS: 'Incorrect BIND Status for given command',
  RINVPRTFLG: 'Invalid Priority Flag',
  RINVREGDLVFLG: 'Invalid Registered Delivery Flag',
  RSYSERR: 'System Error',
  RINVSRCADR: 'Invalid Source Address',
  RINVDSTADR: 'Invalid Destination Address',
  RMSGQFUL: 'Message Queue Full',
  RINVSERTYP: 'Invalid Service Type',
  RINVESMCLASS: 'Invalid esm_class field data',
  RSUBMITFAIL: 'Submit failed',
  RINVSRCTON: 'Invalid Source address TON',
  RINVSRCNPI: 'Invalid Source address NPI',
  RINVDSTTON: 'Invalid Destination address TON',
  RINVDSTNPI: 'Invalid Destination address NPI',
  RINVREPFLAG: 'Invalid replace_if_present flag',
  RTHROTTLED: 'Throttling error',
  RINVSCHED: 'Invalid Scheduled Delivery Time',
  RINVEXPIRY: 'Invalid message validity period',
  RX_T_APPN: 'ESME Receiver Temporary App Error Code',
  RX_P_APPN: 'ESME Receiver Permanent App Error Code',
  RX_R_APPN: 'ESME Receiver Reject Message Error Code',
  RUNKNOWNERR: 'Unknown Error',
};
const TEXTS = new Map(Object.entries(WORDS).map(([name, text]) => [STATUS[name], text]));
const VENDOR = { first: 0x400, last: 0x4ff, text: 'Vendor-specific error, please refer to your SMPP provider' };

/** `0x0000000b/Invalid Destination Address`: a refusal with the provider's status. */
export function refusalText(code: number, reason: string): string {
  const status = `0x${code.toString(16).padStart(8, '0')}`;
  const vendor = code >= VENDOR.first && code <= VENDOR.last ? VENDOR.text : undefined;
  // What is not SMPP's own word comes from another bearer, and says more than Kannel's table.
  const text = reason === statusName(code) ? (TEXTS.get(code) ?? vendor ?? 'Unknown/Reserved') : reason;
  return `${status}/${text}`;
}

/** The text of a type-16 callback. When every provider refused, the reason ends with the last one's word. */
export function endText(state: string, reason: string): string {
  if (state === 'expired') return 'NACK/validity expired';
  const word = /(?:^|: )(?:ESME_(\w+)|(0x[0-9a-f]{8}))$/.exec(reason);
  const code = word?.[1] === undefined ? word?.[2] : STATUS[word[1]];
  return `NACK/${code === undefined ? reason : refusalText(Number(code), statusName(Number(code)))}`;
}

/**
 * Kannel's meta data, with which `%D` is filled: the mask, and for a receipt its error as network_error_code (SMPP 3.4,
 * 5.3.2.31; network type 3 is GSM) in three octets.
 */
export function metaOf({ type, error }: Owed, mask: number): string {
  if (type === 8 || type === 16) return `?smpp_resp??orig_msg?dlr_mask=${mask}&`;
  const asked = `?orig_msg?dlr_mask=${mask}&`;
  if (error === undefined) return asked;
  const number = Number.parseInt(error, 10) || 0;
  const octets = [3, (number >> 8) & 0xff, number & 0xff].map(octet).join('');
  return `${asked}?smpp?dlr_err=${octets}&`;
}

function octet(value: number): string {
  const character = String.fromCharCode(value);
  return /[\w.!~*'()-]/.test(character) ? character : `%${value.toString(16).toUpperCase().padStart(2, '0')}`;
}
