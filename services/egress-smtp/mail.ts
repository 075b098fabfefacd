// From a message to the mail that a gateway turns into an SMS again: the row's templates, filled in.
import MailComposer from 'nodemailer/lib/mail-composer';
import type { ProviderOf } from '#shared/config/schema.ts';
import type { Sms } from '#shared/messages/sms.ts';
import { rewriteNumber } from '#shared/sms/rewrite.ts';
import { fillTags } from '#shared/sms/tags.ts';

/** Ready to be sent, whichever connection takes it. `message` is what no log line may hold. */
export type Mail = { from: string; to: string; subject: string; body: string; id: string; message: Pick<Sms, 'text'> };

type Row = Pick<ProviderOf<'smtp'>, 'from' | 'to' | 'subject' | 'body' | 'number'>;

/** One mailbox in ASCII (RFC 5321, 4.1.2), without quoting. */
const MAILBOX = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}$/;

/**
 * The mail of a message. Line breaks and other control characters in a subject become blanks; an address that the
 * number, the text or the sender would make into another or a second one is refused with an Error.
 */
export function mailOf(message: Sms, row: Row): Mail {
  const { text, from, id, handover } = message;
  const tags = { to: rewriteNumber(message, row.number), text, from, id };
  const to = fillTags(row.to, tags);
  if (!MAILBOX.test(to)) throw new Error('with this number the recipient of the mail is no mail address');
  return {
    from: row.from,
    to,
    subject: fillTags(row.subject, tags).replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' '),
    // A line break of another kind could be read as the end of the mail by some server on the way.
    body: fillTags(row.body, tags).replaceAll(/\r\n|\r|\n/g, '\r\n'),
    // The same for a repeat of the same hand-over, so that a gateway which looks at it sends one SMS.
    id: `<${id}.${handover}@${row.from.split('@')[1]}>`,
    message: { text },
  };
}

/** The mail's octets: From, To, Subject, Message-ID, Date, and one text/plain part, as it stands where it is plain ASCII. */
export function octetsOf({ from, to, subject, body, id }: Mail): Promise<Buffer> {
  const composer = new MailComposer({
    from: { name: '', address: from },
    to: { name: '', address: to },
    subject,
    messageId: id,
    text: body,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return composer.compile().build();
}
