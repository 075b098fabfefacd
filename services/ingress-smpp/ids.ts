// Message ids as a client wants them: a UUID, or the same 128 bits in hex or in decimal, so that nothing has to be
// stored to find the way back.
import type { Client } from '#shared/config/schema.ts';

export type IdForm = Client['smpp']['messageIds'];

const HEX = /^[0-9a-f]{32}$/;
/** 2^128 has 39 digits. */
const DECIMAL = /^\d{1,39}$/;

/** The id of a message as the client is told it: at most 39 of the 64 characters of a message_id (SMPP 3.4, 5.2.23). */
export function toClient(id: string, form: IdForm): string {
  if (form === 'uuid') return id;
  const hex = id.replaceAll('-', '');
  return form === 'hex' ? hex : BigInt(`0x${hex}`).toString();
}

/** The UUID behind what a client calls a message, or undefined. Small and capital letters are the same. */
export function fromClient(given: string, form: IdForm): string | undefined {
  const hex = form === 'decimal' ? hexOf(given) : given.replaceAll('-', '').toLowerCase();
  if (!HEX.test(hex)) return undefined;
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

const hexOf = (decimal: string) => (DECIMAL.test(decimal) ? BigInt(decimal).toString(16).padStart(32, '0') : '');

/** When a message was accepted, in epoch ms: the first 48 bits of its UUIDv7 (RFC 9562, 5.7). */
export const acceptedAt = (id: string) => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
