// Message ids: UUIDv7 (RFC 9562, section 5.7), so that ids sort by time of acceptance.
import { randomOctets } from '../random.ts';

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

/** A new id for a message accepted at `now` (epoch ms). */
export function newId(now = Date.now()): string {
  const octets = randomOctets(10);
  const hex = (i: number) => HEX[octets[i]!]!;
  const time = now.toString(16).padStart(12, '0');
  const version = HEX[(octets[0]! & 0x0f) | 0x70]!;
  const variant = HEX[(octets[2]! & 0x3f) | 0x80]!;
  return `${time.slice(0, 8)}-${time.slice(8)}-${version}${hex(1)}-${variant}${hex(3)}-${hex(4)}${hex(5)}${hex(6)}${hex(7)}${hex(8)}${hex(9)}`;
}

/** The smallest id that a message accepted at `time` (epoch ms) can have: for searches by time over the primary key. */
export function firstIdAt(time: number): string {
  const hex = Math.max(0, time).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}

/** When the message with this id was accepted, epoch ms. */
export const timeOfId = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
