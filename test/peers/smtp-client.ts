// An SMTP client that sends what it is told, octet for octet, so that a test can break every rule.
import { connect, type Socket } from 'node:net';

export type Reply = { code: number; text: string };

export type SmtpClient = {
  socket: Socket;
  /** Writes as it is: no line end is added. */
  write(octets: string | Buffer): void;
  /** The next reply, its lines joined; rejects after `ms` or when the connection ends first. */
  reply(ms?: number): Promise<Reply>;
  /** One command line and its reply. */
  say(line: string): Promise<Reply>;
  /** MAIL, RCPT and DATA; stops at the first refusal and gives it, else the 354. */
  envelope(from: string, to: readonly string[]): Promise<Reply>;
  /** A whole mail with its final dot (`data` is not dot-stuffed), and the last reply. */
  mail(from: string, to: readonly string[], data: string | Buffer): Promise<Reply>;
  /** Resolves when the server has ended the connection. */
  ended: Promise<void>;
  close(): void;
};

export type DialOptions = { localAddress?: string };

/** Connects and waits for nothing: the first reply is the greeting. Octets are Latin-1 where they are given as text. */
export async function dial(port: number, { localAddress }: DialOptions = {}): Promise<SmtpClient> {
  const socket = connect({ port, host: '127.0.0.1', ...(localAddress ? { localAddress } : {}) });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return clientOn(socket);
}

/** Connects, reads the greeting and says EHLO. */
export async function open(port: number, options?: DialOptions): Promise<SmtpClient> {
  const client = await dial(port, options);
  const greeting = await client.reply();
  if (greeting.code !== 220) throw new Error(`greeted with ${greeting.code} ${greeting.text}`);
  await client.say('EHLO test');
  return client;
}

export function clientOn(socket: Socket): SmtpClient {
  let lines: string[] = [];
  let rest = '';
  const replies: Reply[] = [];
  const waiting: ((reply: Reply | undefined) => void)[] = [];
  socket.setNoDelay(true);
  socket.setEncoding('latin1');
  socket.on('error', () => {});
  socket.on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\r\n');
    rest = parts.pop()!;
    for (const line of parts) {
      lines.push(line.slice(4));
      if (line[3] === '-') continue;
      const reply = { code: Number(line.slice(0, 3)), text: lines.join('\n') };
      lines = [];
      const next = waiting.shift();
      if (next) next(reply);
      else replies.push(reply);
    }
  });
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  void ended.then(() => {
    for (const next of waiting.splice(0)) next(undefined);
  });

  const client: SmtpClient = {
    socket,
    ended,
    write: (octets) => void socket.write(typeof octets === 'string' ? Buffer.from(octets, 'latin1') : octets),
    reply(ms = 10_000) {
      const ready = replies.shift();
      if (ready) return Promise.resolve(ready);
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no reply within ${ms} ms`)), ms);
        waiting.push((reply) => {
          clearTimeout(timer);
          if (reply) resolve(reply);
          else reject(new Error('the connection ended without a reply'));
        });
        if (socket.destroyed) waiting.pop()!(undefined);
      });
    },
    say(line) {
      client.write(`${line}\r\n`);
      return client.reply();
    },
    async envelope(from, to) {
      for (const line of [`MAIL FROM:<${from}>`, ...to.map((one) => `RCPT TO:<${one}>`)]) {
        const reply = await client.say(line);
        if (reply.code !== 250) return reply;
      }
      return client.say('DATA');
    },
    async mail(from, to, data) {
      const reply = await client.envelope(from, to);
      if (reply.code !== 354) return reply;
      client.write(data);
      client.write('\r\n.\r\n');
      return client.reply();
    },
    close: () => void socket.destroy(),
  };
  return client;
}
