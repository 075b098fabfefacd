// Packed septets: eight characters of the GSM 7-bit alphabet in seven octets, the lowest bits first (3GPP TS 23.038,
// 6.1.2.1.1).

/** Bits between a header of `octets` and the first septet, which begins on a septet boundary (TS 23.040, 9.2.3.24). */
export const fillBits = (octets: number): number => (7 - ((octets * 8) % 7)) % 7;

/** Septets that `octets` of a header take, its fill bits included. */
export const septetsOf = (octets: number): number => Math.ceil((octets * 8) / 7);

/** The septets, one in each octet given, behind `fill` bits of zero. What is above 0x7f is cut off. */
export function packSeptets(septets: Uint8Array, fill = 0): Buffer {
  const packed = Buffer.alloc(Math.ceil((fill + septets.length * 7) / 8));
  let bit = fill;
  for (const octet of septets) {
    const septet = octet & 0x7f;
    const at = bit >> 3;
    packed[at]! |= (septet << (bit & 7)) & 0xff;
    if ((bit & 7) > 1) packed[at + 1]! |= septet >> (8 - (bit & 7));
    bit += 7;
  }
  return packed;
}

/** `count` septets behind `fill` bits, one in each octet. Throws a RangeError when there are not so many. */
export function unpackSeptets(packed: Uint8Array, count: number, fill = 0): Buffer {
  if (fill + count * 7 > packed.length * 8) throw new RangeError(`${count} septets do not fit in the octets given`);
  const septets = Buffer.alloc(count);
  let bit = fill;
  for (let i = 0; i < count; i++) {
    const at = bit >> 3;
    const two = packed[at]! | ((packed[at + 1] ?? 0) << 8);
    septets[i] = (two >> (bit & 7)) & 0x7f;
    bit += 7;
  }
  return septets;
}
