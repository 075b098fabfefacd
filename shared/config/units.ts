// Durations, rates and sizes in the configuration carry their unit.
import { z } from 'zod';

const MS = { ms: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `10s`, `500ms`, `5min`, `24h`, `7d` → milliseconds. */
export const duration = z
  .string()
  .regex(/^\d{1,9}(\.\d{1,3})?(ms|s|m|min|h|d)$/, 'a duration with its unit, such as 500ms, 10s, 5min, 24h or 7d')
  .transform((text) => {
    const [, amount, unit] = /^([\d.]+)([a-z]+)$/.exec(text)!;
    return Math.round(Number(amount) * MS[unit as keyof typeof MS]);
  });

/** `100/s`, `600/min` → messages per second. */
export const rate = z
  .string()
  .regex(/^\d{1,7}(\.\d{1,3})?\/(s|m|min|h)$/, 'a rate with its unit, such as 100/s or 600/min')
  .transform((text) => {
    const [amount, unit] = text.split('/') as [string, 's' | 'm' | 'min' | 'h'];
    return Number(amount) / (MS[unit] / 1_000);
  });

const OCTETS = { B: 1, KiB: 1_024, MiB: 1_048_576 } as const;

/** `512B`, `256KiB`, `1MiB` → octets. */
export const size = z
  .string()
  .regex(/^\d{1,9}(B|KiB|MiB)$/, 'a size with its unit, such as 512B, 256KiB or 1MiB')
  .transform((text) => {
    const [, amount, unit] = /^(\d+)([A-Za-z]+)$/.exec(text)!;
    return Number(amount) * OCTETS[unit as keyof typeof OCTETS];
  });
