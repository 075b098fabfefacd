// From the fields of a submit_sm or submit_multi to a request, or to the command_status that refuses it. Nothing is
// guessed and nothing is dropped in silence: what cannot be kept is refused.
import type { PDU } from 'smpp';
import type { Client } from '#shared/config/schema.ts';
import type { Request } from '#shared/doors/accept.ts';
import { type Alphabet, codingOf, textOf } from '#shared/smpp/coding.ts';
import { STATUS } from '#shared/smpp/library.ts';
import { parseRecipients, type Recipient } from '#shared/sms/number.ts';
import { fits, type Part, partBySar, partByUdh } from './partial.ts';
import { parseTime } from './times.ts';

/** `reason` is from a closed set of words, `detail` says more in words of this program. */
export type Refusal = { status: number; reason: string; detail: string };

export const refusal = (status: string, reason: string, detail: string): Refusal => ({
  status: STATUS[status]!,
  reason,
  detail,
});

/** The fields that both commands have (SMPP 3.4, 4.4.1 and 4.5.1); readPdu has seen that all are there. */
type Fields = Record<'source_addr_ton' | 'dest_addr_ton' | 'esm_class' | 'priority_flag', number> &
  Record<'registered_delivery' | 'replace_if_present_flag' | 'data_coding' | 'sm_default_msg_id', number> &
  Record<'service_type' | 'source_addr' | 'destination_addr' | 'schedule_delivery_time' | 'validity_period', string> & {
    short_message: Buffer;
    message_payload?: Buffer;
    dest_address?: ({ dest_addr_ton: number; destination_addr: string } | { dl_name: string })[];
  };

const TON_INTERNATIONAL = 1;
/** Longest address, service_type and time, without their NUL. */
const MOST = { address: 20, service: 5, priority: 3 };
/** A longer validity is cut to this, as an SMSC does; a later delivery is refused. */
const LONGEST_MS = 30 * 24 * 3_600_000;
const UDHI = 0x40;
/** esm_class bits 5-2: a message type. A client submits plain messages only. */
const MESSAGE_TYPE = 0x3c;
/** registered_delivery (SMPP 3.4, 5.2.17) to Kannel's dlr-mask: 1 delivered, 2 failed, 4 buffered. */
const FINAL_MASKS = [0, 3, 2] as const;
const INTERMEDIATE = 0x10;
const BUFFERED_MASK = 4;

export function readSubmit(pdu: PDU, client: Client, address: string, now: number): Request | Refusal {
  const fields = pdu as unknown as Fields;
  const { service_type, priority_flag, replace_if_present_flag, sm_default_msg_id, registered_delivery } = fields;
  if (service_type.length > MOST.service) return refusal('RINVSERTYP', 'service_type', 'longer than 5 characters');
  if (priority_flag > MOST.priority) return refusal('RINVPRTFLG', 'priority_flag', 'more than 3');
  if (replace_if_present_flag !== 0) return refusal('RINVREPFLAG', 'replace_if_present', 'replacing is not known here');
  if (sm_default_msg_id !== 0) return refusal('RINVDFTMSGID', 'sm_default_msg_id', 'there are no predefined messages');
  const final = FINAL_MASKS[registered_delivery & 3];
  if (final === undefined) return refusal('RINVREGDLVFLG', 'registered_delivery', 'bits 1-0 are 3, which is reserved');
  const dlrMask = final | (registered_delivery & INTERMEDIATE ? BUFFERED_MASK : 0);

  const from = readSource(fields, client);
  if (typeof from !== 'string') return from;
  const recipients = readDestinations(fields, client);
  if ('status' in recipients) return recipients;
  const times = readTimes(fields, now);
  if ('status' in times) return times;
  const content = readContent(pdu, fields, client);
  if ('status' in content) return content;
  return {
    door: 'smpp',
    address,
    recipients,
    from,
    ...content,
    ...times,
    ...(dlrMask ? { dlrMask } : {}),
    ...(priority_flag ? { priority: priority_flag } : {}),
  };
}

/** TON 1 is the `+` of the other doors. An alphanumeric sender is known by its characters, whatever its TON says. */
function readSource({ source_addr_ton, source_addr }: Fields, client: Client): string | Refusal {
  const isNumber = /^\d+$/.test(source_addr);
  const from =
    source_addr_ton === TON_INTERNATIONAL && isNumber
      ? `+${source_addr}`
      : source_addr || client.sender || client.forcedSender;
  if (!from) return refusal('RINVSRCADR', 'from', 'no sender, and the client has none');
  if (from.length > MOST.address || !/^[ -~]+$/.test(from))
    return refusal('RINVSRCADR', 'from', `a sender has at most ${MOST.address} printable characters`);
  return from;
}

