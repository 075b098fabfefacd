// Figures to read a run against: Kannel 1.4.5 (Debian 12) on 2 cores, an SMPP transceiver with a window of 500, measured
// with a generator and an SMSC written in C. Another machine gives others: compare within one run where it matters.
import type { Case } from './case.ts';

const FULL: Record<number, string> = {
  10: 'no store 22.0–23.5k/s, 69 µs; spool store 16.5–17.0k/s, p50/p95/p99 0.5/1.0/2.2 ms, 94 µs',
  50: 'no store 21.9–24.3k/s, p50/p95/p99 2.0/3.4/4.2 ms, 66 µs; spool store 14.4–17.2k/s, 3.4/5.4/5.9 ms, 94 µs',
  200: 'no store 24.5k/s, p50/p95/p99 7.4/11/14 ms, 67 µs; spool store 8.5–15.7k/s, 23/25/28 ms, 115 µs',
};
const CALLBACKS: Record<number, string> = {
  10: 'receipts and callbacks 6.5k/s, p50/p95/p99 185/6346/7555 ms, 280 µs',
  50: 'receipts and callbacks 5.7k/s, p50/p95/p99 821/15547/16990 ms, 321 µs',
};
const FIXED: Record<number, string> = {
  200: 'no store p50/p95/p99 0.14/0.20/0.25 ms, 115 µs',
  1000: 'no store p50/p95/p99 0.13/0.18/0.23 ms, 111 µs; spool store 0.16/0.25/0.32 ms, 160 µs',
};
const FIXED_CALLBACKS: Record<number, string> = {
  200: 'receipts and callbacks p50/p95/p99 17/41/44 ms, 445 µs',
  1000: 'receipts and callbacks p50/p95/p99 18/42/45 ms, 311 µs',
};

/** Kannel's figures for the same case, or undefined where it was not measured. Receipts were measured with callbacks only. */
export function kannelAt({ door, rate, connections, receipts }: Case): string | undefined {
  if (door !== 'http') return undefined;
  if (rate === undefined) return (receipts ? CALLBACKS : FULL)[connections];
  return (receipts ? FIXED_CALLBACKS : FIXED)[rate];
}
