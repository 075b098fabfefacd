// Callbacks to mailboxes: one try to hand the mail to the configured mail server.
import { createTransport } from 'nodemailer';
import type { Config } from '#shared/config/schema.ts';
import { readPems } from '#shared/http/pems.ts';
import type { Callback } from '#shared/messages/callback.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import type { Answer } from './call.ts';
import { incomingMail } from './incoming-mail.ts';
import { mailboxOf, statusMail } from './status-mail.ts';

type Mail = NonNullable<Config['callbacks']['mail']>;
export type Mailboxes = {
  /** The mail server, for the access log and traces. */
  host: string;
  /** Never rejects. The reason holds no address. */
  send(callback: Callback): Promise<Answer>;
};

const PORTS = { starttls: 587, tls: 465, none: 25 };
/** nodemailer's words for a mail that the server does not want: its envelope, or the mail itself. */
const UNWANTED = new Set(['EENVELOPE', 'EMESSAGE']);

const never = (reason: string): Answer => ({ ok: false, permanent: true, reason });

/** `timeout` in ms; `dir`: PEM files are relative to it. Throws one line when such a file cannot be used. */
export function openMailboxes(mail: Mail, timeout: number, dir: string): Mailboxes {
  const { host, security, tls, user, password, from } = mail;
  const { serverName, ...files } = tls ?? {};
  const transport = createTransport({
    host,
    port: mail.port ?? PORTS[security],
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    tls: { ...readPems('callbacks.mail.tls', files, dir), ...(serverName ? { servername: serverName } : {}) },
    ...(user === undefined ? {} : { auth: { user, pass: password ?? '' } }),
    connectionTimeout: timeout,
    greetingTimeout: timeout,
    socketTimeout: timeout,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    host,
    async send(callback) {
      const mailbox = mailboxOf(callback.url);
      if (!mailbox) return never('the mailto names no mailbox');
      try {
        // Without an envelope sender nobody answers it: RFC 3464, 2.
        await transport.sendMail({
          envelope: { from: '', to: mailbox.address },
          raw: await (callback.incoming ? incomingMail : statusMail)(callback, from),
        });
        return { ok: true, reason: '250' };
      } catch (error) {
        return failureOf(error as { code?: string; responseCode?: number });
      }
    },
  };
}

function failureOf(error: { code?: string; responseCode?: number }): Answer {
  const { code = '', responseCode } = error;
  if (responseCode === undefined) return { ok: false, reason: `the mail server: ${code || reasonOf(error)}` };
  const reason = `the mail server answers ${responseCode}`;
  return responseCode >= 500 && UNWANTED.has(code) ? never(reason) : { ok: false, reason };
}
