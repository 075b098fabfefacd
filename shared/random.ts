// Random octets in small portions. Asked for one by one each costs the system's generator some µs, with a message several.
import { randomBytes } from 'node:crypto';

const POOL = 4_096;
let pool = Buffer.alloc(0);
let used = 0;

/** As cryptographically strong as `randomBytes`, never given twice, for up to some hundred octets. */
export function randomOctets(count: number): Buffer {
  if (used + count > pool.length) {
    // A new one: whoever still has a portion of the old one keeps it.
    pool = randomBytes(POOL);
    used = 0;
  }
  used += count;
  return pool.subarray(used - count, used);
}
