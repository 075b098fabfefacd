// Which callback an event owes to a client: Kannel's types and its dlr-mask (facts: recorded from Kannel 1.4.5).
import { statusName } from '#shared/smpp/library.ts';

/** 1 delivered, 2 failed, 4 buffered, 8 accepted by the SMSC, 16 refused by it. */
export type DlrType = 1 | 2 | 4 | 8 | 16;
export type Owed = { type: DlrType; text: string; provider: string; providerId: string };

/**
 * The type under which it is told, or undefined when the client did not ask. A client that asked for failures but not
 * for refusals hears of a refusal as a failure: Kannel would stay silent, and the client would wait for ever.
 */
export function typeOwed(type: DlrType, mask: number): DlrType | undefined {
  if (mask & type) return type;
  return type === 16 && mask & 2 ? 2 : undefined;
}

const TEXTS: Record<number, string> = {
  1: 'Invalid Message Length',
  10: 'Invalid Source Address',
  11: 'Invalid Destination Address',
  69: 'Submit failed',
  88: 'Throttling error',
};

/** `0x0000000b/Invalid Destination Address`, the form of Kannel's NACK. */
export function refusalText(code: number, reason: string): string {
  return `0x${code.toString(16).padStart(8, '0')}/${TEXTS[code] ?? (reason || statusName(code))}`;
}
