// A mail gateway stand-in: an SMTP server that speaks line by line, records what came, and at each command answers, hangs
// or cuts the line as the test says. STARTTLS, TLS from the first octet, AUTH PLAIN and LOGIN.
import net, { type AddressInfo, type Socket } from 'node:net';
import tls from 'node:tls';

type Command = 'greeting' | 'EHLO' | 'STARTTLS' | 'AUTH' | 'MAIL' | 'RCPT' | 'DATA' | 'mail';
export type Reply = string | 'hang' | 'cut';
export type Taken = {
  from: string;
  to: string;
  /** The mail as it stood, without the doubled dots. */
  data: string;
  user: string | undefined;
  encrypted: boolean;
  /** Name in the client's certificate. */
  peer: string | undefined;
  connection: number;
};

export type MailGatewayOptions = {
  security?: 'starttls' | 'tls' | 'none';
  /** With `ca`, clients need a certificate of that authority. */
  tls?: { cert: string; key: string; ca?: string };
  login?: { user: string; password: string };
};

export type MailGateway = {
  port: number;
  taken: Taken[];
  /** Every line that a client sent, passwords and all. */
  lines: string[];
  /** What the next such commands get instead of the usual; one each. */
  replies: Partial<Record<Command, Reply[]>>;
  connections(): { open: number; all: number };
  stop(): Promise<void>;
};

export async function startMailGateway(options: MailGatewayOptions = {}): Promise<MailGateway> {
  const { security = 'none' } = options;
  const gateway = { taken: [] as Taken[], lines: [] as string[], replies: {} as MailGateway['replies'] };
  const sockets = new Set<Socket>();
  let all = 0;
  const accept = (socket: Socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.once('close', () => sockets.delete(socket));
    talk(socket, ++all, options, gateway);
  };
  const server = security === 'tls' ? tls.createServer(secure(options), accept) : net.createServer(accept);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    ...gateway,
    port: (server.address() as AddressInfo).port,
    connections: () => ({ open: sockets.size, all }),
    stop: () =>
      new Promise((done) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => done());
      }),
  };
}

const secure = ({ tls: pems }: MailGatewayOptions) => ({
  ...pems,
  ...(pems?.ca ? { requestCert: true, rejectUnauthorized: true } : {}),
});

type Book = Pick<MailGateway, 'taken' | 'lines' | 'replies'>;

function talk(raw: Socket, connection: number, options: MailGatewayOptions, { taken, lines, replies }: Book): void {
  const { security = 'none', login } = options;
  let socket = raw;
  let encrypted = security === 'tls';
  let envelope = { from: '', to: '' };
  let user: string | undefined;
  let collected: string[] | undefined;
  let asked: ((line: string) => void) | undefined;
  let rest = '';

  const say = (reply: string) => void (socket.destroyed || socket.write(`${reply}\r\n`));
  /** The usual reply, unless the test has another one; true when it was the usual. */
  function reply(command: Command, usual: string): boolean {
    const other = replies[command]?.shift();
    if (other === 'cut') socket.destroy();
    else if (other !== 'hang') say(other ?? usual);
    if (other?.startsWith('421')) socket.end();
    return other === undefined;
  }

  function listen(on: Socket): void {
    socket = on;
    on.on('error', () => {});
    on.on('data', (octets) => {
      rest += octets.toString('latin1');
      for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        take(line);
      }
    });
  }

  function take(line: string) {
    if (collected) return collect(line);
    lines.push(line);
    if (asked) {
      const ask = asked;
      asked = undefined;
      return ask(line);
    }
    const [verb = '', argument = ''] = line.split(' ', 2);
    const address = /<(.*)>/.exec(line)?.[1] ?? '';
    if (verb === 'EHLO') {
      const more = [
        'gateway.example',
        'PIPELINING',
        'SIZE 10000',
        ...(security === 'starttls' && !encrypted ? ['STARTTLS'] : []),
        ...(login ? ['AUTH PLAIN LOGIN'] : []),
        'ENHANCEDSTATUSCODES',
      ];
      reply('EHLO', more.map((word, i) => `250${i === more.length - 1 ? ' ' : '-'}${word}`).join('\r\n'));
    } else if (verb === 'STARTTLS') startTls();
    else if (verb === 'AUTH') authenticate(argument, line.split(' ')[2]);
    else if (verb === 'MAIL') {
      envelope = { from: address, to: '' };
      reply('MAIL', '250 2.1.0 Ok');
    } else if (verb === 'RCPT') {
      if (reply('RCPT', '250 2.1.5 Ok')) envelope.to = address;
    } else if (verb === 'DATA') {
      if (envelope.to === '') say('503 5.5.1 no recipient');
      else if (reply('DATA', '354 go on')) collected = [];
    } else if (verb === 'QUIT') {
      say('221 2.0.0 Bye');
      socket.end();
    } else say('250 2.0.0 Ok');
  }

  function collect(line: string) {
    if (line !== '.') return void collected!.push(line.startsWith('.') ? line.slice(1) : line);
    const data = collected!.join('\r\n');
    collected = undefined;
    const peer = encrypted ? (socket as tls.TLSSocket).getPeerCertificate?.()?.subject?.CN : undefined;
    const name = Array.isArray(peer) ? peer[0] : peer;
    if (reply('mail', `250 2.0.0 Ok: queued as Q${taken.length + 1}`))
      taken.push({ ...envelope, data, user, encrypted, peer: name, connection });
  }

  function startTls(): void {
    if (!reply('STARTTLS', '220 2.0.0 go')) return;
    socket.removeAllListeners('data');
    encrypted = true;
    listen(new tls.TLSSocket(socket, { isServer: true, ...secure(options) }));
  }

  function authenticate(method: string, initial: string | undefined) {
    const check = (name: string | undefined, password: string | undefined) => {
      const right = name === login?.user && password === login?.password;
      if (right) user = name;
      reply('AUTH', right ? '235 2.7.0 Ok' : '535 5.7.8 Error: authentication failed');
    };
    const text = (encoded: string) => Buffer.from(encoded, 'base64').toString();
    if (method === 'PLAIN') {
      const [, name, password] = text(initial ?? '').split('\0');
      return check(name, password);
    }
    say('334 VXNlcm5hbWU6');
    asked = (name) => {
      say('334 UGFzc3dvcmQ6');
      asked = (password) => check(text(name), text(password));
    };
  }

  listen(raw);
  reply('greeting', '220 gateway.example ESMTP');
}
