// The row of a script, and the one folder in which scripts may be.
import { z } from 'zod';
import { numberSection } from '../number.ts';
import { providerBase } from '../provider.ts';
import { duration, size } from '../units.ts';

export const scriptsSection = z.strictObject({
  /** Scripts are run from this folder and from nowhere else; relative to the configuration file. */
  folder: z.string().min(1),
});

export const scriptProvider = z.strictObject({
  bearer: z.literal('script'),
  ...providerBase,
  /** Runs at once. */
  window: z.int().min(1).max(100).default(4),
  /** The program's file name in `scripts.folder`. */
  script: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/, 'a file name without a folder'),
  number: numberSection(),
  /** A run that takes longer is killed with everything it started. */
  timeout: duration.default(30_000),
  /** A run that writes more to stdout and stderr is killed too. */
  maxOutput: size.default(65_536),
});

type Rows = { scripts?: unknown; providers: Record<string, { bearer: string }> };

/** What is wrong between the rows of scripts and the section `scripts`. */
export function scriptsFault({ scripts, providers }: Rows): { path: string[]; message: string } | undefined {
  const [name] = Object.entries(providers).find(([, row]) => row.bearer === 'script') ?? [];
  if (name === undefined || scripts !== undefined) return undefined;
  return { path: ['providers', name, 'script'], message: 'needs scripts.folder, the folder in which scripts may be' };
}
