// Kannel's number for how a message is written: 0 is GSM 7-bit, 1 binary, 2 UCS-2.
import type { IncomingMessage } from '#shared/messages/callback.ts';

export const kannelCoding = ({ encoding }: Pick<IncomingMessage, 'encoding'>): number =>
  encoding === 'binary' ? 1 : encoding === 'ucs2' ? 2 : 0;
