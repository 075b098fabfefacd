// From a message to what a preset gets: the number as the provider wants it, and what it shall be asked for.
import type { Sms } from '#shared/messages/sms.ts';
import type { HttpRow } from '#shared/providers/api.ts';
import type { Outgoing } from '#shared/providers/preset.ts';
import { rewriteNumber } from '#shared/sms/rewrite.ts';
import { encodingOf } from '#shared/sms/segments.ts';

/** Kannel's bits for "delivered" and "failed", and those above its five, which ask for some final report too. */
const FINAL_RECEIPT = 3;
const BEYOND = ~31;

/** `callback`: where the provider reports to. `now` is epoch ms. */
export function outgoingOf(message: Sms, row: HttpRow, callback: string | undefined, now: number): Outgoing {
  const { id, from, text, udh, messageClass, segments, priority, notBefore } = message;
  const always = row.receipts === 'always';
  const mask = message.dlrMask ?? 0;
  const asked = always || (mask & (FINAL_RECEIPT | BEYOND)) !== 0;
  const tellValidity = always || message.validityAsked === true;
  return {
    id,
    from,
    text,
    segments,
    to: rewriteNumber(message, row.number),
    encoding: message.encoding ?? encodingOf(text),
    receipt: asked && callback !== undefined,
    ...(callback === undefined ? {} : { callback }),
    ...(udh === undefined ? {} : { udh }),
    ...(messageClass === undefined ? {} : { messageClass }),
    ...(priority === undefined ? {} : { priority }),
    ...(notBefore === undefined ? {} : { notBefore }),
    ...(tellValidity ? { validitySeconds: Math.max(1, Math.floor((message.expiry - now) / 1_000)) } : {}),
  };
}
