// A callback as a mail: a delivery status notification (RFC 3464) with a sentence for people in front. It has no text of
// the message.
import MimeNode from 'nodemailer/lib/mime-node';
import { type Callback, MAIL_SCHEME } from '#shared/messages/callback.ts';

const DELIVERED = 1;
/** What comes from outside stays one line of a header. */
const MOST_LINE = 500;
export const lineOf = (text: string) => text.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, MOST_LINE);

/** The mailbox and the names in a mailto of RFC 6068; undefined when it names none. */
export function mailboxOf(url: string): { address: string; inReplyTo: string; envid: string } | undefined {
  const [, mailbox, query] = /^mailto:([^?]*)\??(.*)$/s.exec(url) ?? [];
  const fields = new URLSearchParams(query);
  let address: string;
  try {
    address = decodeURIComponent(mailbox ?? '');
  } catch {
    return undefined;
  }
  if (!url.startsWith(MAIL_SCHEME) || !/^[^\s<>,;:"@]+@[^\s<>,;:"@]+$/.test(address)) return undefined;
  return { address, inReplyTo: lineOf(fields.get('in-reply-to') ?? ''), envid: lineOf(fields.get('envid') ?? '') };
}

/** The whole mail. `from` is an address of the gateway. */
export function statusMail(callback: Callback, from: string): Promise<Buffer> {
  const { id, at, dlrType, values } = callback;
  const { address, inReplyTo, envid } = mailboxOf(callback.url)!;
  const delivered = dlrType === DELIVERED;
  const number = /^\d{7,}$/.test(values.to) ? `+${values.to}` : values.to;
  const state = lineOf(values.state ?? (delivered ? 'delivered' : 'failed'));
  const why = lineOf(values.reason || values.text);
  const when = new Date(at).toUTCString().replace('GMT', '+0000');
  const mail = new MimeNode('multipart/report; report-type=delivery-status')
    .setHeader({ from, to: address, subject: `SMS to ${number}: ${state}`, date: when })
    // The same at every try: a repeat is recognisable.
    .setHeader({
      'message-id': `<${id}.${callback.callback}@${from.split('@')[1]}>`,
      'auto-submitted': 'auto-replied',
    });
  if (inReplyTo) mail.setHeader({ 'in-reply-to': inReplyTo, references: inReplyTo });
  const said = delivered ? 'was delivered' : `was not delivered: ${why || state}`;
  mail
    .createChild('text/plain; charset=utf-8')
    .setContent(`The SMS to ${number} ${said}.\r\n\r\nMessage  ${id}\r\nState    ${state}\r\nTime     ${when}\r\n`);
  const lines = [
    `Reporting-MTA: dns; ${from.split('@')[1]}`,
    ...(envid ? [`Original-Envelope-Id: ${envid}`] : []),
    '',
    `Final-Recipient: x-sms; ${number}`,
    `Action: ${delivered ? 'delivered' : 'failed'}`,
    `Status: ${delivered ? '2.0.0' : '5.0.0'}`,
    ...(delivered || !why ? [] : [`Diagnostic-Code: x-sms; ${why}`]),
    `Last-Attempt-Date: ${when}`,
    '',
  ];
  mail.createChild('message/delivery-status').setContent(lines.join('\r\n'));
  return mail.build();
}
