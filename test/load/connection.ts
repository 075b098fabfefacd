// One HTTP keep-alive connection over a plain socket: a request at a time, as Kannel's clients do. No HTTP library, since
// the generator must cost less than what it measures.
import { connect } from 'node:net';

const READ_OCTETS = 16_384;

export type Connection = { send(request: Buffer): void; close(): void };
export type ConnectionEvents = {
  /** The answer to the request under way has come whole. */
  answered(status: number): void;
  /** The other side closed, or broke the rules; nothing more comes. */
  broken(reason: string): void;
};

export function openConnection(host: string, port: number, events: ConnectionEvents): Promise<Connection> {
  let rest: Buffer | undefined;
  let closing = false;
  const onRead = (octets: number, buffer: Uint8Array): boolean => {
    let data = (buffer as Buffer).subarray(0, octets);
    if (rest) data = Buffer.concat([rest, data]);
    const status = wholeAnswer(data);
    rest = status === undefined ? Buffer.from(data) : undefined;
    if (status !== undefined) events.answered(status);
    return true;
  };
  return new Promise((resolve, reject) => {
    // Reading into one buffer of ours saves the stream machinery for every answer.
    const socket = connect({
      host,
      port,
      noDelay: true,
      onread: { buffer: Buffer.allocUnsafeSlow(READ_OCTETS), callback: onRead },
    });
    let reason = 'closed by the server';
    socket.on('error', (error) => {
      reason = error.message;
      reject(error);
    });
    socket.once('connect', () => {
      socket.once('close', () => {
        if (!closing) events.broken(reason);
      });
      resolve({
        send: (request) => void socket.write(request),
        close() {
          closing = true;
          socket.destroy();
        },
      });
    });
  });
}

/** The status once header and body are there, else undefined. */
function wholeAnswer(data: Buffer): number | undefined {
  const head = data.indexOf('\r\n\r\n');
  if (head === -1) return undefined;
  const header = data.toString('latin1', 0, head);
  const length = /\r\ncontent-length: *(\d+)/i.exec(header);
  const body = length ? Number(length[1]) : 0;
  return data.length >= head + 4 + body ? Number(header.slice(9, 12)) : undefined;
}
