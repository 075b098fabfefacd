// A message from a handset as a mail.
import MimeNode from 'nodemailer/lib/mime-node';
import type { Callback } from '#shared/messages/callback.ts';
import { lineOf, mailboxOf } from './status-mail.ts';

/** The whole mail. `from` is an address of the gateway. Octets that are no text are attached. */
export function incomingMail({ id, callback, at, url, incoming, values }: Callback, from: string): Promise<Buffer> {
  const { text, encoding } = incoming!;
  const sender = lineOf(values.given);
  const binary = encoding === 'binary';
  const mail = new MimeNode(binary ? 'application/octet-stream' : 'text/plain; charset=utf-8', {
    filename: binary ? 'message.bin' : undefined,
  })
    .setHeader({ from, to: mailboxOf(url)!.address, subject: `SMS from ${sender} to ${lineOf(values.from)}` })
    .setHeader({ date: new Date(at).toUTCString().replace('GMT', '+0000') })
    // The same at every try: a repeat is recognisable. Nothing answers it: RFC 3834.
    .setHeader({ 'message-id': `<${id}.${callback}@${from.split('@')[1]}>`, 'auto-submitted': 'auto-generated' })
    .setHeader({ 'x-sms-from': sender, 'x-sms-to': lineOf(values.from), 'x-sms-provider': values.provider })
    .setContent(binary ? Buffer.from(text, 'latin1') : text.toWellFormed());
  return mail.build();
}
