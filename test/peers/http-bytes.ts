// An HTTP client that sends the bytes it is given, as a recorded program would, and tells whether the connection stays open.
import { connect } from 'node:net';

export type Replied = { status: number; headers: Record<string, string>; body: string; open: boolean };

const HEAD_END = '\r\n\r\n';

/** One request on a connection of its own. Bytes as latin1. Fails when the answer is not whole within `ms`. */
export function exchange(port: number, request: string, ms = 5_000): Promise<Replied> {
  return new Promise((resolve, reject) => {
    let octets = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(request, 'latin1'));
    const timer = setTimeout(() => finish(new Error(`no whole answer within ${ms} ms: ${octets}`)), ms);
    const finish = (outcome: Replied | Error) => {
      clearTimeout(timer);
      socket.destroy();
      if (outcome instanceof Error) reject(outcome);
      else resolve(outcome);
    };
    socket.on('error', finish);
    socket.on('close', () => finish(new Error(`closed without a whole answer: ${octets}`)));
    socket.on('data', (chunk) => {
      octets += chunk.toString('latin1');
      const replied = parse(octets);
      if (replied) finish(replied);
    });
  });
}

function parse(octets: string): Replied | undefined {
  const end = octets.indexOf(HEAD_END);
  if (end === -1) return undefined;
  const [first, ...lines] = octets.slice(0, end).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const body = octets.slice(end + HEAD_END.length);
  if (body.length < Number(headers['content-length'])) return undefined;
  return {
    status: Number(first!.split(' ')[1]),
    headers,
    body: Buffer.from(body, 'latin1').toString(),
    open: headers.connection !== 'close',
  };
}
