// An SMSC that keeps every PDU as it stood on the wire, and answers: binds with yes, each submit_sm with the next of its
// answers, or an id.
import net, { type AddressInfo, type Socket } from 'node:net';

const RESPONSE = 0x80000000;
const BINDS = [0x1, 0x2, 0x9];
const SUBMIT_SM = 0x4;

export type RawSmsc = {
  port: number;
  /** PDUs in hex, without command_length and sequence_number: command_id, command_status, body. */
  pdus: string[];
  /** What the next submit_sm are answered: a command_status, nothing, or a cut line. */
  answers: (number | 'hang' | 'cut')[];
  /** Runs when a submit_sm has been answered. */
  answered: (() => void) | undefined;
  /** What binds are answered. */
  bindStatus: number;
  lines(): number;
  stop(): Promise<void>;
};

export async function startRawSmsc(): Promise<RawSmsc> {
  const sockets = new Set<Socket>();
  const smsc = {
    pdus: [] as string[],
    answers: [] as RawSmsc['answers'],
    answered: undefined as RawSmsc['answered'],
    bindStatus: 0,
  };
  let lines = 0;

  function answer(socket: Socket, pdu: Buffer): void {
    const id = pdu.readUInt32BE(4);
    smsc.pdus.push(pdu.subarray(4, 12).toString('hex') + pdu.subarray(16).toString('hex'));
    if (id >= RESPONSE) return;
    const told = id === SUBMIT_SM ? (smsc.answers.shift() ?? 0) : BINDS.includes(id) ? smsc.bindStatus : 0;
    if (told === 'hang') return;
    if (told === 'cut') {
      socket.destroy();
      return;
    }
    const body = Buffer.from(
      told !== 0 ? '' : id === SUBMIT_SM ? `id${smsc.pdus.length}\0` : BINDS.includes(id) ? 'smsc\0' : '',
    );
    const head = Buffer.alloc(16);
    head.writeUInt32BE(16 + body.length, 0);
    head.writeUInt32BE((id | RESPONSE) >>> 0, 4);
    head.writeUInt32BE(told, 8);
    pdu.copy(head, 12, 12, 16);
    socket.write(Buffer.concat([head, body]));
    if (id === SUBMIT_SM) smsc.answered?.();
  }

  const server = net.createServer((socket) => {
    lines++;
    sockets.add(socket);
    let rest = Buffer.alloc(0);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    socket.on('data', (octets) => {
      rest = Buffer.concat([rest, octets]);
      while (rest.length >= 16 && rest.length >= rest.readUInt32BE(0)) {
        const length = rest.readUInt32BE(0);
        answer(socket, rest.subarray(0, length));
        rest = rest.subarray(length);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(smsc, {
    port: (server.address() as AddressInfo).port,
    lines: () => lines,
    stop: () =>
      new Promise<void>((done) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => done());
      }),
  });
}
