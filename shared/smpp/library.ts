// The `smpp` package, with what stands in our way taken out, here and nowhere else:
// - its message filters decode short_message by data_coding, guess alphabets and lose octets: we encode ourselves, so
//   short_message and message_payload stay Buffers both ways;
// - its time filters turn validity_period into Date in local time: it stays a string;
// - each PDU is one write: `sendCorked` gathers the PDUs of one tick into one;
// - it believes what a PDU says about its own length: `readPdu` does not.
import type { Socket } from 'node:net';
import smpp, { type PDU, type PduFields, type Session } from 'smpp';

for (const command of Object.values(smpp.commands)) {
  for (const [name, param] of Object.entries(command.params ?? {})) {
    if (name === 'short_message' || /_(time|date|period)$/.test(name)) delete param.filter;
  }
}
for (const name of ['message_payload', 'callback_num', 'source_subaddress', 'dest_subaddress'])
  delete smpp.tlvs[name]?.filter;

// The package clears the highest bit of each character, and so makes other, printable ones of them.
smpp.types.cstring.read = (buffer, offset) => {
  const end = buffer.indexOf(0, offset);
  return buffer.toString('latin1', offset, end === -1 ? buffer.length : end);
};

/** command_length, command_id, command_status and sequence_number. */
export const HEADER_OCTETS = 16;

export const newPdu = (command: string, fields?: PduFields): PDU => new smpp.PDU(command, fields);
export const newSession = (socket: Socket): Session => new smpp.Session({ socket });

/** command_status by its name in SMPP 3.4, section 5.1.3, without the prefix `ESME_`. */
export const STATUS = Object.fromEntries(
  Object.entries(smpp.errors).map(([name, value]) => [name.replace('ESME_', ''), value]),
) as Record<string, number>;
const NAMES = new Map(Object.entries(smpp.errors).map(([name, value]) => [value, name]));

/** `ESME_RTHROTTLED`, or the number in hex for a vendor's own status. */
export const statusName = (status: number): string => NAMES.get(status) ?? `0x${status.toString(16).padStart(8, '0')}`;

/** The longest command_length that is taken for honest: a message_payload of 64 kB less a submit_sm's other fields. */
export const MOST_PDU_OCTETS = 65_536;
smpp.PDU.maxLength = MOST_PDU_OCTETS;

/** The field of a PDU that is written as the optional parameter `tag` with just these octets. */
export function rawTlv(tag: number): string {
  const field = `tlv_${tag.toString(16).padStart(4, '0')}`;
  smpp.tlvs[field] ??= { id: tag, type: smpp.types.tlv.buffer };
  return field;
}

/** The fields of a PDU that have a value, mandatory ones first, in the order of SMPP 3.4. */
export function fieldsOf(pdu: PDU): [name: string, value: unknown][] {
  const names = [...Object.keys(smpp.commands[pdu.command]?.params ?? {}), ...Object.keys(smpp.tlvs)];
  return [...new Set(names)].filter((name) => pdu[name] !== undefined).map((name) => [name, pdu[name]]);
}

/** `submit_sm`, or undefined for a command_id that SMPP does not have. */
export const commandName = (id: number): string | undefined => smpp.commandsById[id]?.command;

/**
 * Reads one whole PDU of a known command: `frame` is at least its header and exactly as long as its command_length.
 * The package reads past what a PDU lacks and cuts what is too long; here that is the command_status to answer with.
 */
export function readPdu(frame: Buffer): PDU | number {
  let pdu: PDU;
  try {
    pdu = new smpp.PDU(frame);
  } catch {
    return STATUS.RINVCMDLEN!;
  }
  let at = HEADER_OCTETS;
  for (const [name, { type }] of Object.entries(smpp.commands[pdu.command]?.params ?? {})) {
    const value = pdu[name];
    if (value === undefined) return STATUS.RINVCMDLEN!;
    if (Buffer.isBuffer(value) && frame[at] !== value.length) return STATUS.RINVMSGLEN!;
    at += type.size(value);
  }
  return at > frame.length ? STATUS.RINVCMDLEN! : faultOfTlvs(frame, at) || pdu;
}

/** Optional parameters must end where the PDU does, and a number have its size (SMPP 3.4, 5.3). 0 when they do. */
function faultOfTlvs(frame: Buffer, start: number): number {
  let at = start;
  while (at < frame.length) {
    if (at + 4 > frame.length) return STATUS.RINVTLVSTREAM!;
    const type = smpp.tlvsById[frame.readUInt16BE(at)]?.type;
    const length = frame.readUInt16BE(at + 2);
    if (typeof type?.default === 'number' && length !== type.size(0)) return STATUS.RINVTLVLEN!;
    at += 4 + length;
  }
  return at === frame.length ? 0 : STATUS.RINVTLVSTREAM!;
}

/** Sends a PDU; what is sent in one tick leaves in one write. False when the socket is closed. */
export function sendCorked(session: Session, pdu: PDU): boolean {
  const { socket } = session;
  if (socket.writableCorked === 0) {
    socket.cork();
    setImmediate(() => socket.uncork());
  }
  return session.send(pdu);
}
