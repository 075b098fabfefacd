// What the sender of a mail hears by mail of its messages: what it asks for (RFC 3461, NOTIFY), or what its client's row
// says. It travels as a callback to a mailbox.
import type { Client } from '#shared/config/schema.ts';
import { MAIL_SCHEME } from '#shared/messages/callback.ts';

/** Kannel's dlr-mask. */
const DELIVERED = 1;
const FAILED = 2;

export type Sender = {
  /** '' for a mail that wants no answer. */
  from: string;
  /** NOTIFY of all recipients, in capitals. */
  notify: readonly string[];
  /** ENVID, by which the sender knows its mail. */
  envid?: string;
};

export type Status = { dlrMask: number; dlrUrl: string };

/** Undefined when the sender is to hear nothing. The URL is a mailto as in RFC 6068. */
export function statusFor(sender: Sender, { mail }: Client, messageId: string | undefined): Status | undefined {
  const { from, notify, envid } = sender;
  const dlrMask = maskOf(mail?.status ?? 'asked', notify);
  if (from === '' || dlrMask === 0) return undefined;
  const query = new URLSearchParams();
  if (messageId) query.set('in-reply-to', messageId);
  if (envid) query.set('envid', envid);
  return { dlrMask, dlrUrl: `${MAIL_SCHEME}${encodeURIComponent(from)}?${query}` };
}

function maskOf(status: NonNullable<Client['mail']>['status'], notify: readonly string[]): number {
  if (status === 'never') return 0;
  if (status === 'all') return DELIVERED | FAILED;
  const delivered = notify.includes('SUCCESS') ? DELIVERED : 0;
  return delivered | (status === 'failures' || notify.includes('FAILURE') ? FAILED : 0);
}