function readDestinations(fields: Fields, client: Client): Recipient[] | Refusal {
  const wanted = fields.dest_address ?? [fields];
  if (wanted.length === 0 || wanted.length > client.maxRecipients)
    return refusal('RINVNUMDESTS', 'limit', `1 to ${client.maxRecipients} recipients are allowed`);
  const recipients: Recipient[] = [];
  for (const [i, destination] of wanted.entries()) {
    if ('dl_name' in destination) return refusal('RINVDLNAME', 'number', 'there are no distribution lists');
    const number = readNumber(destination, client);
    if (typeof number === 'string') return refusal('RINVDSTADR', 'number', `recipient ${i + 1}: ${number}`);
    recipients.push(number);
  }
  return recipients;
}

/** A number that begins with 0 is not international, although LinOTP says so of every number. */
function readNumber(
  { dest_addr_ton, destination_addr }: Pick<Fields, 'dest_addr_ton' | 'destination_addr'>,
  { country }: Client,
): Recipient | string {
  if (destination_addr.length > MOST.address) return `longer than ${MOST.address} characters`;
  const international = dest_addr_ton === TON_INTERNATIONAL && /^[1-9]/.test(destination_addr);
  const parsed = parseRecipients(
    international ? `+${destination_addr}` : destination_addr,
    country ? { defaultCountry: country } : {},
  );
  if (!parsed.ok) return parsed.reason;
  return parsed.numbers.length === 1 ? parsed.numbers[0]! : 'more than one number';
}

type Times = Pick<Request, 'validityMs' | 'notBefore'>;

function readTimes({ schedule_delivery_time, validity_period }: Fields, now: number): Times | Refusal {
  const times: Times = {};
  let begin = now;
  if (schedule_delivery_time !== '') {
    const at = parseTime(schedule_delivery_time, now);
    if (at === undefined || at > now + LONGEST_MS)
      return refusal('RINVSCHED', 'schedule_delivery_time', 'no time of the next 30 days');
    if (at > now) times.notBefore = begin = at;
  }
  if (validity_period !== '') {
    const until = parseTime(validity_period, begin);
    if (until === undefined || until <= begin)
      return refusal('RINVEXPIRY', 'validity_period', 'no time behind that of the delivery');
    times.validityMs = Math.min(until - begin, LONGEST_MS);
  }
  return times;
}

type Content = Pick<Request, 'text' | 'encoding' | 'udh' | 'messageClass'>;

function readContent(pdu: PDU, fields: Fields, client: Client): Content | Refusal {
  const { short_message, message_payload, data_coding, esm_class } = fields;
  if (short_message.length > 0 && message_payload)
    return refusal('RTLVNOTALLWD', 'message_payload', 'short_message and message_payload at once');
  const userData = message_payload ?? short_message;
  if (userData.length === 0) return refusal('RINVMSGLEN', 'text', 'there is no text');
  const coding = codingOf(data_coding);
  if (!coding) return refusal('RSUBMITFAIL', 'data_coding', `data_coding ${data_coding} is not taken here`);
  if (esm_class & MESSAGE_TYPE) return refusal('RINVESMCLASS', 'esm_class', 'a message type other than the default');
  const { alphabet, messageClass } = coding;
  const flash = messageClass === undefined ? {} : { messageClass };
  const part = esm_class & UDHI ? partByUdh(userData) : partBySar(pdu, userData);
  if (part === undefined) return refusal('RINVESMCLASS', 'esm_class', 'the header of a part is not well-formed');
  if (part !== 'none') return contentOfPart(part, alphabet, flash, client);
  const text = textOf(userData, alphabet);
  if (text === undefined) return refusal('RSUBMITFAIL', 'text', `the octets do not fit data_coding ${data_coding}`);
  return { text, ...flash, ...(alphabet === 'binary' || alphabet === 'ucs2' ? { encoding: alphabet } : {}) };
}

/** Octets as they came: an escape pair may be split between two parts. ASCII has the letters of the GSM alphabet. */
function contentOfPart(part: Part, alphabet: Alphabet, flash: Content | object, client: Client): Content | Refusal {
  if (!fits(part, alphabet)) return refusal('RINVMSGLEN', 'text', 'the part is longer than one short message');
  if (part.total > client.maxSegments)
    return refusal('RINVMSGLEN', 'limit', `${part.total} parts, ${client.maxSegments} are allowed`);
  const encoding = alphabet === 'ascii' ? 'latin1' : alphabet;
  return { text: part.rest.toString('latin1'), udh: part.udh.toString('hex'), encoding, ...flash };
}
