// One connection to a mail server: opened with TLS and AUTH as the row says, then one mail after the other.
import { Readable } from 'node:stream';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { ProviderOf } from '#shared/config/schema.ts';
import type { Show } from '#shared/egress/dialogue.ts';
import type { Pems } from '#shared/http/pems.ts';
import type { Outcome } from '#shared/outcome.ts';
import { quote } from '#shared/telemetry/quote.ts';
import { type Mail, octetsOf } from './mail.ts';
import { dialogueLogger } from './show.ts';
import { enhancedOf, verdict } from './verdict.ts';

type Row = ProviderOf<'smtp'>;
/** What nodemailer adds to an error: which command, and the server's reply to it. */
type SmtpError = Error & { code?: string; command?: string; response?: string; responseCode?: number };

const PORTS = { starttls: 587, tls: 465, none: 25 } as const;
const CONNECT_TIMEOUT_MS = 10_000;

export type MailSession = {
  /** `lost`: the connection was over before the server had the mail, so that it may go out on another one. */
  send(mail: Mail, signal: AbortSignal): Promise<Outcome | 'lost'>;
  /** The connection is over. */
  readonly over: boolean;
  /** Says QUIT; nothing may be under way. */
  quit(): void;
};

export const addressOf = ({ host, port, security }: Row) => `${host}:${port ?? PORTS[security]}`;

/** Rejects with one line that says where and why. `onOver` runs when the connection ends, `show` hears all that is said. */
export async function openSession(row: Row, pems: Pems, onOver: () => void, show?: Show): Promise<MailSession> {
  const connection = connectionOf(row, pems, show);
  let fail: (error: Error) => void = () => {};
  connection.on('error', (error: Error) => fail(error));
  connection.once('end', () => {
    fail(new Error('the server closed the connection'));
    onOver();
  });
  try {
    await new Promise<void>((resolve, reject) => {
      fail = reject;
      connection.connect((error) => (error ? reject(error) : resolve()));
    });
    if (row.user !== undefined) await login(connection, row.user, row.password!, (reject) => (fail = reject));
  } catch (error) {
    connection.close();
    throw new Error(`${addressOf(row)}: ${wordsOf(error as SmtpError)}`);
  }
  fail = () => {};
  return {
    get over() {
      return connection.destroyed;
    },
    send: (mail, signal) => send(connection, row, mail, signal),
    quit: () => connection.quit(),
  };
}

function connectionOf(row: Row, pems: Pems, show: Show | undefined): SMTPConnection {
  const { host, port, security, tls, name, idle } = row;
  return new SMTPConnection({
    host,
    port: port ?? PORTS[security],
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    tls: {
      ...pems,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: tls?.verify ?? true,
      ...(tls?.serverName ? { servername: tls.serverName } : {}),
    },
    ...(name ? { name } : {}),
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: CONNECT_TIMEOUT_MS,
    dnsTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: Math.max(idle, row.responseTimeout, CONNECT_TIMEOUT_MS),
    logger: show ? dialogueLogger(show) : false,
    debug: show !== undefined,
  });
}

function login(
  connection: SMTPConnection,
  user: string,
  pass: string,
  onFault: (reject: (error: Error) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    onFault(reject);
    if (!connection.allowsAuth) return reject(new Error('the server does not offer AUTH, and the row has a user'));
    connection.login({ user, pass }, (error) => (error ? reject(error) : resolve()));
  });
}

async function send(connection: SMTPConnection, row: Row, mail: Mail, signal: AbortSignal): Promise<Outcome | 'lost'> {
  const octets = await octetsOf(mail);
  /** The server has asked for the mail: from here on it may have it. */
  let begun = false;
  const content = new Readable({
    read() {
      begun = true;
      this.push(octets);
      this.push(null);
    },
  });
  const envelope = { from: mail.from, to: [mail.to], size: octets.length };
  return new Promise((resolve) => {
    const give = (outcome: Outcome | 'lost') => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(outcome);
    };
    const lost = (why: string) => give(begun ? { kind: 'unknown', reason: why } : 'lost');
    const cut = (why: string) => {
      connection.close();
      lost(why);
    };
    const onAbort = () => cut('this worker stopped before the mail server answered');
    const timer = setTimeout(
      () => cut(`the mail server did not answer within ${row.responseTimeout / 1_000} s`),
      row.responseTimeout,
    );
    signal.addEventListener('abort', onAbort, { once: true });
    connection.send(envelope, content, (error, info) => {
      if (!error) return give({ kind: 'done', parts: [{ providerId: queueIdOf(info.response), receipt: false }] });
      const { code, command = '', response = '', responseCode } = error as SmtpError;
      if (code === 'EMESSAGE' && responseCode === undefined)
        return give({ kind: 'refused', reason: 'the mail is larger than the server takes', scope: 'provider' });
      if (responseCode === undefined) return lost('the connection was lost before the mail server answered');
      const said = quote(response, mail.message);
      give(verdict({ command, code: responseCode, enhanced: enhancedOf(response), said }, row.to !== mail.to));
    });
  });
}

/** As Postfix and others say it: `250 2.0.0 Ok: queued as 4F1A`. */
const queueIdOf = (reply: string) => /queued as <?([\w.@-]{1,64})/i.exec(reply)?.[1] ?? '';

function wordsOf({ message, response, command }: SmtpError): string {
  return response ? `${command ?? 'the greeting'}: ${quote(response)}` : quote(message);
}
