// The forms of names, ports and networks, wherever the configuration has one.
import { z } from 'zod';

export const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'a name of 1 to 32 small letters, digits and dashes, such as sms4-main');

export const port = z.int().min(0).max(65_535);

export const network = z.union(
  [z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()],
  'an address or a network, such as 192.168.0.0/16',
);

const CALLERS = 'an address or a network, such as 192.168.0.0/16 or 192.168.*.*';

/** Beside those, as Kannel writes them: `192.168.*.*`. */
export const callerNetwork = z.union(
  [network, z.string().regex(/^(?=.*\*)((\d{1,3}|\*)(\.|$)){4}$/, CALLERS)],
  CALLERS,
);
