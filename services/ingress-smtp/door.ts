// The SMTP side of the mail door, one listener of it: who may connect, log in, and name which recipients; limits on
// everything.
import {
  SMTPServer,
  type SMTPServerAuthentication,
  type SMTPServerDataStream,
  type SMTPServerSession,
} from 'smtp-server';
import type { Config, MailRule } from '#shared/config/schema.ts';
import type { SmtpListener } from '#shared/config/smtp.ts';
import { refuse } from '#shared/doors/accept.ts';
import { type Credentials, denialOf, openCredentials, type Verified } from '#shared/doors/credentials.ts';
import type { Pems } from '#shared/doors/pems.ts';
import { type Log, reasonOf } from '#shared/telemetry/log.ts';
import { receive } from './octets.ts';
import { recipientRefusal } from './recipients.ts';
import { Refused } from './refused.ts';
import { allowsSender, openRights, type Rights } from './rights.ts';
import { Sessions } from './sessions.ts';
import type { Arrived } from './take.ts';

const LIMITS = {
  idleMs: 60_000,
  sessionMs: 10 * 60_000,
  sweepMs: 5_000,
  stopMs: 5_000,
  commandLine: 2_048,
  recipients: 100,
  logins: 3,
};
/** smtp-server has these for play or for proxies. */
const NEVER = ['WIZ', 'SHELL', 'KILL', 'XCLIENT', 'XFORWARD'];

export type Listener = Omit<SmtpListener, 'tls'> & {
  /** Begins with TLS, or offers it with STARTTLS, or has none. */
  mode: 'tls' | 'starttls' | 'clear';
};
export type DoorOptions = {
  config: Pick<Config, 'clients' | 'mail' | 'callbacks'>;
  listener: Listener;
  tls: Pems | undefined;
  log: Log;
  /** Whether a message could be taken now. */
  isOpen: () => boolean;
  /** Gives the text of the 250; rejects with Refused. */
  take: (arrived: Arrived) => Promise<string>;
};

type Done = (error?: Error | null) => void;

export class MailDoor {
  readonly #options: DoorOptions;
  readonly #credentials: Credentials;
  readonly #rights: Rights;
  readonly #server: SMTPServer;
  readonly #sweeper: NodeJS.Timeout;
  readonly #sessions = new Sessions();

