// The user data header in front of a short message (3GPP TS 23.040, 9.2.3.24), and which part of a long message it names.
// Written by others: nothing in it is believed.

export type Concat = { reference: number; total: number; part: number };
export type UserData = {
  /** The header, its length octet first. */
  udh: Buffer;
  /** What follows it. */
  rest: Buffer;
  concat?: Concat;
};

/** A reference of one octet, and of two (9.2.3.24.1 and 9.2.3.24.8). */
const CONCAT_8_BIT = 0x00;
const CONCAT_16_BIT = 0x08;

/** User data that begins with a header; undefined when that is not well-formed. */
export function readUdh(userData: Buffer): UserData | undefined {
  const end = (userData[0] ?? Number.POSITIVE_INFINITY) + 1;
  if (end < 3 || end > userData.length) return undefined;
  let concat: Concat | undefined;
  for (let at = 1; at < end; ) {
    const [element, length = end] = userData.subarray(at, end);
    const next = at + 2 + length;
    if (next > end) return undefined;
    concat ??= concatOf(element!, userData.subarray(at + 2, next));
    at = next;
  }
  return { udh: userData.subarray(0, end), rest: userData.subarray(end), ...(concat ? { concat } : {}) };
}

function concatOf(element: number, value: Buffer): Concat | undefined {
  const [one = 0, two = 0, three = 0, four = 0] = value;
  if (element === CONCAT_8_BIT && value.length === 3) return part(one, two, three);
  if (element === CONCAT_16_BIT && value.length === 4) return part((one << 8) | two, three, four);
  return undefined;
}

/** A part that is not one of its total is no part (9.2.3.24.1). */
const part = (reference: number, total: number, index: number): Concat | undefined =>
  index >= 1 && index <= total ? { reference, total, part: index } : undefined;
