// A mail server on loopback that keeps what it is given, and answers each mail as the test says.
import type { AddressInfo } from 'node:net';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';

export type Kept = {
  /** '' for a mail without a sender. */
  from: string;
  to: string[];
  secure: boolean;
  user: string;
  raw: string;
  mail: ParsedMail;
};

export type MailServer = {
  port: number;
  /** Every mail that came, in order, those that were refused too. */
  kept: Kept[];
  /** Refuses what it says a code for; `undefined` takes the mail. */
  refuse: (count: number) => number | undefined;
  stop(): Promise<void>;
};

/** With `tls` it offers STARTTLS and AUTH, and takes `login`. */
export async function startMailServer({
  tls,
  login,
}: {
  tls?: { cert: string; key: string };
  login?: { user: string; password: string };
} = {}): Promise<MailServer> {
  const kept: Kept[] = [];
  const server = new SMTPServer({
    ...tls,
    logger: false,
    disabledCommands: [...(tls ? [] : ['STARTTLS']), ...(login ? [] : ['AUTH'])],
    authOptional: !login,
    disableReverseLookup: true,
    closeTimeout: 100,
    onAuth: ({ username, password }, _session, done) =>
      username === login?.user && password === login?.password
        ? done(null, { user: username })
        : done(Object.assign(new Error('no'), { responseCode: 535 })),
    async onData(stream, session, done) {
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      const raw = Buffer.concat(chunks);
      const { mailFrom, rcptTo } = session.envelope;
      kept.push({
        from: mailFrom ? mailFrom.address : '',
        to: rcptTo.map(({ address }) => address),
        secure: session.secure,
        user: String(session.user ?? ''),
        raw: raw.toString('latin1'),
        mail: await simpleParser(raw),
      });
      const code = peer.refuse(kept.length);
      done(code === undefined ? null : Object.assign(new Error('not now'), { responseCode: code }));
    },
  });
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const peer: MailServer = {
    port: (server.server.address() as AddressInfo).port,
    kept,
    refuse: () => undefined,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return peer;
}