  constructor(options: DoorOptions) {
    const { config, listener, tls } = options;
    this.#options = options;
    this.#credentials = openCredentials(config.clients);
    this.#rights = openRights(config, this.#credentials);
    this.#server = new SMTPServer({
      ...(listener.name ? { name: listener.name } : {}),
      ...tls,
      banner: 'Hermod',
      secure: listener.mode === 'tls',
      logger: false,
      authOptional: true,
      allowInsecureAuth: listener.auth === 'clear',
      authMethods: ['PLAIN', 'LOGIN'],
      disabledCommands: [...NEVER, 'AUTH', 'STARTTLS'],
      disableReverseLookup: true,
      // Who asks for news of its mail (RFC 3461) gets some only where there is a way to send it.
      hideDSN: config.callbacks.mail === undefined,
      size: listener.maxSize,
      rejectOversized: true,
      maxClients: listener.maxConnections,
      maxRecipients: LIMITS.recipients,
      maxCommandLength: LIMITS.commandLine,
      socketTimeout: LIMITS.idleMs,
      closeTimeout: LIMITS.stopMs,
      onConnect: (session, done) => this.#answer(session, done, () => this.#connect(session)),
      onSecure: (_socket, session, done) => this.#answer(session, done, () => this.#allowCommands(session)),
      onAuth: (auth, session, done) =>
        this.#login(auth, session).then(
          (user) => done(null, { user }),
          (error) => done(this.#refusal(session, error)),
        ),
      onMailFrom: ({ address }, session, done) => this.#answer(session, done, () => this.#mailFrom(session, address)),
      onRcptTo: ({ address }, session, done) => this.#answer(session, done, () => this.#recipient(session, address)),
      onData: (stream, session, done) =>
        this.#data(stream, session).then(
          (text) => done(null, text),
          (error) => done(this.#refusal(session, error)),
        ),
      onClose: ({ id }) => this.#sessions.close(id),
    });
    // A connection's fault: the connection is gone, and the door goes on.
    this.#server.on('error', (error) => options.log.debug({ reason: reasonOf(error) }, 'a connection failed'));
    this.#sweeper = setInterval(() => this.#sweep(), LIMITS.sweepMs);
  }

  /** Resolves with the port; rejects when the address cannot be had. */
  listen(): Promise<number> {
    const { host, port } = this.#options.listener;
    return new Promise((resolve, reject) => {
      this.#server.server.once('error', reject);
      this.#server.listen(port, host, () => resolve((this.#server.server.address() as { port: number }).port));
    });
  }

  /** For connections from now on. */
  renew(pems: Pems): void {
    this.#server.updateSecureContext(pems);
  }

  /** Takes no more, answers the mails that are being taken, closes the rest with 421. */
  async stop(): Promise<void> {
    clearInterval(this.#sweeper);
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#end('4.3.2 the gateway stops, try again', () => true);
    await closed;
  }

  #answer(session: SMTPServerSession, done: Done, check: () => void): void {
    let refusal: Refused | undefined;
    try {
      check();
    } catch (error) {
      refusal = this.#refusal(session, error);
    }
    done(refusal);
  }

  /** Notes a refusal and makes it smtp-server's; anything else is a fault of this program, and temporary. */
  #refusal({ remoteAddress, user }: SMTPServerSession, error: unknown): Refused {
    const refused =
      error instanceof Refused ? error : new Refused(451, '4.3.0', 'a fault of the gateway, see its log', 'fault');
    if (refused !== error)
      this.#options.log.error({ reason: reasonOf(error) }, 'a mail failed: a fault of this program');
    const { reason, detail, fields } = refused;
    const { client, ...denial } = refused.denial ?? { detail };
    refuse('smtp', reason, remoteAddress, (user as Verified | undefined)?.name ?? client, {
      ...denial,
      ...(fields ? { fields } : {}),
    });
    return refused;
  }

  #connect(session: SMTPServerSession): void {
    const { listener } = this.#options;
    const address = session.remoteAddress;
    if (this.#sessions.open(session.id, address) > listener.maxPerAddress) {
      throw new Refused(421, '4.7.0', 'too many connections from here', 'connections');
    }
    const mayLogIn = listener.auth !== 'off' && this.#rights.mayLogIn(address);
    if (!mayLogIn && this.#rulesFor(session).length === 0) {
      throw new Refused(554, '5.7.1', 'no mail rule is open to this address', 'network');
    }
    this.#allowCommands(session);
  }

  #allowCommands(session: SMTPServerSession): void {
    const { mode, auth } = this.#options.listener;
    const off = [...NEVER];
    if (mode !== 'starttls') off.push('STARTTLS');
    if (auth === 'off' || (auth === 'tls' && !session.secure)) off.push('AUTH');
    session.disabledCommands = off;
  }

  async #login({ username, password }: SMTPServerAuthentication, session: SMTPServerSession): Promise<Verified> {
    const verified = await this.#credentials.verify(username ?? '', password ?? '', session.remoteAddress);
    if (verified && this.#credentials.allows(verified, session.remoteAddress)) return verified;
    const last = this.#sessions.loginFailed(session.id) >= LIMITS.logins;
    const detail = 'the name or password is wrong';
    const refused = new Refused(last ? 421 : 535, last ? '4.7.0' : '5.7.8', detail, 'authorization');
    refused.denial = {
      ...denialOf(username, verified !== undefined, this.#options.config.clients),
      ...(verified ? { client: verified.name } : {}),
    };
    throw refused;
  }

  #mailFrom(session: SMTPServerSession, from: string): void {
    const { listener, isOpen } = this.#options;
    if (listener.requireTls && !session.secure) throw new Refused(530, '5.7.0', 'STARTTLS first', 'tls');
    if (this.#rulesFor(session).length === 0) {
      throw session.user
        ? new Refused(550, '5.7.1', 'no mail rule is for this client', 'rule')
        : new Refused(530, '5.7.0', 'authentication required', 'authorization');
    }
    if (this.#rulesFor(session, from).length === 0) {
      throw new Refused(550, '5.7.1', 'this sender is not among the mail.senders of the client', 'sender');
    }
    if (!isOpen()) throw new Refused(451, '4.3.0', 'the gateway cannot take mail now, try again', 'broker');
  }

  #recipient(session: SMTPServerSession, address: string): void {
    const countryOf = (client: string) => this.#options.config.clients[client]?.country;
    const { mailFrom, rcptTo } = session.envelope;
    const rules = this.#rulesFor(session, mailFrom ? mailFrom.address : '');
    const refused = recipientRefusal(rules, [...rcptTo.map((earlier) => earlier.address), address], countryOf);
    if (refused) throw refused;
  }

  async #data(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<string> {
    const { remoteAddress: address } = session;
    // smtp-server empties the envelope as soon as it has our answer.
    const { mailFrom, rcptTo, dsn } = session.envelope;
    const envelope = {
      from: mailFrom ? mailFrom.address : '',
      recipients: rcptTo.map((recipient) => recipient.address),
      notify: rcptTo.flatMap((recipient) => recipient.dsn?.notify ?? []),
      ...(dsn?.envid ? { envid: dsn.envid } : {}),
    };
    const rules = this.#rulesFor(session, envelope.from);
    const octets = await receive(stream, this.#options.listener.maxSize);
    this.#sessions.setTaking(session.id, true);
    try {
      return await this.#options.take({ octets, envelope, address, rules });
    } finally {
      this.#sessions.setTaking(session.id, false);
    }
  }

  /** The rules that are open to this session, and to this envelope sender where one is given. */
  #rulesFor({ remoteAddress, user }: SMTPServerSession, from?: string): MailRule[] {
    const rules = this.#rights.rulesOf(remoteAddress, (user as Verified | undefined)?.name);
    if (from === undefined) return rules;
    return rules.filter(({ client }) => allowsSender(this.#options.config.clients[client]!, from));
  }

  /** Idle clients run into the socket's own limit; this is for those that trickle. */
  #sweep(): void {
    this.#end('4.4.2 this session has lasted too long', (id) => this.#sessions.isOlderThan(id, LIMITS.sessionMs));
  }

  #end(text: string, which: (id: string) => boolean): void {
    for (const connection of this.#server.connections) {
      const { id } = connection.session;
      if (id && which(id) && !this.#sessions.isTaking(id)) connection.send(421, text);
    }
  }
}
