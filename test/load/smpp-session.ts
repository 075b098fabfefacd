// One SMPP session over a plain socket, for the load generator and for measuring the SMSC: PDUs are written together once
// per tick, and only what a client must answer is answered. No SMPP library, since it must cost less than what it measures.
import { connect } from 'node:net';
import { newPdu } from '#shared/smpp/library.ts';

const HEADER_OCTETS = 16;
const GENERIC_NACK = 0x8000_0000;
const BIND_TRANSCEIVER_RESP = 0x8000_0009;
const SUBMIT_SM_RESP = 0x8000_0004;
const DELIVER_SM = 5;
const DELIVER_SM_RESP = 0x8000_0005;
const ENQUIRE_LINK = 0x15;
const ENQUIRE_LINK_RESP = 0x8000_0015;

export type SmppSession = { send(pdu: Buffer): void; close(): void };
export type SmppSessionEvents = {
  /** submit_sm_resp, or a generic_nack. */
  answered(sequence: number, status: number): void;
  /** A deliver_sm came, and was acknowledged. */
  delivered(): void;
  /** The other side closed; nothing more comes. */
  broken(reason: string): void;
};
export type Account = { systemId: string; password: string };

/** Connects and binds as a transceiver. */
export function openSmppSession(port: number, account: Account, events: SmppSessionEvents): Promise<SmppSession> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    let out: Buffer[] = [];
    let rest: Buffer = Buffer.alloc(0);
    let closing = false;
    let reason = 'closed by the server';

    function send(pdu: Buffer): void {
      if (out.push(pdu) > 1) return;
      queueMicrotask(() => {
        socket.write(out.length === 1 ? out[0]! : Buffer.concat(out));
        out = [];
      });
    }

    function take(command: number, status: number, sequence: number): void {
      if (command === SUBMIT_SM_RESP || command === GENERIC_NACK) events.answered(sequence, status);
      else if (command === DELIVER_SM) {
        send(short(DELIVER_SM_RESP, sequence, 1)); // with an empty message_id
        events.delivered();
      } else if (command === ENQUIRE_LINK) send(short(ENQUIRE_LINK_RESP, sequence));
      else if (command === BIND_TRANSCEIVER_RESP && status === 0) resolve({ send, close });
      else if (command === BIND_TRANSCEIVER_RESP) reject(new Error(`bind refused with status ${status}`));
    }

    function close(): void {
      closing = true;
      socket.destroy();
    }

    socket.on('data', (chunk) => {
      const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let at = 0;
      while (data.length - at >= HEADER_OCTETS && data.length - at >= data.readUInt32BE(at)) {
        take(data.readUInt32BE(at + 4), data.readUInt32BE(at + 8), data.readUInt32BE(at + 12));
        at += data.readUInt32BE(at);
      }
      rest = Buffer.from(data.subarray(at));
    });
    socket.on('error', (error) => {
      reason = error.message;
      reject(error);
    });
    socket.on('close', () => {
      reject(new Error(reason));
      if (!closing) events.broken(reason);
    });
    send(newPdu('bind_transceiver', { system_id: account.systemId, password: account.password }).toBuffer());
  });
}

/** A PDU of a header and `body` zeros. */
function short(command: number, sequence: number, body = 0): Buffer {
  const pdu = Buffer.alloc(HEADER_OCTETS + body);
  pdu.writeUInt32BE(pdu.length, 0);
  pdu.writeUInt32BE(command, 4);
  pdu.writeUInt32BE(sequence, 12);
  return pdu;
}
