// Inputs out of other inputs, the same ones for the same seed: bits flipped, octets that parsers stumble over, pieces
// repeated, moved, cut, taken from another input.

export type Random = { below(most: number): number; pick<T>(items: readonly T[]): T };

/** mulberry32. */
export function random(seed: number): Random {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (most: number) => Math.floor(next() * most);
  return { below, pick: (items) => items[below(items.length)]! };
}

const OCTETS = [
  0, 1, 0x0a, 0x0d, 0x1b, 0x20, 0x22, 0x25, 0x26, 0x27, 0x2b, 0x2f, 0x3a, 0x3c, 0x3d, 0x5c, 0x7f, 0x80, 0xff,
];
const TIMES = [2, 3, 17, 300];

export function mutated(input: Buffer, other: Buffer, words: readonly string[], most: number, random: Random): Buffer {
  let octets: Buffer = Buffer.from(input);
  for (let n = 1 << random.below(4); n > 0; n--) octets = step(octets, other, words, random);
  return octets.subarray(0, most);
}

function step(octets: Buffer, other: Buffer, words: readonly string[], random: Random): Buffer {
  const at = random.below(octets.length + 1);
  const end = Math.min(octets.length, at + 1 + random.below(16));
  const put = (piece: Buffer, from = at, to = at) =>
    Buffer.concat([octets.subarray(0, from), piece, octets.subarray(to)]);
  switch (random.below(9)) {
    case 0:
      if (at < octets.length) octets[at]! ^= 1 << random.below(8);
      return octets;
    case 1:
      if (at < octets.length) octets[at] = random.pick(OCTETS);
      return octets;
    case 2:
      if (at < octets.length) octets[at] = (octets[at]! + random.below(9) - 4) & 0xff;
      return octets;
    case 3:
      return put(Buffer.of(random.pick(OCTETS)));
    case 4:
      return put(Buffer.alloc(0), at, end);
    case 5:
      return put(Buffer.concat(Array<Buffer>(random.pick(TIMES)).fill(octets.subarray(at, end))), at, end);
    case 6:
      return put(Buffer.from(random.pick(words), 'latin1'), at, random.below(2) ? end : at);
    case 7: {
      const from = random.below(other.length + 1);
      return put(other.subarray(from, from + random.below(40)), at, random.below(2) ? end : at);
    }
    default:
      return octets.subarray(0, at);
  }
}
