// W3C trace context (https://www.w3.org/TR/trace-context/): one trace per message, from the door to the receipt.
import { randomOctets } from '../random.ts';

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

const randomHex = (octets: number) => randomOctets(octets).toString('hex');

export const isTraceparent = (text: string): boolean => TRACEPARENT.test(text);

/** The trace id of a message, for a log line. */
export const traceOf = (traceparent: string | undefined): string | undefined => traceparent?.slice(3, 35);

/** The caller's trace context when it is well formed, else a new trace. */
export function traceparentOf(header: unknown): string {
  if (typeof header === 'string' && isTraceparent(header)) return header;
  return `00-${randomHex(16)}-${randomHex(8)}-01`;
}
