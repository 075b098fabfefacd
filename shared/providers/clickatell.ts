// What Clickatell's older HTTP and REST APIs have in common: error codes and message states.
import type { ReceiptState } from '../messages/report.ts';
import type { Outcome } from '../outcome.ts';
import { refused } from './preset.ts';

/** 105 destination address, 107 empty text, 113 too many parts, 116 text is no Unicode, 121 and 122 handset blocked. */
const MESSAGE = new Set(['105', '107', '113', '116', '121', '122']);
/** 901 internal error. */
const TRANSIENT = new Set(['901']);
/** 130 more messages than the account may send in this time. */
const THROTTLED = new Set(['130']);

/** For an error code of three digits. */
export function clickatellError(code = '', words = ''): Outcome {
  const reason = code ? `${code} ${words}`.trim() : 'the answer has neither an id nor an error';
  if (TRANSIENT.has(code)) return { kind: 'retry', reason };
  if (THROTTLED.has(code)) return { kind: 'throttled', reason };
  return refused(MESSAGE.has(code) ? 'message' : 'provider', reason);
}

export const CLICKATELL_STATES: Readonly<Record<string, ReceiptState>> = {
  '001': 'unknown', // unknown id
  '002': 'buffered', // queued
  '003': 'buffered', // delivered to the network
  '004': 'delivered',
  '005': 'failed', // error with the message
  '006': 'failed', // cancelled by the user
  '007': 'failed', // error delivering
  '008': 'buffered', // received by the gateway
  '009': 'rejected', // routing error
  '010': 'expired',
  '011': 'buffered', // queued for later
  '012': 'rejected', // out of credit
  '014': 'rejected', // over the limit of parts
};
