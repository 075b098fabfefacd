// The `smpp` package, with what stands in our way taken out, here and nowhere else:
// - its message filters decode short_message by data_coding, guess alphabets and lose octets: we encode ourselves, so
//   short_message and message_payload stay Buffers both ways;
// - its time filters turn validity_period into Date in local time: it stays a string;
// - each PDU is one write: `corked` gathers the PDUs of one tick into one.
import type { Socket } from 'node:net';
import smpp, { type PDU, type PduFields, type Session } from 'smpp';

for (const command of Object.values(smpp.commands)) {
  for (const [name, param] of Object.entries(command.params ?? {})) {
    if (name === 'short_message' || name.endsWith('_time') || name === 'validity_period') delete param.filter;
  }
}
for (const name of ['message_payload', 'callback_num', 'source_subaddress', 'dest_subaddress'])
  delete smpp.tlvs[name]?.filter;

export const newPdu = (command: string, fields?: PduFields): PDU => new smpp.PDU(command, fields);
export const newSession = (socket: Socket): Session => new smpp.Session({ socket });

/** command_status by its name in SMPP 3.4, section 5.1.3, without the prefix `ESME_`. */
export const STATUS = Object.fromEntries(
  Object.entries(smpp.errors).map(([name, value]) => [name.replace('ESME_', ''), value]),
) as Record<string, number>;
const NAMES = new Map(Object.entries(smpp.errors).map(([name, value]) => [value, name]));

/** `ESME_RTHROTTLED`, or the number in hex for a vendor's own status. */
export const statusName = (status: number): string => NAMES.get(status) ?? `0x${status.toString(16).padStart(8, '0')}`;

/** Sends a PDU; what is sent in one tick leaves in one write. False when the socket is closed. */
export function sendCorked(session: Session, pdu: PDU): boolean {
  const { socket } = session;
  if (socket.writableCorked === 0) {
    socket.cork();
    setImmediate(() => socket.uncork());
  }
  return session.send(pdu);
}
